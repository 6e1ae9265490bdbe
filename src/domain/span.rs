//! Calendar spans: "three months from now" as billing means it.

use jiff::tz::TimeZone;
use jiff::{Span as JiffSpan, Timestamp};
use serde::{Deserialize, Serialize};
use strum::{IntoStaticStr, VariantArray};
use utoipa::ToSchema;

/// A unit of the calendar, in the words of Stripe's `recurring.interval`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
#[derive(IntoStaticStr, VariantArray)]
#[strum(serialize_all = "snake_case")]
pub enum Interval {
    /// 24 hours.
    Day,
    /// Seven days.
    Week,
    /// A calendar month; the last day of a month stays the last where the target is shorter.
    Month,
    /// A calendar year.
    Year,
}

impl Interval {
    /// The word on the wire.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        self.into()
    }
}

/// A number of calendar units, such as three months.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Span {
    /// The unit.
    pub interval: Interval,
    /// How many; at least 1.
    #[schema(minimum = 1, maximum = 1095)]
    pub count: u16,
}

impl Span {
    /// The instant this span after `from`, on the UTC calendar; the end of time when it would lie beyond.
    #[must_use]
    pub fn after(self, from: Timestamp) -> Timestamp {
        let count = i64::from(self.count);
        let span = match self.interval {
            Interval::Day => JiffSpan::new().days(count),
            Interval::Week => JiffSpan::new().weeks(count),
            Interval::Month => JiffSpan::new().months(count),
            Interval::Year => JiffSpan::new().years(count),
        };
        from.to_zoned(TimeZone::UTC).checked_add(span).map_or(Timestamp::MAX, |then| then.timestamp())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn months_keep_to_the_calendar() {
        let end_of_january: Timestamp = "2027-01-31T10:00:00Z".parse().unwrap();
        let month = Span { interval: Interval::Month, count: 1 };
        assert_eq!(month.after(end_of_january).to_string(), "2027-02-28T10:00:00Z");
    }
}
