//! The values that one attribute can still have under several tests. Whatever is not certain to be left out is in.

use jiff::Timestamp;
use rust_decimal::Decimal;

use crate::domain::condition::{AgeTest, Order, Test, TextTest};

/// A test with whether it must fail rather than hold.
type Asked<T> = (T, bool);

/// What an attribute can still be: missing, or of these kinds, as far as the tests of its kind allow.
#[derive(Clone, Debug)]
pub(super) struct Values<'a> {
    missing: bool,
    no: bool,
    yes: bool,
    number: bool,
    instant: bool,
    text: bool,
    list: bool,
    /// Whether a text must read as an instant.
    text_is_instant: bool,
    numbers: Vec<Asked<&'a Order<Decimal>>>,
    instants: Vec<Asked<&'a Order<Timestamp>>>,
    ages: Vec<Asked<AgeTest>>,
    texts: Vec<Asked<&'a TextTest>>,
}

impl Default for Values<'_> {
    /// Anything.
    fn default() -> Self {
        Self {
            missing: true,
            no: true,
            yes: true,
            number: true,
            instant: true,
            text: true,
            list: true,
            text_is_instant: false,
            numbers: Vec::new(),
            instants: Vec::new(),
            ages: Vec::new(),
            texts: Vec::new(),
        }
    }
}

impl<'a> Values<'a> {
    /// Leaves the values for which the test holds or, negated, does not. A test of another kind, and of what is missing,
    /// does not hold.
    pub(super) fn narrow(&mut self, test: &'a Test, negated: bool) {
        if !negated {
            self.of_kind(test);
        }
        match test {
            Test::Exists(wanted) if *wanted == negated => self.only_missing(),
            Test::Exists(_) => self.missing = false,
            Test::Number(order) => self.numbers.push((order, negated)),
            Test::Instant(order) => self.instants.push((order, negated)),
            Test::Age(age) => self.ages.push((*age, negated)),
            Test::Text(test) => self.texts.push((test, negated)),
            Test::Boolean { equal, to } => {
                let passes = if *equal { *to } else { !*to };
                self.yes &= passes != negated;
                self.no &= passes == negated;
            }
        }
    }

    /// Leaves the kinds that the test can hold for.
    fn of_kind(&mut self, test: &Test) {
        if matches!(test, Test::Exists(_)) {
            return;
        }
        let boolean = matches!(test, Test::Boolean { .. });
        let dated = matches!(test, Test::Instant(_) | Test::Age(_));
        let listed = matches!(test, Test::Text(TextTest::In(_) | TextTest::NotIn(_) | TextTest::Contains(_)));
        self.missing = false;
        self.no &= boolean;
        self.yes &= boolean;
        self.number &= matches!(test, Test::Number(_));
        self.instant &= dated;
        self.text &= dated || matches!(test, Test::Text(_));
        self.text_is_instant |= dated;
        self.list &= listed;
    }

    fn only_missing(&mut self) {
        (self.no, self.yes, self.number, self.instant) = (false, false, false, false);
        (self.text, self.list) = (false, false);
    }

    /// Whether any value may be left.
    pub(super) fn any(&self) -> bool {
        let dates = || {
            let ages: Vec<_> = self.ages.iter().map(|(age, negated)| (age.order(), *negated)).collect();
            let ages: Vec<_> = ages.iter().map(|(order, negated)| (order, *negated)).collect();
            ordered(&self.instants) && ordered(&ages)
        };
        self.missing
            || self.no
            || self.yes
            || (self.number && ordered(&self.numbers))
            || (self.instant && dates())
            || (self.text && texts(&self.texts) && (!self.text_is_instant || dates()))
            || (self.list && lists(&self.texts))
    }

    /// Steps that asking costs, about.
    pub(super) fn cost(&self) -> usize {
        let constants = |many: usize| many.max(1);
        let numbers = self.numbers.iter().map(|(order, _)| constants(order.constants().len()));
        let instants = self.instants.iter().map(|(order, _)| constants(order.constants().len()));
        let texts = self.texts.iter().map(|(test, _)| constants(test.constants().len()));
        let all: usize = numbers.chain(instants).chain(texts).sum();
        let tests = self.numbers.len() + self.instants.len() + self.ages.len() + self.texts.len();
        1 + all.saturating_mul(tests)
    }
}

/// Whether some value may pass all tests. Where one names all that pass it, those are tried; else the bounds must leave
/// A bound, and whether it is itself left out.
type Bound<'a, T> = Option<(&'a T, bool)>;

/// room.
fn ordered<T: Ord>(asked: &[Asked<&Order<T>>]) -> bool {
    let passes = |value: &T| asked.iter().all(|(order, negated)| order.holds(value) != *negated);
    let named = asked.iter().find_map(|(order, negated)| match (order, negated) {
        (Order::Eq(_) | Order::In(_), false) | (Order::Ne(_) | Order::NotIn(_), true) => {
            Some(order.constants())
        }
        _ => None,
    });
    if let Some(named) = named {
        return named.into_iter().any(passes);
    }
    let (mut low, mut high): (Bound<'_, T>, Bound<'_, T>) = (None, None);
    for (order, negated) in asked {
        let (above, below) = match (order, negated) {
            (Order::Gt(one), false) | (Order::Lte(one), true) => (Some((one, true)), None),
            (Order::Gte(one), false) | (Order::Lt(one), true) => (Some((one, false)), None),
            (Order::Lt(one), false) | (Order::Gte(one), true) => (None, Some((one, true))),
            (Order::Lte(one), false) | (Order::Gt(one), true) => (None, Some((one, false))),
            (Order::Between(from, to), false) => (Some((from, false)), Some((to, false))),
            _ => (None, None),
        };
        low = low.max(above);
        high = match (high, below) {
            (Some((a, a_out)), Some((b, b_out))) if a == b => Some((a, a_out || b_out)),
            (Some(a), Some(b)) => Some(if a.0 < b.0 { a } else { b }),
            (one, other) => one.or(other),
        };
    }
    match (low, high) {
        (Some((low, _)), Some((high, _))) if low > high => false,
        (Some((low, low_out)), Some((high, high_out))) if low == high => !low_out && !high_out && passes(low),
        _ => true,
    }
}

/// Whether some text may pass all tests.
fn texts(asked: &[Asked<&TextTest>]) -> bool {
    let passes = |text: &String| asked.iter().all(|(test, negated)| test.holds(text) != *negated);
    let named = asked.iter().find_map(|(test, negated)| match (test, negated) {
        (TextTest::Eq(_) | TextTest::In(_), false) | (TextTest::Ne(_) | TextTest::NotIn(_), true) => {
            Some(test.constants())
        }
        _ => None,
    });
    if let Some(named) = named {
        return named.iter().any(passes);
    }
    let clash = |(one, one_fails): &Asked<&TextTest>, (other, other_fails): &Asked<&TextTest>| {
        use TextTest::{Contains, EndsWith, StartsWith};
        match (one, one_fails, other, other_fails) {
            // Of two beginnings one must begin the other.
            (StartsWith(a), false, StartsWith(b), false) => {
                !a.starts_with(b.as_str()) && !b.starts_with(a.as_str())
            }
            (EndsWith(a), false, EndsWith(b), false) => !a.ends_with(b.as_str()) && !b.ends_with(a.as_str()),
            (StartsWith(a), false, StartsWith(b), true) => a.starts_with(b.as_str()),
            (EndsWith(a), false, EndsWith(b), true) => a.ends_with(b.as_str()),
            (StartsWith(a) | EndsWith(a) | Contains(a), false, Contains(b), true) => a.contains(b.as_str()),
            (StartsWith(b) | EndsWith(b) | Contains(b), true, _, _) => b.is_empty(),
            _ => false,
        }
    };
    !asked.iter().any(|one| asked.iter().any(|other| clash(one, other)))
}

/// Whether some list of texts may pass all tests. Tests that a list does not have have been dealt with by its kind.
fn lists(asked: &[Asked<&TextTest>]) -> bool {
    let (mut has, mut lacks): (Vec<&[String]>, Vec<&String>) = (Vec::new(), Vec::new());
    for (test, negated) in asked {
        match (test, negated) {
            (TextTest::In(_) | TextTest::Contains(_), false) | (TextTest::NotIn(_), true) => {
                has.push(test.constants());
            }
            (TextTest::NotIn(_), false) | (TextTest::In(_) | TextTest::Contains(_), true) => {
                lacks.extend(test.constants());
            }
            _ => {}
        }
    }
    has.into_iter().all(|one_of| one_of.iter().any(|text| !lacks.contains(&text)))
}
