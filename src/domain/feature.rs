//! Tags of features that subscribers miss.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::offer::Key;

/// The tag of a feature: 1 to 64 of `a-z 0-9 - _`, first a letter or digit. What people type is made one: `CSV export`
/// is `csv-export`.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, ToSchema)]
#[serde(try_from = "String", into = "String")]
#[schema(value_type = String, pattern = "^[A-Za-z0-9][A-Za-z0-9_ -]{0,63}$", example = "csv-export")]
pub struct FeatureTag(Key);

/// A text that cannot be made a tag.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error(
    "not a feature's tag: expected at most 64 letters (a to z), digits, `-` and `_`, starting with a letter or digit"
)]
pub struct InvalidTag;

impl FeatureTag {
    /// The tag's text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        self.0.as_str()
    }
}
impl FromStr for FeatureTag {
    type Err = InvalidTag;

    fn from_str(text: &str) -> Result<Self, InvalidTag> {
        let words: Vec<_> = text.split_whitespace().map(str::to_ascii_lowercase).collect();
        words.join("-").parse().map(Self).map_err(|_| InvalidTag)
    }
}
impl TryFrom<String> for FeatureTag {
    type Error = InvalidTag;

    fn try_from(text: String) -> Result<Self, InvalidTag> {
        text.parse()
    }
}
impl From<FeatureTag> for String {
    fn from(tag: FeatureTag) -> Self {
        tag.as_str().to_owned()
    }
}
impl fmt::Display for FeatureTag {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}
impl fmt::Debug for FeatureTag {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.0, f)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn what_people_type_becomes_one_tag() {
        for text in ["csv-export", "CSV export", "  Csv \t Export "] {
            assert_eq!(text.parse::<FeatureTag>().unwrap().as_str(), "csv-export", "{text}");
        }
        for text in ["", "  ", "-x", "é", "a/b", &"x".repeat(65)] {
            assert_eq!(text.parse::<FeatureTag>(), Err(InvalidTag), "{text}");
        }
    }

    proptest! {
        #[test]
        fn a_tag_is_its_own_tag(text in ".{0,80}") {
            if let Ok(tag) = text.parse::<FeatureTag>() {
                prop_assert_eq!(tag.as_str().parse(), Ok(tag.clone()));
            }
        }
    }
}
