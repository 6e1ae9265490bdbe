//! Whether a condition can hold, and whether it can fail, for any facts at all.
//!
//! What must hold narrows the values that each attribute can have; of alternatives at least one must be left by what is
//! known around it. Alternatives are not combined with each other, so some that cannot hold pass for ones that can, and
//! never the other way round.

use std::cell::Cell;
use std::collections::BTreeMap;

use super::values::Values;
use crate::domain::condition::{Comparison, Condition, Segment, Tiers};
use crate::domain::offer::Key;

/// Steps that looking through one document may take, about a second's worth.
const FUEL: usize = 20_000_000;

/// What each attribute can still be.
type Known<'a> = BTreeMap<&'a str, Values<'a>>;
/// Alternatives, and whether each is to fail rather than to hold.
type Choice<'a> = (&'a [Condition], bool);

/// Judges conditions.
pub(super) struct Judge<'a> {
    segments: &'a BTreeMap<Key, Segment>,
    tiers: Option<&'a Tiers>,
    /// For each tier the comparison that it is reached.
    reached: Vec<Comparison>,
    fuel: Cell<usize>,
}

impl<'a> Judge<'a> {
    pub(super) fn new(segments: &'a BTreeMap<Key, Segment>, tiers: Option<&'a Tiers>) -> Self {
        let reached = tiers.map(Tiers::reached).unwrap_or_default();
        Self { segments, tiers, reached, fuel: Cell::new(FUEL) }
    }

    /// Whether it holds for no facts.
    pub(super) fn never(&self, condition: &Condition) -> bool {
        !self.may(condition, false, &mut Known::new())
    }

    /// Whether it holds for all facts.
    pub(super) fn always(&self, condition: &Condition) -> bool {
        !self.may(condition, true, &mut Known::new())
    }

    /// The attribute of which too much is asked, where that is why the condition never holds.
    pub(super) fn torn(&self, condition: &Condition) -> Option<String> {
        let mut known = Known::new();
        self.narrow(condition, false, &mut known, &mut Vec::new());
        known.iter().find(|(_, values)| !values.any()).map(|(name, _)| (*name).to_owned())
    }

    /// Takes so many steps; none are left when it answers false.
    fn spend(&self, steps: usize) -> bool {
        let left = self.fuel.get().checked_sub(steps);
        self.fuel.set(left.unwrap_or(0));
        left.is_some()
    }

    /// Whether it may hold (or, negated, fail) where this much is known.
    fn may<'b>(&'b self, condition: &'b Condition, negated: bool, known: &mut Known<'b>) -> bool {
        let mut choices = Vec::new();
        self.narrow(condition, negated, known, &mut choices);
        let cost: usize = known.values().map(Values::cost).sum();
        if !self.spend(cost) {
            return true;
        }
        if known.values().any(|values| !values.any()) {
            return false;
        }
        choices.into_iter().all(|(parts, negated)| {
            parts.iter().any(|part| !self.spend(cost) || self.may(part, negated, &mut known.clone()))
        })
    }

    /// Narrows what is known by all that must hold, and gathers the alternatives.
    fn narrow<'b>(
        &'b self,
        condition: &'b Condition,
        negated: bool,
        known: &mut Known<'b>,
        choices: &mut Vec<Choice<'b>>,
    ) {
        // What is left out narrows nothing.
        if !self.spend(1) {
            return;
        }
        match (condition, negated) {
            (Condition::Not(part), _) => self.narrow(part, !negated, known, choices),
            (Condition::All(parts), false) | (Condition::Any(parts), true) => {
                parts.iter().for_each(|part| self.narrow(part, negated, known, choices));
            }
            (Condition::All(parts), true) | (Condition::Any(parts), false) => match parts.as_slice() {
                [one] => self.narrow(one, negated, known, choices),
                parts => choices.push((parts, negated)),
            },
            (Condition::Compare(comparison), _) => compare(comparison, negated, known),
            (Condition::Segment(key), _) => {
                if let Some(segment) = self.segments.get(key) {
                    self.narrow(&segment.condition, negated, known, choices);
                }
            }
            (Condition::Tier(test), _) => {
                let reached = |at: usize| self.reached.get(at);
                match self.tiers.and_then(|tiers| tiers.span(test)) {
                    Some((from, below)) if !negated => {
                        reached(from).into_iter().for_each(|one| compare(one, false, known));
                        below.and_then(reached).into_iter().for_each(|one| compare(one, true, known));
                    }
                    Some((from, None)) => {
                        reached(from).into_iter().for_each(|one| compare(one, true, known));
                    }
                    // To be below or above: two alternatives, left open.
                    _ => {}
                }
            }
        }
    }
}

fn compare<'b>(comparison: &'b Comparison, negated: bool, known: &mut Known<'b>) {
    known.entry(&comparison.attribute).or_default().narrow(&comparison.test, negated);
}
