//! Conditions: trees of `all`, `any` and `not` over comparisons of attributes with constants.
//!
//! The tree is the meaning; [`super::index`] is the engine. A comparison is true, or false, or its attribute is
//! missing, which counts as false: `not {attribute: x, eq: 1}` therefore holds when `x` is missing, while
//! `{attribute: x, ne: 1}` does not. A fact of another type than the comparison is for counts as missing, too. Only
//! `exists` looks at missing itself. Nothing here reads text from outside; that is [`super::flow`]'s.

mod test;
mod wire;

use jiff::Timestamp;

pub use test::{Age, AgeTest, AgeUnit, Order, Test, TextTest};
pub(crate) use test::{age_micros, as_instant};
pub(crate) use wire::{is_exact, number_json};

use super::facts::{Facts, Value};

/// A condition over facts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Condition {
    /// Every part holds.
    All(Vec<Condition>),
    /// At least one part holds.
    Any(Vec<Condition>),
    /// The part does not hold.
    Not(Box<Condition>),
    /// One attribute compared with constants.
    Compare(Comparison),
}

/// One attribute compared with constants.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Comparison {
    /// The attribute's name.
    pub attribute: String,
    /// The operator with its constants.
    pub test: Test,
}

/// How a comparison came out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// It holds.
    True,
    /// It does not.
    False,
    /// There is no such fact, or none of a type that can be compared so; counts as false.
    Missing,
}

impl Outcome {
    /// Whether it counts as true.
    #[must_use]
    pub fn holds(self) -> bool {
        self == Self::True
    }
}

impl Comparison {
    /// Compares with the fact's value, if there is one.
    #[must_use]
    pub fn outcome(&self, value: Option<&Value>, now: Timestamp) -> Outcome {
        match self.test.holds(value, now) {
            Some(true) => Outcome::True,
            Some(false) => Outcome::False,
            None => Outcome::Missing,
        }
    }
}

impl Condition {
    /// Whether it holds for these facts at `now`. Recurses as deep as the tree, which parsing bounds.
    #[must_use]
    pub fn holds(&self, facts: &Facts, now: Timestamp) -> bool {
        match self {
            Self::All(parts) => parts.iter().all(|part| part.holds(facts, now)),
            Self::Any(parts) => parts.iter().any(|part| part.holds(facts, now)),
            Self::Not(part) => !part.holds(facts, now),
            Self::Compare(comparison) => {
                let value = facts.get(&comparison.attribute).map(|fact| &fact.value);
                comparison.outcome(value, now).holds()
            }
        }
    }
}

#[cfg(test)]
pub(crate) mod arbitrary;
#[cfg(test)]
mod tests;
