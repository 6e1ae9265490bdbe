//! Texts on their way into the database, and out of it.

use std::str::FromStr;

use super::error::{Failure, StoreError, malformed};

/// The text, if both databases can keep it: PostgreSQL refuses the NUL character.
pub(super) fn whole(name: &'static str, text: String) -> Result<String, StoreError> {
    if text.contains('\0') { Err(StoreError::Invalid(name)) } else { Ok(text) }
}

/// The document as JSON. Escapes keep it free of NUL characters.
pub(super) fn json<T: serde::Serialize>(place: &'static str, document: &T) -> Result<String, StoreError> {
    // What fails to serialise would be a map with keys that are not text; ours have none.
    serde_json::to_string(document).map_err(|_| StoreError::corrupt(place))
}

/// What the text kept under `place` says.
pub(super) fn parsed<T: FromStr>(place: &'static str, text: &str) -> Result<T, Failure> {
    text.parse().map_err(|_| malformed(place))
}
