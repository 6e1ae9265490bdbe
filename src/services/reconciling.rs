//! Settings of the comparison with Stripe.

use std::time::Duration;

use jiff::SignedDuration;

/// How the comparison of all subscriptions goes about it.
#[derive(Clone, Copy, Debug)]
pub struct Reconciling {
    /// How long after the last one another begins; none where nobody does it by itself.
    pub every: Option<SignedDuration>,
    /// Whether to repair what is safe.
    pub repair: bool,
    /// How long to leave Stripe alone between two questions.
    pub pause: Duration,
}
