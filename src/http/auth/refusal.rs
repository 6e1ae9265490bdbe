//! Refused tokens.

/// Why a token is not good: for the log, never for the caller.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Refusal(pub(super) &'static str);
