//! Stripe: the client, the reads, the plans of calls that carry out billing operations, and its signed webhooks.
//!
//! Start with [`Gateway`]. Requests are built with async-stripe's types and sent by our own [`Transport`], which keeps
//! idempotency keys across retries and tells a final refusal from an unknown outcome. What is read is parsed into
//! structs of our own (`wire`) and turned into domain types before it leaves. Nothing here knows the store, the HTTP
//! API or a clock: the present comes in as an argument, and what must be durable goes out as a
//! [`StepRecord`](crate::domain::operation::StepRecord).

mod answer;
mod error;
mod gateway;
mod plan;
mod retry;
mod transport;
pub mod webhook;
mod wire;

pub use error::{StripeError, StripeErrorKind};
pub use gateway::Gateway;
pub use plan::{Progress, coupon_of};
pub use retry::{MAX_ATTEMPTS, backoff};
pub use transport::{API_BASE, InvalidOptions, StripeOptions, Transport};
