//! What a call brings along, and what it answers.
use super::errors::ApiError;
use super::record::Record;
use serde_json::Value;

/// A call with its path variables and checked parameters.
#[derive(Debug)]
pub(super) struct Input {
    pub(super) ids: Vec<String>,
    pub(super) params: Record,
}

impl Input {
    /// The first variable of the path; the routes that ask for it have one.
    pub(super) fn id(&self) -> &str {
        self.ids.first().map_or("", String::as_str)
    }
}

/// What a call answers.
pub(super) type Outcome = Result<Value, ApiError>;
