//! Stripe: the client, the reads, the plans of calls that carry out billing operations, and its signed webhooks.
//!
//! Start with [`Gateway`]. Requests are built with async-stripe's types and sent by our own [`Transport`], which keeps
//! idempotency keys across retries and tells a final refusal from an unknown outcome. What is read is parsed into
//! structs of our own (`wire`) and turned into domain types before it leaves. Nothing here knows the store or the HTTP
//! API: the present comes in as an argument (but for the circuit breaker, which has a clock), and what must be durable goes
//! out as a [`StepRecord`](crate::domain::operation::StepRecord).
//!
//! As a neighbour in the account it keeps below Stripe's limits (`limit`), and leaves a Stripe that is away alone
//! (`breaker`).

mod answer;
mod breaker;
mod endpoint;
mod error;
pub mod events;
mod fuse;
mod gateway;
mod limit;
mod measure;
mod options;
mod permissions;
mod plan;
mod retry;
mod transport;
pub mod webhook;
mod wire;

pub use breaker::BreakerState;
pub use error::{StripeError, StripeErrorKind};
pub use gateway::Gateway;
pub use options::{API_BASE, InvalidOptions, Limits, StripeOptions};
pub use permissions::{Access, PERMISSIONS, Permission, permissions_markdown};
pub use plan::Progress;
pub use retry::{MAX_ATTEMPTS, backoff};
pub use transport::Transport;
