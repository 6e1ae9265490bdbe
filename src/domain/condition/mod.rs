//! Conditions: trees of `all`, `any` and `not` over comparisons of attributes with constants.
//!
//! The tree is the meaning; [`super::index`] is the engine. A comparison is true, or false, or its attribute is
//! missing, which counts as false: `not {attribute: x, eq: 1}` therefore holds when `x` is missing, while
//! `{attribute: x, ne: 1}` does not. A fact of another type than the comparison is for counts as missing, too. Only
//! `exists` looks at missing itself. A condition may name segments and value tiers ([`Names`]). Nothing here reads text
//! from outside; that is [`super::flow`]'s.

mod names;
mod test;
mod wire;

use jiff::Timestamp;

pub use names::{Band, Names, Segment, Tiers, holds, in_order};
pub use test::{Age, AgeTest, AgeUnit, Order, Test, TextTest};
pub(crate) use test::{age_micros, as_instant};
pub use wire::Constant;
pub(crate) use wire::{is_exact, number_json};

use super::facts::{Facts, Value};
use super::offer::Key;

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
    /// The segment of that name holds.
    Segment(Key),
    /// The subscriber's value tier.
    Tier(TierTest),
}

/// A question about the subscriber's value tier. Whoever is in no tier fails it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TierTest {
    /// Which tiers pass.
    pub bound: TierBound,
    /// The tier compared with.
    pub tier: Key,
}

/// Which tiers pass, seen from one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum TierBound {
    /// That one alone.
    Is,
    /// `gte`: that one and those above.
    AtLeast,
    /// `lte`: that one and those below.
    AtMost,
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
    pub fn holds(&self, facts: &Facts, now: Timestamp, names: &Names<'_>) -> bool {
        match self {
            Self::All(parts) => parts.iter().all(|part| part.holds(facts, now, names)),
            Self::Any(parts) => parts.iter().any(|part| part.holds(facts, now, names)),
            Self::Not(part) => !part.holds(facts, now, names),
            Self::Compare(comparison) => {
                let value = facts.get(&comparison.attribute).map(|fact| &fact.value);
                comparison.outcome(value, now).holds()
            }
            Self::Segment(key) => (names.segment)(key),
            Self::Tier(test) => names.tiers.is_some_and(|tiers| tiers.holds(test, facts)),
        }
    }

    /// The segments that it names.
    #[must_use]
    pub fn named(&self) -> Vec<&Key> {
        let mut named = Vec::new();
        self.visit(&mut |part| {
            if let Self::Segment(key) = part {
                named.push(key);
            }
        });
        named
    }

    /// Shows it and all its parts, outer before inner.
    pub fn visit<'a>(&'a self, seen: &mut impl FnMut(&'a Self)) {
        seen(self);
        match self {
            Self::All(parts) | Self::Any(parts) => parts.iter().for_each(|part| part.visit(seen)),
            Self::Not(part) => part.visit(seen),
            Self::Compare(_) | Self::Segment(_) | Self::Tier(_) => {}
        }
    }
}

#[cfg(test)]
pub(crate) mod arbitrary;
#[cfg(test)]
mod tests;
