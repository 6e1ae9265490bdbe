//! Facts: typed values of attributes, each with its source and age.

use std::collections::BTreeMap;

use jiff::Timestamp;
use rust_decimal::Decimal;
use serde::ser::SerializeMap as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use smallvec::SmallVec;
use smol_str::SmolStr;
use strum::{IntoStaticStr, VariantArray};
use utoipa::ToSchema;

/// The type of an attribute.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
#[derive(IntoStaticStr, VariantArray)]
#[strum(serialize_all = "snake_case")]
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

    /// Whether it can stand where this type is declared. An instant is written as a text (RFC 3339).
    #[must_use]
    pub fn fits(&self, declared: AttributeType) -> bool {
        match (self, declared) {
            (Self::Text(text), AttributeType::Instant) => text.parse::<Timestamp>().is_ok(),
            (value, declared) => value.attribute_type() == declared,
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
    /// The activity that the app told of.
    Usage,
}

/// One fact.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fact {
    /// The value.
    pub value: Value,
    /// Where it comes from.
    pub source: Source,
    /// When it was true.
    pub as_of: Timestamp,
}

/// All facts about one subscriber, by attribute name (`plan.interval`).
///
/// As JSON they stand in groups of one source and age, since every decision keeps them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Facts(
    /// Sorted by name. One piece of memory with the short names in it: a decision waits for little else.
    Vec<(SmolStr, Fact)>,
);

/// What one source said at one time, by type.
#[derive(Deserialize)]
struct Group {
    source: Source,
    as_of: Timestamp,
    #[serde(default)]
    text: BTreeMap<String, String>,
    #[serde(default)]
    number: BTreeMap<String, Decimal>,
    #[serde(default)]
    boolean: BTreeMap<String, bool>,
    #[serde(default)]
    instant: BTreeMap<String, Timestamp>,
    #[serde(default)]
    text_list: BTreeMap<String, Vec<String>>,
}

impl Serialize for Facts {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut groups: SmallVec<[(Source, Timestamp); 8]> = SmallVec::new();
        for (_, Fact { source, as_of, .. }) in &self.0 {
            if !groups.contains(&(*source, *as_of)) {
                groups.push((*source, *as_of));
            }
        }
        serializer.collect_seq(groups.iter().map(|group| OfGroup { facts: self, group }))
    }
}

/// The facts that one source stated at one time.
struct OfGroup<'a> {
    facts: &'a Facts,
    group: &'a (Source, Timestamp),
}

impl Serialize for OfGroup<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("source", &self.group.0)?;
        map.serialize_entry("as_of", &self.group.1)?;
        for of_type in AttributeType::VARIANTS {
            if self.values().any(|(_, value)| value.attribute_type() == *of_type) {
                map.serialize_entry(of_type, &OfType { group: self, of_type: *of_type })?;
            }
        }
        map.end()
    }
}

impl OfGroup<'_> {
    fn values(&self) -> impl Iterator<Item = (&SmolStr, &Value)> {
        let of_group = self.facts.iter().filter(|(_, fact)| (fact.source, fact.as_of) == *self.group);
        of_group.map(|(name, fact)| (name, &fact.value))
    }
}

/// Those of one type, as a map from names to plain values.
struct OfType<'a> {
    group: &'a OfGroup<'a>,
    of_type: AttributeType,
}

impl Serialize for OfType<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        for (name, value) in self.group.values().filter(|(_, value)| value.attribute_type() == self.of_type) {
            map.serialize_key(name.as_str())?;
            match value {
                Value::Text(text) => map.serialize_value(text)?,
                Value::Number(number) => map.serialize_value(number)?,
                Value::Boolean(truth) => map.serialize_value(truth)?,
                Value::Instant(at) => map.serialize_value(at)?,
                Value::TextList(list) => map.serialize_value(list)?,
            }
        }
        map.end()
    }
}

impl<'de> Deserialize<'de> for Facts {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let groups: Vec<Group> = Deserialize::deserialize(deserializer)?;
        let mut facts = Self::default();
        for Group { source, as_of, text, number, boolean, instant, text_list } in groups {
            let values = text.into_iter().map(|(name, text)| (name, Value::Text(text)));
            let values = values.chain(number.into_iter().map(|(name, number)| (name, Value::Number(number))));
            let values = values.chain(boolean.into_iter().map(|(name, truth)| (name, Value::Boolean(truth))));
            let values = values.chain(instant.into_iter().map(|(name, at)| (name, Value::Instant(at))));
            let values =
                values.chain(text_list.into_iter().map(|(name, list)| (name, Value::TextList(list))));
            values.for_each(|(name, value)| facts.state(name, value, source, as_of));
        }
        Ok(facts)
    }
}

impl Facts {
    /// None yet, with room for all that is known of most subscribers.
    #[must_use]
    pub fn with_room() -> Self {
        Self(Vec::with_capacity(64))
    }

    /// States a fact; a later one about the same attribute replaces the earlier.
    pub fn state(&mut self, attribute: impl Into<SmolStr>, value: Value, source: Source, as_of: Timestamp) {
        let (name, fact) = (attribute.into(), Fact { value, source, as_of });
        // Most come in order.
        let last = self.0.last().is_some_and(|(last, _)| *last < name);
        match if last { Err(self.0.len()) } else { self.place(&name) } {
            Ok(at) => {
                if let Some((_, known)) = self.0.get_mut(at) {
                    *known = fact;
                }
            }
            Err(at) => self.0.insert(at, (name, fact)),
        }
    }

    fn place(&self, name: &str) -> Result<usize, usize> {
        self.0.binary_search_by(|(known, _)| known.as_str().cmp(name))
    }

    /// The fact about `attribute`, if there is one.
    #[must_use]
    pub fn get(&self, attribute: &str) -> Option<&Fact> {
        self.0.get(self.place(attribute).ok()?).map(|(_, fact)| fact)
    }

    /// What the fact about `attribute` says, where that is a text.
    #[must_use]
    pub fn text(&self, attribute: &str) -> Option<&str> {
        match &self.get(attribute)?.value {
            Value::Text(text) => Some(text),
            _ => None,
        }
    }

    /// All facts in the order of their names.
    pub fn iter(&self) -> impl Iterator<Item = (&SmolStr, &Fact)> {
        self.0.iter().map(|(name, fact)| (name, fact))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::domain::condition::arbitrary::facts;

    proptest! {
        #[test]
        fn facts_survive_being_kept(facts in facts()) {
            let kept = serde_json::to_string(&facts).unwrap();
            prop_assert_eq!(serde_json::from_str::<Facts>(&kept).unwrap(), facts);
        }

        #[test]
        fn facts_are_found_by_name_the_later_ones_in_the_order_of_names(
            stated in prop::collection::vec(("[a-d]{1,2}|customer\\.[a-z]{20}", 0_u32..9), 0..40),
        ) {
            let mut facts = Facts::default();
            let mut expected = BTreeMap::new();
            for (name, value) in &stated {
                facts.state(name, Value::Number((*value).into()), Source::Profile, Timestamp::UNIX_EPOCH);
                expected.insert(name.as_str(), Value::Number((*value).into()));
            }
            let in_order: Vec<_> = facts.iter().map(|(name, fact)| (name.as_str(), fact.value.clone())).collect();
            prop_assert!(in_order.into_iter().eq(expected.clone()));
            for (name, value) in expected {
                prop_assert_eq!(facts.get(name).map(|fact| &fact.value), Some(&value));
            }
            prop_assert!(facts.get("e").is_none());
        }
    }
}
