//! The engine behind segments: all of them evaluated together.
//!
//! Each segment becomes one or more conjunctions (clauses) of comparisons, each clause a bit. Per attribute and kind of
//! comparison, the sorted constants of all clauses give each value a rank, and each rank has a mask of the clauses
//! that still can hold; a subscriber is then a few look-ups and ANDs. Segments and tiers that a condition names are put
//! in their place. What does not fit a table is compared one by one, and segments with too many alternatives are left to
//! their tree. The tree stays the meaning: a property test holds this file to it.

mod masks;
mod table;

use std::collections::BTreeMap;

use jiff::Timestamp;
use smallvec::{SmallVec, smallvec};
use smol_str::SmolStr;

use super::condition::{Comparison, Condition, Names, Segment, Test, TierTest, Tiers, in_order};
use super::facts::{Facts, Value};
use super::offer::Key;
use masks::{Left, Masks};
use table::{Means, Table};

/// Alternatives into which one segment may be expanded.
const MAX_CLAUSES: usize = 16;
/// Comparisons that one segment may have once expanded.
const MAX_LITERALS: usize = 600;

/// A set of small numbers. One of few, as most flows have it, stands in place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Bits(SmallVec<[u64; 4]>);

impl Bits {
    fn none(len: usize) -> Self {
        Self(smallvec![0; len.div_ceil(64)])
    }

    fn all(len: usize) -> Self {
        let mut words = smallvec![u64::MAX; len.div_ceil(64)];
        if let (Some(last), used @ 1..) = (words.last_mut(), len % 64) {
            *last = u64::MAX >> (64 - used);
        }
        Self(words)
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

    fn or(&mut self, other: &Self) {
        for (word, other) in self.0.iter_mut().zip(&other.0) {
            *word |= other;
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
    /// The clauses left when there is no fact that these comparisons can be made with; none where memory ran short.
    absent: Option<Masks>,
}

/// All segments of a flow, ready to be evaluated together.
#[derive(Debug)]
pub struct Index {
    /// Their names, sorted: the places in [`Bits`].
    keys: Vec<Key>,
    clauses: usize,
    /// For each clause its segment; none where that is the one of the same place, as it is for plain conjunctions.
    owners: Option<Vec<usize>>,
    /// Segments left to their tree, each behind those that it names.
    trees: Vec<(usize, Condition)>,
    tiers: Option<Tiers>,
    /// Sorted by name, as facts are.
    attributes: Vec<(SmolStr, Vec<Group>)>,
}

/// What the conditions name, while they are expanded.
struct Named<'a> {
    segments: &'a BTreeMap<Key, Segment>,
    tiers: Option<&'a Tiers>,
    /// For each tier the comparison that it is reached.
    reached: &'a [Comparison],
}

impl Index {
    /// Builds the index of a flow's segments. Segments that name each other in a circle, which parsing refuses, hold for
    /// nobody.
    #[must_use]
    pub fn build(segments: &BTreeMap<Key, Segment>, tiers: Option<&Tiers>) -> Self {
        Self::build_with(Means::default(), segments, tiers)
    }

    fn build_with(means: Means, segments: &BTreeMap<Key, Segment>, tiers: Option<&Tiers>) -> Self {
        let keys: Vec<Key> = segments.keys().cloned().collect();
        let reached = tiers.map(Tiers::reached).unwrap_or_default();
        let named = Named { segments, tiers, reached: &reached };
        let (mut conjunctions, mut trees) = (Vec::new(), Vec::new());
        for key in in_order(segments).unwrap_or_default() {
            let (Some(segment), Ok(place)) = (segments.get(key), keys.binary_search(key)) else { continue };
            match expand(&segment.condition, false, &named) {
                Some(clauses) => conjunctions.extend(clauses.into_iter().map(|clause| (place, clause))),
                None => trees.push((place, segment.condition.clone())),
            }
        }
        conjunctions.sort_by_key(|(place, _)| *place);
        let (owners, clauses): (Vec<_>, Vec<_>) = conjunctions.into_iter().unzip();
        let attributes = group(&clauses, means);
        let owners = Some(owners).filter(|owners| !owners.iter().copied().eq(0..keys.len()));
        Self { keys, clauses: clauses.len(), owners, trees, tiers: tiers.cloned(), attributes }
    }

    /// The segments' names, sorted.
    #[must_use]
    pub fn keys(&self) -> &[Key] {
        &self.keys
    }

    /// Which of the segments hold, by their places in [`Index::keys`].
    #[must_use]
    pub fn matching(&self, facts: &Facts, now: Timestamp) -> Bits {
        let mut clauses = Bits::all(self.clauses);
        let mut left: SmallVec<[Left<'_>; 16]> = SmallVec::new();
        // Both are sorted by name, so one pass over the facts finds them all.
        let mut rest = facts.iter().peekable();
        for (attribute, groups) in &self.attributes {
            let value = loop {
                match rest.peek() {
                    // Asked first, because it is compared faster than ordered.
                    Some((name, fact)) if *name == attribute => break Some(&fact.value),
                    Some((name, _)) if *name < attribute => rest.next(),
                    _ => break None,
                };
            };
            for group in groups {
                match group.left(value, now) {
                    Some(found) => left.push(found),
                    None => group.narrow(value, now, &mut clauses),
                }
            }
        }
        masks::narrow(&left, &mut clauses);
        let mut matching = match &self.owners {
            None => clauses,
            Some(owners) => {
                let mut matching = Bits::none(self.keys.len());
                clauses.iter().filter_map(|clause| owners.get(clause)).for_each(|owner| matching.set(*owner));
                matching
            }
        };
        for (place, condition) in &self.trees {
            let segment = |key: &Key| self.keys.binary_search(key).is_ok_and(|named| matching.has(named));
            let names = Names { segment: &segment, tiers: self.tiers.as_ref() };
            if condition.holds(facts, now, &names) {
                matching.set(*place);
            }
        }
        matching
    }
}

impl Group {
    fn new(tests: Vec<Tested>, clauses: usize, means: &mut Means) -> Self {
        let absent = means
            .take(1, tests.len(), &tests, clauses)
            .then(|| table::one(&tests, clauses, |test| *test == Test::Exists(false)));
        Self { table: Table::build(&tests, clauses, means), tests, absent }
    }

    /// The clauses that can hold with this value; none where no table says it.
    fn left(&self, value: Option<&Value>, now: Timestamp) -> Option<Left<'_>> {
        match value {
            Some(value) => self.table.left(value, now),
            None => self.absent.as_ref()?.at(0),
        }
    }

    /// Takes out the clauses that fail with this value, by comparing one by one.
    fn narrow(&self, value: Option<&Value>, now: Timestamp, clauses: &mut Bits) {
        for tested in &self.tests {
            tested.narrow(tested.test.holds(value, now) == Some(true), clauses);
        }
    }
}

/// Gathers what the clauses compare, by attribute and kind.
fn group(clauses: &[Vec<Literal<'_>>], mut means: Means) -> Vec<(SmolStr, Vec<Group>)> {
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
    let mut groups = |kinds: BTreeMap<u8, Vec<Tested>>| {
        kinds.into_values().map(|tests| Group::new(tests, clauses.len(), &mut means)).collect()
    };
    tests.into_iter().map(|(attribute, kinds)| (attribute.into(), groups(kinds))).collect()
}

/// The condition, or its opposite, as alternatives of conjunctions; none when there would be too many.
fn expand<'a>(condition: &'a Condition, negated: bool, named: &Named<'a>) -> Option<Vec<Vec<Literal<'a>>>> {
    match (condition, negated) {
        (Condition::Compare(comparison), negated) => Some(vec![vec![Literal { comparison, negated }]]),
        (Condition::Not(part), negated) => expand(part, !negated, named),
        (Condition::Any(parts), false) | (Condition::All(parts), true) => {
            let mut alternatives = Vec::new();
            for part in parts {
                alternatives.extend(expand(part, negated, named)?);
                small(&alternatives)?;
            }
            Some(alternatives)
        }
        (Condition::All(parts), false) | (Condition::Any(parts), true) => {
            let mut alternatives: Vec<Vec<Literal<'_>>> = vec![Vec::new()];
            for part in parts {
                let part = expand(part, negated, named)?;
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
        (Condition::Segment(key), negated) => expand(&named.segments.get(key)?.condition, negated, named),
        (Condition::Tier(test), negated) => Some(named.tier(test, negated)),
    }
}

impl<'a> Named<'a> {
    /// Being in a tier is to have reached it and not the one behind; not being in it, the opposite of either.
    fn tier(&self, test: &TierTest, negated: bool) -> Vec<Vec<Literal<'a>>> {
        let span = self.tiers.and_then(|tiers| tiers.span(test));
        let literal =
            |at: usize, negated| self.reached.get(at).map(|comparison| Literal { comparison, negated });
        let literals: Vec<Literal<'a>> = match span {
            Some((from, below)) => {
                let below = below.and_then(|below| literal(below, !negated));
                literal(from, negated).into_iter().chain(below).collect()
            }
            // There is no such tier, which parsing refuses: nobody is in it.
            None => return if negated { vec![Vec::new()] } else { Vec::new() },
        };
        if negated { literals.into_iter().map(|one| vec![one]).collect() } else { vec![literals] }
    }
}

fn small(alternatives: &[Vec<Literal<'_>>]) -> Option<()> {
    let literals: usize = alternatives.iter().map(Vec::len).sum();
    (alternatives.len() <= MAX_CLAUSES && literals <= MAX_LITERALS).then_some(())
}

#[cfg(test)]
mod tests;
