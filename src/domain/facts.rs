//! Facts: typed values of attributes, each with its source and age.

use std::collections::BTreeMap;

use jiff::Timestamp;
use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// The type of an attribute.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum AttributeType {
    /// Text.
    Text,
    /// An exact decimal number.
    Number,
    /// True or false.
    Boolean,
    /// An instant, RFC 3339.
    Instant,
    /// A list of texts.
    TextList,
}

/// The value of an attribute.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type", content = "value", rename_all = "snake_case")]
pub enum Value {
    /// Text.
    Text(String),
    /// An exact decimal number.
    Number(Decimal),
    /// True or false.
    Boolean(bool),
    /// An instant.
    Instant(Timestamp),
    /// A list of texts.
    TextList(Vec<String>),
}

impl Value {
    /// Its type.
    #[must_use]
    pub fn attribute_type(&self) -> AttributeType {
        match self {
            Self::Text(_) => AttributeType::Text,
            Self::Number(_) => AttributeType::Number,
            Self::Boolean(_) => AttributeType::Boolean,
            Self::Instant(_) => AttributeType::Instant,
            Self::TextList(_) => AttributeType::TextList,
        }
    }
}

/// Where a fact comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
#[schema(as = FactSource)]
pub enum Source {
    /// Stripe, through the snapshot.
    Stripe,
    /// The profile that the app pushed.
    Profile,
    /// The customer token.
    Token,
    /// Our own record of earlier sessions.
    History,
}

/// One fact.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Fact {
    /// The value.
    #[serde(flatten)]
    pub value: Value,
    /// Where it comes from.
    pub source: Source,
    /// When it was true.
    pub as_of: Timestamp,
}

/// All facts about one subscriber, by attribute name (`plan.interval`).
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Facts(BTreeMap<String, Fact>);

impl Facts {
    /// States a fact; a later one about the same attribute replaces the earlier.
    pub fn state(&mut self, attribute: impl Into<String>, value: Value, source: Source, as_of: Timestamp) {
        self.0.insert(attribute.into(), Fact { value, source, as_of });
    }

    /// The fact about `attribute`, if there is one.
    #[must_use]
    pub fn get(&self, attribute: &str) -> Option<&Fact> {
        self.0.get(attribute)
    }

    /// All facts in the order of their names.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &Fact)> {
        self.0.iter().map(|(name, fact)| (name.as_str(), fact))
    }
}
