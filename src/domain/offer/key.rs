//! The keys by which a flow names its offers, segments and reasons.

use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Serialize, Serializer};
use utoipa::ToSchema;

/// The key of an offer, segment or reason within a flow: 1 to 64 of `a-z 0-9 - _`, first a letter or digit.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Deserialize, ToSchema)]
#[serde(try_from = "String")]
#[schema(value_type = String, pattern = "^[a-z0-9][a-z0-9_-]{0,63}$")]
// Shared, since every decision names the segments that hold.
pub struct Key(Arc<str>);

/// A text that is no key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a key: expected 1 to 64 of `a-z`, `0-9`, `-` and `_`, starting with a letter or digit")]
pub struct InvalidKey;

impl Key {
    /// The key's text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}
impl std::str::FromStr for Key {
    type Err = InvalidKey;

    fn from_str(text: &str) -> Result<Self, InvalidKey> {
        let plain = |b: &u8| b.is_ascii_lowercase() || b.is_ascii_digit();
        let starts_well = text.as_bytes().first().is_some_and(plain);
        let reads_well = text.as_bytes().iter().all(|b| plain(b) || matches!(b, b'-' | b'_'));
        if starts_well && reads_well && text.len() <= 64 { Ok(Self(text.into())) } else { Err(InvalidKey) }
    }
}
impl TryFrom<String> for Key {
    type Error = InvalidKey;

    fn try_from(text: String) -> Result<Self, InvalidKey> {
        text.parse()
    }
}
impl Serialize for Key {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.0)
    }
}
impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}
impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}
