//! What a call to Stripe answers when it does not answer with what was asked for.

use std::fmt;
use std::time::Duration;

use stripe_client_core::StripeClientErr;

use crate::domain::operation::OperationProblem;

/// Our code for an object of the other mode, which Stripe calls missing and tells only in its message.
pub(super) const OTHER_MODE: &str = "other_mode";

/// Whether the call is known to have done nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum StripeErrorKind {
    /// Stripe refused for good and did nothing.
    Rejected,
    /// Time-outs, lost connections, 409, 429, 5xx, unreadable answers: Stripe may or may not have acted.
    Unknown,
    /// The secret key is not accepted; nothing was done, and nothing will be until somebody changes it.
    Unauthorized,
    /// The secret key lacks a permission; nothing was done.
    Permission,
}

/// Why a call to Stripe failed: final or unknown, never both.
#[derive(Clone, PartialEq, Eq)]
pub struct StripeError {
    /// Final or unknown.
    pub kind: StripeErrorKind,
    /// The HTTP status, when there was an answer.
    pub status: Option<u16>,
    /// Stripe's error code or type; ours (`timeout`, `connection_failed`, `unreadable_answer`, `http_502`) without one.
    pub code: String,
    /// Stripe's message, for operations; never for a subscriber, never in a log line.
    pub message: String,
    /// Stripe's request id.
    pub request_id: Option<String>,
    /// How long Stripe asked to be left alone.
    pub retry_after: Option<Duration>,
    /// Whether the idempotency key can bring nothing but this answer any more: Stripe replays a remembered 5xx, or
    /// holds the key for a request with other parameters. The way on is to look, then to use another key.
    pub key_spent: bool,
}

impl StripeError {
    /// An error without an answer of Stripe's behind it.
    pub(super) fn unknown(code: &str, message: impl fmt::Display) -> Self {
        Self {
            kind: StripeErrorKind::Unknown,
            status: None,
            code: code.to_owned(),
            message: message.to_string(),
            request_id: None,
            retry_after: None,
            key_spent: false,
        }
    }

    /// Whether Stripe itself is well, for all that this call failed: it answered, and not with a 5xx.
    pub(super) fn is_stripe_well(&self) -> bool {
        self.status.is_some_and(|status| status < 500)
    }

    /// What it came to, in one of few words.
    pub(super) fn outcome(&self) -> &'static str {
        match self.status {
            None if self.code == "timeout" => "timeout",
            None => "unreached",
            Some(429) => "limited",
            Some(409) => "conflict",
            Some(500..) => "failed",
            Some(_) => "refused",
        }
    }

    /// Whether Stripe has the object in the other mode (live or test) than that of the key.
    #[must_use]
    pub fn is_other_mode(&self) -> bool {
        self.code == OTHER_MODE
    }

    /// Whether Stripe has no such object.
    #[must_use]
    pub fn is_missing(&self) -> bool {
        self.kind == StripeErrorKind::Rejected
            && !self.is_other_mode()
            && (self.code == "resource_missing" || self.status == Some(404))
    }
}

impl From<StripeError> for OperationProblem {
    fn from(error: StripeError) -> Self {
        Self { code: error.code, message: error.message, request_id: error.request_id }
    }
}

impl fmt::Display for StripeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.status {
            Some(status) => write!(f, "Stripe answered {status} {}", self.code)?,
            None => write!(f, "no answer from Stripe: {}", self.code)?,
        }
        match &self.request_id {
            Some(id) => write!(f, " ({id})"),
            None => Ok(()),
        }
    }
}

/// Without Stripe's message, which may quote what was sent.
impl fmt::Debug for StripeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}: {self}", self.kind)
    }
}

impl std::error::Error for StripeError {}

impl StripeClientErr for StripeError {
    fn deserialize_err(msg: impl fmt::Display) -> Self {
        Self::unknown("unreadable_answer", msg)
    }
}
