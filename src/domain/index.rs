//! The engine behind segments: all of them evaluated together.
//!
//! Each segment becomes one or more conjunctions (clauses) of comparisons, each clause a bit. Per attribute and kind of
//! comparison, the sorted constants of all clauses give each value a rank, and each rank has a mask of the clauses
//! that still can hold; a subscriber is then a few look-ups and ANDs. What does not fit a table is compared one by one,
//! and segments with too many alternatives are left to their tree. The tree stays the meaning: a property test holds
//! this file to it.

mod table;

use std::collections::BTreeMap;

use jiff::Timestamp;

use super::condition::{Comparison, Condition, Test};
use super::facts::{Facts, Value};
use table::Table;

/// Alternatives into which one segment may be expanded.
const MAX_CLAUSES: usize = 16;
/// Comparisons that one segment may have once expanded.
const MAX_LITERALS: usize = 600;

/// A set of small numbers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Bits(Vec<u64>);

impl Bits {
    fn filled(len: usize, word: u64) -> Self {
        Self(vec![word; len.div_ceil(64)])
    }

    fn set(&mut self, at: usize) {
        if let Some(word) = self.0.get_mut(at / 64) {
            *word |= 1 << (at % 64);
        }
    }

    fn clear(&mut self, at: usize) {
        if let Some(word) = self.0.get_mut(at / 64) {
            *word &= !(1 << (at % 64));
        }
    }

    fn and(&mut self, other: &Self) {
        for (word, other) in self.0.iter_mut().zip(&other.0) {
            *word &= other;
        }
    }

    /// Whether `at` is in it.
    #[must_use]
    pub fn has(&self, at: usize) -> bool {
        self.0.get(at / 64).is_some_and(|word| word & (1 << (at % 64)) != 0)
    }

    /// What is in it, ascending.
    pub fn iter(&self) -> impl Iterator<Item = usize> {
        self.0.iter().enumerate().flat_map(|(index, word)| {
            let mut left = *word;
            std::iter::from_fn(move || {
                let bit = usize::try_from(left.trailing_zeros()).ok().filter(|_| left != 0)?;
                left &= left - 1;
                Some(index * 64 + bit)
            })
        })
    }
}

/// A comparison that a clause needs to hold, or not to.
#[derive(Clone, Copy)]
struct Literal<'a> {
    comparison: &'a Comparison,
    negated: bool,
}

/// One comparison and the clauses that hang on it.
#[derive(Debug)]
struct Tested {
    test: Test,
    /// Clauses that need it to hold.
    positive: Vec<usize>,
    /// Clauses that need it not to hold.
    negative: Vec<usize>,
}

impl Tested {
    /// Takes out the clauses that fail when the comparison comes out so.
    fn narrow(&self, holds: bool, clauses: &mut Bits) {
        for clause in if holds { &self.negative } else { &self.positive } {
            clauses.clear(*clause);
        }
    }
}

/// Comparisons of one kind on one attribute.
#[derive(Debug)]
struct Group {
    tests: Vec<Tested>,
    table: Table,
    /// The clauses left when there is no fact that these comparisons can be made with.
    absent: Bits,
}

/// All segments of a flow, ready to be evaluated together.
#[derive(Debug)]
pub struct Index {
    segments: usize,
    clauses: usize,
    /// For each clause its segment.
    owners: Vec<usize>,
    /// Segments left to their tree.
    trees: Vec<usize>,
    attributes: Vec<(String, Vec<Group>)>,
}

impl Index {
    /// Builds the index of these conditions, in their order.
    #[must_use]
    pub fn build<'a>(conditions: impl Iterator<Item = &'a Condition>) -> Self {
        let (mut owners, mut trees, mut clauses) = (Vec::new(), Vec::new(), Vec::new());
        let mut segments = 0;
        for (segment, condition) in conditions.enumerate() {
            segments = segment + 1;
            match expand(condition, false) {
                Some(expanded) => {
                    owners.extend(expanded.iter().map(|_| segment));
                    clauses.extend(expanded);
                }
                None => trees.push(segment),
            }
        }
        let attributes = group(&clauses);
        Self { segments, clauses: clauses.len(), owners, trees, attributes }
    }

    /// Which of the conditions hold; they must be those that the index was built from.
    #[must_use]
    pub fn matching<'a>(
        &self,
        conditions: impl Iterator<Item = &'a Condition>,
        facts: &Facts,
        now: Timestamp,
    ) -> Bits {
        let mut clauses = Bits::filled(self.clauses, u64::MAX);
        for (attribute, groups) in &self.attributes {
            let value = facts.get(attribute).map(|fact| &fact.value);
            for group in groups {
                group.narrow(value, now, &mut clauses);
            }
        }
        let mut matching = Bits::filled(self.segments, 0);
        for (clause, owner) in self.owners.iter().enumerate() {
            if clauses.has(clause) {
                matching.set(*owner);
            }
        }
        if !self.trees.is_empty() {
            let mut trees = self.trees.iter().copied().peekable();
            for (segment, condition) in conditions.enumerate() {
                if trees.next_if_eq(&segment).is_some() && condition.holds(facts, now) {
                    matching.set(segment);
                }
            }
        }
        matching
    }
}

impl Group {
    fn new(tests: Vec<Tested>, clauses: usize) -> Self {
        let mut absent = Bits::filled(clauses, u64::MAX);
        for tested in &tests {
            tested.narrow(tested.test == Test::Exists(false), &mut absent);
        }
        Self { table: Table::build(&tests, clauses), tests, absent }
    }

    fn narrow(&self, value: Option<&Value>, now: Timestamp, clauses: &mut Bits) {
        let Some(value) = value else {
            return clauses.and(&self.absent);
        };
        if let Some(mask) = self.table.look_up(value, now) {
            return clauses.and(mask);
        }
        for tested in &self.tests {
            tested.narrow(tested.test.holds(Some(value), now) == Some(true), clauses);
        }
    }
}

/// Gathers what the clauses compare, by attribute and kind.
fn group(clauses: &[Vec<Literal<'_>>]) -> Vec<(String, Vec<Group>)> {
    let mut tests: BTreeMap<&str, BTreeMap<u8, Vec<Tested>>> = BTreeMap::new();
    let mut known: std::collections::HashMap<&Comparison, usize> = std::collections::HashMap::new();
    for (clause, literals) in clauses.iter().enumerate() {
        for literal in literals {
            let comparison = literal.comparison;
            let kinds = tests.entry(&comparison.attribute).or_default();
            let kind = kinds.entry(table::kind(&comparison.test)).or_default();
            let at = *known.entry(comparison).or_insert(kind.len());
            if at == kind.len() {
                kind.push(Tested {
                    test: comparison.test.clone(),
                    positive: Vec::new(),
                    negative: Vec::new(),
                });
            }
            if let Some(tested) = kind.get_mut(at) {
                let list = if literal.negated { &mut tested.negative } else { &mut tested.positive };
                list.push(clause);
            }
        }
    }
    let groups = |kinds: BTreeMap<u8, Vec<Tested>>| {
        kinds.into_values().map(|tests| Group::new(tests, clauses.len())).collect()
    };
    tests.into_iter().map(|(attribute, kinds)| (attribute.to_owned(), groups(kinds))).collect()
}

/// The condition, or its opposite, as alternatives of conjunctions; none when there would be too many.
fn expand(condition: &Condition, negated: bool) -> Option<Vec<Vec<Literal<'_>>>> {
    match (condition, negated) {
        (Condition::Compare(comparison), negated) => Some(vec![vec![Literal { comparison, negated }]]),
        (Condition::Not(part), negated) => expand(part, !negated),
        (Condition::Any(parts), false) | (Condition::All(parts), true) => {
            let mut alternatives = Vec::new();
            for part in parts {
                alternatives.extend(expand(part, negated)?);
                small(&alternatives)?;
            }
            Some(alternatives)
        }
        (Condition::All(parts), false) | (Condition::Any(parts), true) => {
            let mut alternatives: Vec<Vec<Literal<'_>>> = vec![Vec::new()];
            for part in parts {
                let part = expand(part, negated)?;
                if alternatives.len().saturating_mul(part.len()) > MAX_CLAUSES {
                    return None;
                }
                let product = alternatives.iter().flat_map(|left| {
                    part.iter().map(move |right| [left.as_slice(), right.as_slice()].concat())
                });
                alternatives = product.collect();
                small(&alternatives)?;
            }
            Some(alternatives)
        }
    }
}

fn small(alternatives: &[Vec<Literal<'_>>]) -> Option<()> {
    let literals: usize = alternatives.iter().map(Vec::len).sum();
    (alternatives.len() <= MAX_CLAUSES && literals <= MAX_LITERALS).then_some(())
}

#[cfg(test)]
mod tests;
