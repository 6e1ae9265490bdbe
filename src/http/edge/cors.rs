//! Which front ends may call from a browser.

use actix_cors::Cors;
use actix_web::http::header;

use crate::config::Server;

/// Seconds for which a browser may remember the answer to a preflight.
const PREFLIGHT_SECONDS: usize = 600;

/// CORS by configuration. Credentials are never allowed: callers send a header, not a cookie.
pub fn cors(server: &Server) -> Cors {
    let base = Cors::default()
        .allowed_methods(["GET", "POST", "PUT", "DELETE"])
        .allowed_headers([header::AUTHORIZATION, header::CONTENT_TYPE, header::ACCEPT])
        .allowed_header("idempotency-key")
        .allowed_header("x-request-id")
        .expose_headers([
            "x-request-id",
            "retry-after",
            "ratelimit",
            "ratelimit-policy",
            "idempotent-replayed",
        ])
        .max_age(PREFLIGHT_SECONDS);
    if server.cors_origins.iter().any(|origin| origin == "*") {
        return base.allow_any_origin().send_wildcard();
    }
    server.cors_origins.iter().fold(base, |cors, origin| cors.allowed_origin(origin))
}
