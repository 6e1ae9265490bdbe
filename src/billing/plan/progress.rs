//! How far an attempt has come, and why it ends early.

use std::time::Duration;

use jiff::Timestamp;

use crate::billing::error::StripeError;
use crate::domain::ineligible::Ineligible;
use crate::domain::operation::{OperationProblem, StepRecord};
use crate::domain::subscription::Subscription;

/// How far one call of [`Gateway::advance`](crate::billing::Gateway::advance) has brought an operation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Progress {
    /// Stripe has done a step. Make the record durable, then advance again.
    Step(StepRecord),
    /// The effect was seen in Stripe. Final.
    Applied {
        /// The subscription as it was read back.
        subscription: Box<Subscription>,
        /// The last step, when this call did or found it; to be recorded with the outcome.
        last: Option<StepRecord>,
    },
    /// The effect cannot be had; the subscription was not changed. Final.
    Rejected(OperationProblem),
    /// Its time has not come: nothing was done, and nothing is to be done before this.
    Later(Timestamp),
    /// It may or may not have happened. Advance again later.
    Unknown {
        /// What went wrong.
        problem: OperationProblem,
        /// How long Stripe asked to be left alone, at least.
        retry_after: Option<Duration>,
    },
    /// A person has to look. Advancing again is safe, and useful once the cause is gone.
    NeedsAttention(OperationProblem),
}

/// Why an attempt ends early.
pub(super) enum Halt {
    /// Stripe's answer, or its silence.
    Stripe(StripeError),
    /// The subscription cannot take it.
    Ineligible(OperationProblem),
    /// Nothing that trying again would change.
    Attention(OperationProblem),
}

impl From<StripeError> for Halt {
    fn from(error: StripeError) -> Self {
        Self::Stripe(error)
    }
}

impl From<Ineligible> for Halt {
    fn from(reason: Ineligible) -> Self {
        Self::Ineligible(problem(reason.code(), reason))
    }
}

/// A problem in words of ours.
pub(super) fn problem(code: &str, message: impl std::fmt::Display) -> OperationProblem {
    OperationProblem { code: code.to_owned(), message: message.to_string(), request_id: None }
}
