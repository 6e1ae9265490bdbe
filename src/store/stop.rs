//! How a transaction ends that is not committed.

use super::change::Changed;
use super::error::{Failure, StoreError};

/// Why a transaction is rolled back.
pub(super) enum Stop {
    /// One command is refused after it has begun to write; in a transaction of its own this is its answer.
    Refused(Box<Changed>),
    /// Something failed.
    Failed(Failure),
    /// There is no connection to be had.
    Unreachable(StoreError),
    /// The connection was lost while committing: nobody knows whether it is written.
    Unknown(diesel::result::Error),
}

impl From<Failure> for Stop {
    fn from(failure: Failure) -> Self {
        Self::Failed(failure)
    }
}
impl From<diesel::result::Error> for Stop {
    fn from(error: diesel::result::Error) -> Self {
        Self::Failed(error.into())
    }
}

impl Stop {
    pub(super) fn error(self) -> StoreError {
        match self {
            // A refusal is an answer wherever it can arise; this keeps the match whole.
            Self::Refused(_) => StoreError::Busy,
            Self::Failed(failure) => failure.into(),
            Self::Unreachable(error) => error,
            Self::Unknown(error) => StoreError::unavailable(error),
        }
    }
}
