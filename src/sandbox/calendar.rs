//! Billing periods in Unix seconds, counted in UTC from an anchor so that month ends do not drift.
use jiff::{Span, Timestamp, tz::TimeZone};

pub(super) const DAY: i64 = 86_400;

/// A billing interval as a price states it.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Interval {
    pub(super) unit: String,
    pub(super) count: i64,
}

impl Interval {
    /// This many intervals as a calendar span.
    fn times(&self, n: i64) -> Option<Span> {
        let n = self.count.checked_mul(n)?;
        match self.unit.as_str() {
            "day" => Span::new().try_days(n).ok(),
            "week" => Span::new().try_weeks(n).ok(),
            "month" => Span::new().try_months(n).ok(),
            "year" => Span::new().try_years(n).ok(),
            _ => None,
        }
    }

    /// The first period end after `now`, counted from `anchor`. Out of the calendar's range it stays at `now` plus a day.
    pub(super) fn next_after(&self, anchor: i64, now: i64) -> i64 {
        let fallback = now.saturating_add(DAY);
        let mut n = self.guess(anchor, now);
        loop {
            match self.times(n).and_then(|span| add(anchor, span)) {
                Some(end) if end > now => return end,
                Some(_) => n += 1,
                None => return fallback,
            }
        }
    }

    /// A number of intervals that surely ends at or before the wanted one, so that the search is short.
    fn guess(&self, anchor: i64, now: i64) -> i64 {
        let longest = match self.unit.as_str() {
            "day" => DAY,
            "week" => 7 * DAY,
            "month" => 31 * DAY,
            _ => 366 * DAY,
        };
        let length = longest.saturating_mul(self.count.max(1));
        (now.saturating_sub(anchor) / length.max(1)).max(0)
    }
}

/// `from` plus a number of months.
pub(super) fn plus_months(from: i64, months: i64) -> i64 {
    Span::new().try_months(months).ok().and_then(|span| add(from, span)).unwrap_or(i64::MAX)
}

/// `from` plus a number of days of 24 hours.
pub(super) fn plus_days(from: i64, days: i64) -> i64 {
    from.saturating_add(days.saturating_mul(DAY))
}

fn add(from: i64, span: Span) -> Option<i64> {
    let zoned = Timestamp::new(from, 0).ok()?.to_zoned(TimeZone::UTC);
    zoned.checked_add(span).ok().map(|z| z.timestamp().as_second())
}

/// The latest `trial_end` that Stripe takes: 730 days ahead.
pub(super) fn longest_trial(now: i64) -> i64 {
    plus_days(now, 730)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> i64 {
        text.parse::<Timestamp>().unwrap().as_second()
    }

    #[test]
    fn month_ends_do_not_drift() {
        let month = Interval { unit: "month".into(), count: 1 };
        let anchor = at("2026-01-31T10:00:00Z");
        let february = month.next_after(anchor, anchor);
        assert_eq!(february, at("2026-02-28T10:00:00Z"));
        assert_eq!(month.next_after(anchor, february), at("2026-03-31T10:00:00Z"));
    }

    #[test]
    fn a_long_gap_is_crossed() {
        let week = Interval { unit: "week".into(), count: 2 };
        let anchor = at("2020-01-01T00:00:00Z");
        assert_eq!(week.next_after(anchor, at("2026-01-01T00:00:00Z")), at("2026-01-07T00:00:00Z"));
    }
}
