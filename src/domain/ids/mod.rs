//! Identifiers, each of its own type, parsed at the edge.
//!
//! Our own are a prefix and a ULID (`ses_01J…`), so they sort by creation. Those of Stripe and of the app are
//! opaque text with a checked alphabet, so that none of them can bend a URL or a log line. Only what identifies lives
//! here, and nothing of what is identified.

mod customer;
mod external;
pub mod kind;
mod own;
mod text;

pub use customer::CustomerId;
pub use external::{
    CouponId, DiscountId, ExternalId, InvoiceId, PriceId, ProductId, PromotionCodeId, ScheduleId,
    StripeCustomerId, SubscriptionId, SubscriptionItemId,
};
pub use kind::Kind;
pub use own::{ApiKeyId, AskId, BacktestId, DriftId, EventId, Id, OfferId, OperationId, SessionId, SignalId};
pub use text::{InvalidId, MAX_EXTERNAL_ID};
