//! What a use case answers when it does not do what was asked: one public text that says what to do, and a cause
//! that never leaves the process.

use std::fmt;

use serde::Serialize;
use utoipa::ToSchema;

use super::cannot::Cannot;
use crate::domain::flow::Problem;
use crate::store::StoreError;

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
    /// The subscription cannot take it.
    Cannot(Box<Cannot>),
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

impl fmt::Display for ServiceError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotFound(what) => write!(f, "there is no such {what}"),
            Self::Conflict { detail, .. } => f.write_str(detail),
            Self::Cannot(cannot) => fmt::Display::fmt(&cannot.reason, f),
            Self::Invalid(errors) => {
                let words: Vec<String> =
                    errors.iter().map(|e| format!("{}: {}", e.pointer, e.detail)).collect();
                f.write_str(&words.join("; "))
            }
            Self::KeyReused => f.write_str("the idempotency key was used with another request"),
            Self::KeyRunning => f.write_str("the first request with this idempotency key still runs"),
            Self::Busy { .. } => f.write_str("too much to do; try again"),
            Self::BillingUnavailable(cause) | Self::Internal(cause) => fmt::Display::fmt(cause, f),
        }
    }
}

impl std::error::Error for ServiceError {}

impl ServiceError {
    /// One thing wrong with the request.
    pub(crate) fn invalid(pointer: &str, code: &str, detail: impl Into<String>) -> Self {
        Self::Invalid(vec![FieldError {
            pointer: pointer.to_owned(),
            code: code.to_owned(),
            detail: detail.into(),
            line: None,
            column: None,
        }])
    }
}

impl From<StoreError> for ServiceError {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::Busy => Self::Busy { retry_after: 1 },
            other => Self::Internal(Cause::new(other)),
        }
    }
}

impl From<Problem> for FieldError {
    fn from(problem: Problem) -> Self {
        Self {
            pointer: problem.pointer,
            code: problem.code.to_owned(),
            detail: problem.detail,
            line: problem.line,
            column: problem.column,
        }
    }
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
