//! What every request passes before and after its handler.
//!
//! Here live request ids with the access log, the guard against panics and slow work, security headers, CORS, the
//! rate limit, and the buffering of bodies. Nothing here knows a resource.

pub mod buffer;
pub mod client_address;
pub mod cors;
pub mod guard;
pub mod headers;
pub mod observe;
pub mod rate_limit;
pub mod request_id;
