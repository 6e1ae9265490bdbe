//! The table of one group of comparisons: from a value to the clauses that still can hold.

use std::collections::HashMap;

use jiff::Timestamp;
use rust_decimal::Decimal;

use super::masks::{Left, Masks, words};
use super::{Bits, Tested};
use crate::domain::condition::{Order, Test, TextTest, age_micros, as_instant};
use crate::domain::facts::Value;

/// Words of 64 bits that one table may have (8 MiB); a group that needs more is compared one by one.
const MAX_WORDS: usize = 1 << 20;
/// Comparisons of constants that building one table may take.
const MAX_WORK: usize = 50_000_000;
/// Words of 64 bits that all tables of an index may have together (64 MiB).
const MAX_ALL_WORDS: usize = 8 << 20;
/// Comparisons of constants that building all tables of an index may take.
const MAX_ALL_WORK: usize = 200_000_000;

/// What is left to build tables with. When it runs out, what remains is compared one by one.
#[derive(Debug)]
pub(super) struct Means {
    words: usize,
    work: usize,
}

impl Default for Means {
    fn default() -> Self {
        Self { words: MAX_ALL_WORDS, work: MAX_ALL_WORK }
    }
}

impl Means {
    /// So few words, and as much work as there is for any.
    #[cfg(test)]
    pub(super) fn of_words(words: usize) -> Self {
        Self { words, ..Self::default() }
    }

    /// Takes what so many masks of these tests cost, if that is affordable.
    pub(super) fn take(&mut self, masks: usize, constants: usize, tests: &[Tested], clauses: usize) -> bool {
        let words = masks.saturating_mul(clauses.div_ceil(64));
        self.take_words(words, masks.saturating_mul(constants.saturating_add(hanging(tests))))
    }

    /// The same for the masks of ranks.
    fn take_ranks(&mut self, ranks: usize, constants: usize, tests: &[Tested], clauses: usize) -> bool {
        let hanging = hanging(tests);
        let work = ranks.saturating_mul(constants.saturating_add(hanging));
        self.take_words(words(ranks, hanging, clauses), work)
    }

    fn take_words(&mut self, words: usize, work: usize) -> bool {
        let affordable = words <= MAX_WORDS.min(self.words) && work <= MAX_WORK.min(self.work);
        if affordable {
            self.words -= words;
            self.work -= work;
        }
        affordable
    }
}

/// How many clauses hang on these tests, counted once for each.
fn hanging(tests: &[Tested]) -> usize {
    tests.iter().map(|tested| tested.positive.len() + tested.negative.len()).sum()
}

/// From a value to a mask of clauses.
#[derive(Debug)]
pub(super) enum Table {
    Present(Masks),
    Number(Numbers),
    Instant(Ranks<Timestamp>),
    Age(Ranks<i64>),
    /// That of `false` first.
    Boolean(Masks),
    Text(Texts),
    /// No table: compared one by one.
    None,
}

/// Sorted constants; between and beside them lie the ranks, each with its mask.
#[derive(Debug)]
pub(super) struct Ranks<T> {
    constants: Vec<T>,
    masks: Masks,
}

/// Texts that are compared with, each with the place of its mask; the first mask is that of all others.
#[derive(Debug)]
pub(super) struct Texts {
    /// Only what a flow names is in it, so that nobody else can make its hashes meet.
    known: HashMap<String, usize, foldhash::fast::RandomState>,
    masks: Masks,
}

/// Ranks of numbers. Most flows compare with numbers of few digits, and whole numbers are compared far faster.
#[derive(Debug)]
pub(super) struct Numbers {
    ranks: Ranks<Decimal>,
    /// Digits behind the point that every constant fits in.
    scale: u32,
    /// The constants in units of that; empty where one of them is too large.
    scaled: Vec<i64>,
}

impl Numbers {
    fn new(ranks: Ranks<Decimal>) -> Self {
        let scale = ranks.constants.iter().map(Decimal::scale).max().unwrap_or(0);
        let scaled = ranks.constants.iter().map(|constant| in_units(constant, scale));
        let scaled = scaled.collect::<Option<_>>().unwrap_or_default();
        Self { ranks, scale, scaled }
    }

    fn left(&self, number: &Decimal) -> Option<Left<'_>> {
        match in_units(number, self.scale) {
            Some(units) if !self.scaled.is_empty() => self.ranks.left_at(self.scaled.binary_search(&units)),
            _ => self.ranks.left(number),
        }
    }
}

/// The number in units of the last of so many digits behind the point; none where it has more, or is too large.
fn in_units(number: &Decimal, scale: u32) -> Option<i64> {
    let shift = scale.checked_sub(number.scale())?;
    let units = i64::try_from(number.mantissa()).ok()?;
    if shift == 0 { Some(units) } else { units.checked_mul(10_i64.checked_pow(shift)?) }
}

/// The kind of a comparison: those of one kind on one attribute share a table.
pub(super) fn kind(test: &Test) -> u8 {
    match test {
        Test::Exists(_) => 0,
        Test::Number(_) => 1,
        Test::Instant(_) => 2,
        Test::Age(_) => 3,
        Test::Boolean { .. } => 4,
        Test::Text(TextTest::Eq(_) | TextTest::Ne(_) | TextTest::In(_) | TextTest::NotIn(_)) => 5,
        Test::Text(TextTest::Contains(_) | TextTest::StartsWith(_) | TextTest::EndsWith(_)) => 6,
    }
}

impl Table {
    /// Builds the table of tests of one kind.
    pub(super) fn build(tests: &[Tested], clauses: usize, means: &mut Means) -> Self {
        let table = match tests.first().map(|tested| &tested.test) {
            Some(Test::Exists(_)) if !means.take(1, tests.len(), tests, clauses) => None,
            Some(Test::Boolean { .. }) if !means.take(2, tests.len(), tests, clauses) => None,
            Some(Test::Exists(_)) => {
                Some(Self::Present(one(tests, clauses, |test| matches!(test, Test::Exists(true)))))
            }
            Some(Test::Boolean { .. }) => {
                let of = |value: bool| {
                    mask(
                        tests,
                        clauses,
                        |test| matches!(test, Test::Boolean { equal, to } if (value == *to) == *equal),
                    )
                };
                Some(Self::Boolean(Masks::apart(clauses, [of(false), of(true)].into_iter())))
            }
            Some(Test::Number(_)) => ranks(tests, clauses, number, means).map(Numbers::new).map(Self::Number),
            Some(Test::Instant(_)) => ranks(tests, clauses, instant, means).map(Self::Instant),
            Some(Test::Age(_)) => ranks(tests, clauses, age, means).map(Self::Age),
            Some(Test::Text(_)) => texts(tests, clauses, means),
            None => None,
        };
        table.unwrap_or(Self::None)
    }

    /// The clauses that can hold with this value; none where they have to be compared one by one.
    pub(super) fn left(&self, value: &Value, now: Timestamp) -> Option<Left<'_>> {
        match (self, value) {
            (Self::Present(masks), _) => masks.at(0),
            (Self::Boolean(masks), Value::Boolean(flag)) => masks.at(usize::from(*flag)),
            (Self::Number(numbers), Value::Number(number)) => numbers.left(number),
            (Self::Text(texts), Value::Text(text)) => {
                texts.masks.at(texts.known.get(text).copied().unwrap_or(0))
            }
            (Self::Instant(ranks), _) => ranks.left(&as_instant(value)?),
            (Self::Age(ranks), _) => ranks.left(&age_micros(as_instant(value)?, now)),
            _ => None,
        }
    }
}

impl<T: Ord> Ranks<T> {
    fn left(&self, value: &T) -> Option<Left<'_>> {
        self.left_at(self.constants.binary_search(value))
    }

    /// The same for what is one of the constants, or would stand before one.
    fn left_at(&self, place: Result<usize, usize>) -> Option<Left<'_>> {
        let rank = match place {
            Ok(at) => at * 2 + 1,
            Err(at) => at * 2,
        };
        self.masks.at(rank)
    }
}

/// One mask alone, of the clauses left when exactly the tests for which `holds` says so hold.
pub(super) fn one(tests: &[Tested], clauses: usize, holds: impl Fn(&Test) -> bool) -> Masks {
    Masks::apart(clauses, std::iter::once(mask(tests, clauses, holds)))
}

/// The clauses left when exactly the tests for which `holds` says so hold.
fn mask(tests: &[Tested], clauses: usize, holds: impl Fn(&Test) -> bool) -> Bits {
    let mut mask = Bits::all(clauses);
    for tested in tests {
        tested.narrow(holds(&tested.test), &mut mask);
    }
    mask
}

fn ranks<T: Ord + Clone>(
    tests: &[Tested],
    clauses: usize,
    order: fn(&Test) -> Option<Order<T>>,
    means: &mut Means,
) -> Option<Ranks<T>> {
    let orders: Vec<Order<T>> = tests.iter().filter_map(|tested| order(&tested.test)).collect();
    let mut constants: Vec<T> =
        orders.iter().flat_map(|order| order.constants().into_iter().cloned()).collect();
    let all = constants.len();
    constants.sort_unstable();
    constants.dedup();
    if !means.take_ranks(constants.len() * 2 + 1, all, tests, clauses) {
        return None;
    }
    // A constant that is not found cannot be: they are all in the list.
    let rank = |constant: &T| constants.binary_search(constant).map_or(0, |at| at * 2 + 1);
    let ranked: Vec<Order<usize>> = orders.iter().map(|order| order.map(rank)).collect();
    let masks = (0..=constants.len() * 2).map(|at| {
        let mut mask = Bits::all(clauses);
        for (tested, order) in tests.iter().zip(&ranked) {
            tested.narrow(order.holds(&at), &mut mask);
        }
        mask
    });
    let masks = Masks::of_ranks(constants.len() * 2 + 1, hanging(tests), clauses, masks);
    Some(Ranks { constants, masks })
}

fn number(test: &Test) -> Option<Order<Decimal>> {
    if let Test::Number(order) = test { Some(order.clone()) } else { None }
}

fn instant(test: &Test) -> Option<Order<Timestamp>> {
    if let Test::Instant(order) = test { Some(order.clone()) } else { None }
}

fn age(test: &Test) -> Option<Order<i64>> {
    if let Test::Age(age) = test { Some(age.order()) } else { None }
}

fn texts(tests: &[Tested], clauses: usize, means: &mut Means) -> Option<Table> {
    let mut constants = Vec::new();
    for tested in tests {
        match &tested.test {
            Test::Text(TextTest::Eq(one) | TextTest::Ne(one)) => constants.push(one),
            Test::Text(TextTest::In(many) | TextTest::NotIn(many)) => constants.extend(many),
            // What looks into the text has no ranks.
            _ => return None,
        }
    }
    let all = constants.len();
    constants.sort_unstable();
    constants.dedup();
    if !means.take(constants.len() + 1, all, tests, clauses) {
        return None;
    }
    let negative = |test: &Test| matches!(test, Test::Text(TextTest::Ne(_) | TextTest::NotIn(_)));
    let other = mask(tests, clauses, negative);
    let each = constants.iter().map(|text| mask(tests, clauses, |test| is(test, text)));
    let masks = Masks::apart(clauses, std::iter::once(other).chain(each));
    let known = (1..).zip(constants).map(|(place, text)| (text.clone(), place)).collect();
    Some(Table::Text(Texts { known, masks }))
}

fn is(test: &Test, text: &String) -> bool {
    match test {
        Test::Text(TextTest::Eq(one)) => one == text,
        Test::Text(TextTest::Ne(one)) => one != text,
        Test::Text(TextTest::In(many)) => many.contains(text),
        Test::Text(TextTest::NotIn(many)) => !many.contains(text),
        _ => false,
    }
}
