//! What the names in a flow's conditions stand for: segments, and the bands of its value tiers.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use rust_decimal::Decimal;
use serde::ser::SerializeMap;
use serde::{Serialize, Serializer};

use super::{Comparison, Condition, Order, Test, TierBound, TierTest};
use crate::domain::facts::{Facts, Value};
use crate::domain::offer::Key;

/// A named condition.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Segment {
    /// Whom it holds for.
    pub condition: Condition,
    /// By what else rules may name it.
    pub tags: BTreeSet<Key>,
}

impl Serialize for Segment {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if self.tags.is_empty() {
            return self.condition.serialize(serializer);
        }
        let mut map = serializer.serialize_map(Some(2))?;
        map.serialize_entry("condition", &self.condition)?;
        map.serialize_entry("tags", &self.tags)?;
        map.end()
    }
}

/// Ordered bands of one number, such as monthly revenue: what a subscriber is worth, in words.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Tiers {
    /// The attribute, a number.
    pub attribute: String,
    /// At least one, from the lowest up. Whoever is below the first, or whose number is missing, is in none.
    pub bands: Vec<Band>,
}

/// A band: from its bound up to that of the next.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Band {
    /// Its name.
    pub key: Key,
    /// Its bound, itself included.
    #[serde(serialize_with = "as_number")]
    pub from: Decimal,
}

fn as_number<S: Serializer>(number: &Decimal, serializer: S) -> Result<S::Ok, S::Error> {
    super::number_json(*number).serialize(serializer)
}

impl Tiers {
    /// For each band the comparison that its bound is reached.
    #[must_use]
    pub fn reached(&self) -> Vec<Comparison> {
        let reached = |band: &Band| Comparison {
            attribute: self.attribute.clone(),
            test: Test::Number(Order::Gte(band.from)),
        };
        self.bands.iter().map(reached).collect()
    }

    /// The band whose bound must be reached and the one whose bound must not be, counted from 0; none when there is no
    /// such tier.
    #[must_use]
    pub fn span(&self, test: &TierTest) -> Option<(usize, Option<usize>)> {
        let at = self.bands.iter().position(|band| band.key == test.tier)?;
        let next = Some(at + 1).filter(|next| *next < self.bands.len());
        Some(match test.bound {
            TierBound::Is => (at, next),
            TierBound::AtLeast => (at, None),
            TierBound::AtMost => (0, next),
        })
    }

    /// The tier that these facts are in, if any.
    #[must_use]
    pub fn find(&self, facts: &Facts) -> Option<&Key> {
        let number = self.number(facts)?;
        self.bands.iter().rev().find(|band| band.from <= number).map(|band| &band.key)
    }

    /// Whether a test of the tier holds for these facts.
    #[must_use]
    pub fn holds(&self, test: &TierTest, facts: &Facts) -> bool {
        let (Some((from, below)), Some(number)) = (self.span(test), self.number(facts)) else { return false };
        let reached = |at: usize| self.bands.get(at).is_some_and(|band| band.from <= number);
        reached(from) && !below.is_some_and(reached)
    }

    fn number(&self, facts: &Facts) -> Option<Decimal> {
        match facts.get(&self.attribute)?.value {
            Value::Number(number) => Some(number),
            _ => None,
        }
    }
}

/// What the names in a condition stand for.
#[derive(Clone, Copy)]
pub struct Names<'a> {
    /// Whether the segment of that name holds.
    pub segment: &'a dyn Fn(&Key) -> bool,
    /// The flow's value tiers.
    pub tiers: Option<&'a Tiers>,
}

impl Names<'_> {
    /// For a condition that names nothing.
    pub const NONE: Names<'static> = Names { segment: &|_| false, tiers: None };
}

/// Whether a condition holds for these facts at `now`, asking every segment that it names in its turn. The plain meaning,
/// and slow: the engine is [`crate::domain::index::Index`].
#[must_use]
pub fn holds(
    condition: &Condition,
    segments: &BTreeMap<Key, Segment>,
    tiers: Option<&Tiers>,
    facts: &Facts,
    now: Timestamp,
) -> bool {
    let segment = |key: &Key| {
        segments.get(key).is_some_and(|named| holds(&named.condition, segments, tiers, facts, now))
    };
    condition.holds(facts, now, &Names { segment: &segment, tiers })
}

/// The segments in an order in which each stands behind all that it names.
///
/// # Errors
/// Each cycle, as the way from a segment back to itself; a segment that only leads into a cycle is in none.
pub fn in_order(segments: &BTreeMap<Key, Segment>) -> Result<Vec<&Key>, Vec<Vec<&Key>>> {
    let mut waiting: BTreeMap<&Key, usize> = BTreeMap::new();
    let mut named_by: BTreeMap<&Key, Vec<&Key>> = BTreeMap::new();
    for (key, segment) in segments {
        let known: BTreeSet<&Key> =
            segment.condition.named().into_iter().filter(|named| segments.contains_key(*named)).collect();
        waiting.insert(key, known.len());
        for named in known {
            named_by.entry(named).or_default().push(key);
        }
    }
    let mut ready: Vec<&Key> = waiting.iter().filter(|(_, left)| **left == 0).map(|(key, _)| *key).collect();
    let mut order = Vec::with_capacity(segments.len());
    while let Some(key) = ready.pop() {
        order.push(key);
        waiting.remove(key);
        for waits in named_by.get(key).into_iter().flatten() {
            if let Some(left) = waiting.get_mut(*waits) {
                *left -= 1;
                if *left == 0 {
                    ready.push(waits);
                }
            }
        }
    }
    if waiting.is_empty() { Ok(order) } else { Err(cycles(segments, &waiting)) }
}

/// Walks from each of the segments that wait for each other until the way closes or meets an earlier one.
fn cycles<'a>(segments: &'a BTreeMap<Key, Segment>, waiting: &BTreeMap<&'a Key, usize>) -> Vec<Vec<&'a Key>> {
    let mut cycles = Vec::new();
    let mut walked: BTreeMap<&Key, usize> = BTreeMap::new();
    for (walk, start) in waiting.keys().enumerate() {
        let mut way: Vec<&Key> = Vec::new();
        let mut next = Some(*start);
        while let Some(key) = next {
            if let Some(earlier) = walked.get(key) {
                if *earlier == walk {
                    let mut cycle: Vec<&Key> = way.iter().copied().skip_while(|one| *one != key).collect();
                    cycle.push(key);
                    cycles.push(cycle);
                }
                break;
            }
            walked.insert(key, walk);
            way.push(key);
            let named = segments.get(key).map(|segment| segment.condition.named()).unwrap_or_default();
            next = named.into_iter().find(|named| waiting.contains_key(*named));
        }
    }
    cycles
}
