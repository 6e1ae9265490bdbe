//! What a use case answers when it does not do what was asked: one public text that says what to do, and a cause
//! that never leaves the process.

use std::fmt;

use serde::Serialize;
use utoipa::ToSchema;

/// One thing wrong with a request.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct FieldError {
    /// JSON pointer to the offending value (RFC 6901); empty for the whole body.
    #[schema(example = "/attributes/customer.industry")]
    pub pointer: String,
    /// A stable code.
    #[schema(example = "invalid_type")]
    pub code: String,
    /// What is wrong and what to do about it.
    pub detail: String,
    /// Line in the document, from 1, where it was YAML.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub line: Option<usize>,
    /// Column in the document, from 1, where it was YAML.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub column: Option<usize>,
}

/// Why a use case did not do what was asked.
#[derive(Debug)]
pub enum ServiceError {
    /// No such thing, or none that the caller may know of.
    NotFound(&'static str),
    /// The present state does not allow it.
    Conflict {
        /// A stable code.
        code: &'static str,
        /// What to do.
        detail: String,
        /// The present state, in the words of the API.
        state: Option<String>,
    },
    /// The request is wrong.
    Invalid(Vec<FieldError>),
    /// The idempotency key was used with another request.
    KeyReused,
    /// The first request with this idempotency key still runs.
    KeyRunning,
    /// Too much to do; nothing was written.
    Busy {
        /// Seconds to wait.
        retry_after: u32,
    },
    /// Stripe could not be asked, and there is nothing known to go on with; nothing was written.
    BillingUnavailable(Cause),
    /// Our fault.
    Internal(Cause),
}

/// The cause of an error, for the log only.
pub struct Cause(Box<dyn std::error::Error + Send + Sync>);

impl fmt::Debug for Cause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}
impl fmt::Display for Cause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}

impl Cause {
    /// Wraps an error, or a text, as a cause.
    pub fn new(error: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Self {
        Self(error.into())
    }
}
