//! Operators with their typed constants, and what they mean.

use jiff::Timestamp;
use rust_decimal::Decimal;

use crate::domain::facts::Value;

/// An operator with its constants.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Test {
    /// Whether there is a fact at all, of whatever type.
    Exists(bool),
    /// Numbers.
    Number(Order<Decimal>),
    /// Instants. A text that reads as RFC 3339 passes for one.
    Instant(Order<Timestamp>),
    /// How long ago an instant was. A text that reads as RFC 3339 passes for one.
    Age(AgeTest),
    /// `eq` (true) or `ne` (false) of a boolean.
    Boolean {
        /// Whether equality is asked for.
        equal: bool,
        /// The constant.
        to: bool,
    },
    /// Texts and lists of texts.
    Text(TextTest),
}

/// Comparison of values that have an order.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Order<T> {
    /// `eq`
    Eq(T),
    /// `ne`
    Ne(T),
    /// `in`
    In(Vec<T>),
    /// `not_in`
    NotIn(Vec<T>),
    /// `gt`
    Gt(T),
    /// `gte`
    Gte(T),
    /// `lt`
    Lt(T),
    /// `lte`
    Lte(T),
    /// `between`, both ends included.
    Between(T, T),
}

impl<T: Ord> Order<T> {
    /// Whether it holds for `value`.
    pub fn holds(&self, value: &T) -> bool {
        match self {
            Self::Eq(constant) => value == constant,
            Self::Ne(constant) => value != constant,
            Self::In(constants) => constants.contains(value),
            Self::NotIn(constants) => !constants.contains(value),
            Self::Gt(constant) => value > constant,
            Self::Gte(constant) => value >= constant,
            Self::Lt(constant) => value < constant,
            Self::Lte(constant) => value <= constant,
            Self::Between(low, high) => low <= value && value <= high,
        }
    }

    /// Its constants.
    pub fn constants(&self) -> Vec<&T> {
        match self {
            Self::In(constants) | Self::NotIn(constants) => constants.iter().collect(),
            Self::Between(low, high) => vec![low, high],
            Self::Eq(one)
            | Self::Ne(one)
            | Self::Gt(one)
            | Self::Gte(one)
            | Self::Lt(one)
            | Self::Lte(one) => {
                vec![one]
            }
        }
    }

    /// The same comparison of other values.
    pub fn map<U>(&self, f: impl Fn(&T) -> U) -> Order<U> {
        match self {
            Self::Eq(one) => Order::Eq(f(one)),
            Self::Ne(one) => Order::Ne(f(one)),
            Self::In(many) => Order::In(many.iter().map(f).collect()),
            Self::NotIn(many) => Order::NotIn(many.iter().map(f).collect()),
            Self::Gt(one) => Order::Gt(f(one)),
            Self::Gte(one) => Order::Gte(f(one)),
            Self::Lt(one) => Order::Lt(f(one)),
            Self::Lte(one) => Order::Lte(f(one)),
            Self::Between(low, high) => Order::Between(f(low), f(high)),
        }
    }

    /// The operator's word.
    #[must_use]
    pub fn word(&self) -> &'static str {
        match self {
            Self::Eq(_) => "eq",
            Self::Ne(_) => "ne",
            Self::In(_) => "in",
            Self::NotIn(_) => "not_in",
            Self::Gt(_) => "gt",
            Self::Gte(_) => "gte",
            Self::Lt(_) => "lt",
            Self::Lte(_) => "lte",
            Self::Between(..) => "between",
        }
    }
}

/// Comparison of texts, byte for byte.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum TextTest {
    /// The text is this.
    Eq(String),
    /// The text is not this.
    Ne(String),
    /// The text is one of these; of a list, at least one element is.
    In(Vec<String>),
    /// The text is none of these; of a list, no element is.
    NotIn(Vec<String>),
    /// The text has this within; a list, this as an element.
    Contains(String),
    /// The text starts so.
    StartsWith(String),
    /// The text ends so.
    EndsWith(String),
}

impl TextTest {
    /// Its constants.
    #[must_use]
    pub fn constants(&self) -> &[String] {
        match self {
            Self::In(many) | Self::NotIn(many) => many,
            Self::Eq(one)
            | Self::Ne(one)
            | Self::Contains(one)
            | Self::StartsWith(one)
            | Self::EndsWith(one) => std::slice::from_ref(one),
        }
    }

    /// Whether it holds for a text.
    #[must_use]
    pub fn holds(&self, value: &str) -> bool {
        match self {
            Self::Eq(constant) => value == constant,
            Self::Ne(constant) => value != constant,
            Self::In(constants) => constants.iter().any(|constant| constant == value),
            Self::NotIn(constants) => !constants.iter().any(|constant| constant == value),
            Self::Contains(constant) => value.contains(constant.as_str()),
            Self::StartsWith(constant) => value.starts_with(constant.as_str()),
            Self::EndsWith(constant) => value.ends_with(constant.as_str()),
        }
    }

    /// None for the operators that a list does not have.
    fn holds_for_list(&self, values: &[String]) -> Option<bool> {
        match self {
            Self::In(constants) => Some(values.iter().any(|value| constants.contains(value))),
            Self::NotIn(constants) => Some(!values.iter().any(|value| constants.contains(value))),
            Self::Contains(constant) => Some(values.contains(constant)),
            Self::Eq(_) | Self::Ne(_) | Self::StartsWith(_) | Self::EndsWith(_) => None,
        }
    }

    /// The operator's word.
    #[must_use]
    pub fn word(&self) -> &'static str {
        match self {
            Self::Eq(_) => "eq",
            Self::Ne(_) => "ne",
            Self::In(_) => "in",
            Self::NotIn(_) => "not_in",
            Self::Contains(_) => "contains",
            Self::StartsWith(_) => "starts_with",
            Self::EndsWith(_) => "ends_with",
        }
    }
}

/// A unit of age. All have a fixed length, so that a comparison is exact.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum AgeUnit {
    /// `h`
    Hours,
    /// `d`, 24 hours each
    Days,
    /// `w`, 7 days each
    Weeks,
}

/// A length of time, written as a number and a unit: `36h`, `30d`, `2w`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Age {
    /// How many; at most 99,999.
    count: u32,
    /// Of what.
    unit: AgeUnit,
}

impl Age {
    /// The greatest count.
    pub const MAX_COUNT: u32 = 99_999;

    /// Microseconds.
    #[must_use]
    pub fn micros(self) -> i64 {
        let hours = match self.unit {
            AgeUnit::Hours => 1,
            AgeUnit::Days => 24,
            AgeUnit::Weeks => 168,
        };
        i64::from(self.count) * hours * 3_600_000_000
    }
}

impl std::str::FromStr for Age {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        let (count, unit) = match text.as_bytes() {
            [count @ .., b'h'] => (count, AgeUnit::Hours),
            [count @ .., b'd'] => (count, AgeUnit::Days),
            [count @ .., b'w'] => (count, AgeUnit::Weeks),
            _ => return Err(()),
        };
        // `parse` would take a sign.
        let digits =
            std::str::from_utf8(count).ok().filter(|digits| digits.bytes().all(|b| b.is_ascii_digit()));
        let count: u32 = digits.ok_or(())?.parse().map_err(|_| ())?;
        if count > Self::MAX_COUNT { Err(()) } else { Ok(Self { count, unit }) }
    }
}

impl std::fmt::Display for Age {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let unit = match self.unit {
            AgeUnit::Hours => 'h',
            AgeUnit::Days => 'd',
            AgeUnit::Weeks => 'w',
        };
        write!(f, "{}{unit}", self.count)
    }
}

/// Comparison of how long ago an instant was; an instant to come is newer than any age.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum AgeTest {
    /// Longer ago than this.
    Older(Age),
    /// Less long ago than this.
    Newer(Age),
}

impl AgeTest {
    /// As a comparison of ages in microseconds.
    #[must_use]
    pub fn order(self) -> Order<i64> {
        match self {
            Self::Older(age) => Order::Gt(age.micros()),
            Self::Newer(age) => Order::Lt(age.micros()),
        }
    }
}

/// The instant that a value is, or reads as.
#[must_use]
pub(crate) fn as_instant(value: &Value) -> Option<Timestamp> {
    match value {
        Value::Instant(at) => Some(*at),
        Value::Text(text) => text.parse().ok(),
        _ => None,
    }
}

/// How long ago `at` was, in microseconds; negative for an instant to come.
#[must_use]
pub(crate) fn age_micros(at: Timestamp, now: Timestamp) -> i64 {
    now.as_microsecond().saturating_sub(at.as_microsecond())
}

impl Test {
    /// Whether it holds for the fact's value; none when that is missing or of a type it cannot compare.
    #[must_use]
    pub fn holds(&self, value: Option<&Value>, now: Timestamp) -> Option<bool> {
        if let Self::Exists(wanted) = self {
            return Some(value.is_some() == *wanted);
        }
        let value = value?;
        match (self, value) {
            (Self::Number(order), Value::Number(number)) => Some(order.holds(number)),
            (Self::Boolean { equal, to }, Value::Boolean(flag)) => Some((flag == to) == *equal),
            (Self::Text(test), Value::Text(text)) => Some(test.holds(text)),
            (Self::Text(test), Value::TextList(texts)) => test.holds_for_list(texts),
            (Self::Instant(order), _) => as_instant(value).map(|at| order.holds(&at)),
            (Self::Age(test), _) => as_instant(value).map(|at| test.order().holds(&age_micros(at, now))),
            _ => None,
        }
    }

    /// The operator's word.
    #[must_use]
    pub fn word(&self) -> &'static str {
        match self {
            Self::Exists(_) => "exists",
            Self::Number(order) => order.word(),
            Self::Instant(order) => order.word(),
            Self::Age(AgeTest::Older(_)) => "older_than",
            Self::Age(AgeTest::Newer(_)) => "newer_than",
            Self::Boolean { equal: true, .. } => "eq",
            Self::Boolean { equal: false, .. } => "ne",
            Self::Text(test) => test.word(),
        }
    }
}
