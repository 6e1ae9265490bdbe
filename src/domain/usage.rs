//! Usage: on which days a customer was active, and what follows from it.
//!
//! Days are calendar days, UTC. What happened on one is not kept, only that something did: so a customer is a few
//! bytes, and a day told twice is told once.

use std::fmt;

use jiff::Timestamp;
use jiff::tz::TimeZone;
use rust_decimal::Decimal;

/// How many days back, the last active one counted, are remembered.
pub const REMEMBERED_DAYS: u32 = 128;
/// How many days late activity may be told, so that what is told late is still remembered.
pub const MAX_LATE_DAYS: i64 = 120;
/// The days of a month: what the trend and the stickiness go by.
const MONTH: u32 = 30;
const SECONDS_PER_DAY: i64 = 86_400;

/// A calendar day, UTC, counted from 1 January 1970.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Day(i32);

impl Day {
    /// The day that an instant is in.
    #[must_use]
    pub fn of(at: Timestamp) -> Self {
        // Instants reach from the year -9999 to 9999, which is some four million days.
        Self(i32::try_from(at.as_second().div_euclid(SECONDS_PER_DAY)).unwrap_or_default())
    }

    /// The day with this number, 0 being 1 January 1970.
    #[must_use]
    pub fn numbered(number: i32) -> Self {
        Self(number)
    }

    /// Its number, 0 being 1 January 1970.
    #[must_use]
    pub fn number(self) -> i32 {
        self.0
    }

    /// How many days lie between `earlier` and this one; negative where it is the later one.
    fn since(self, earlier: Self) -> i32 {
        self.0.saturating_sub(earlier.0)
    }
}

/// As a date: `2027-03-01`.
impl fmt::Display for Day {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let start = Timestamp::from_second(i64::from(self.0) * SECONDS_PER_DAY).unwrap_or(Timestamp::MAX);
        fmt::Display::fmt(&start.to_zoned(TimeZone::UTC).date(), f)
    }
}

/// On which days a customer was active.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Usage {
    /// The first active day ever told.
    pub first: Day,
    /// The last.
    pub last: Day,
    /// Bit `n` says whether the customer was active `n` days before the last one.
    pub days: u128,
    /// When a day was last added.
    pub updated_at: Timestamp,
}

impl Usage {
    /// A customer who was active on this one day.
    #[must_use]
    pub fn starting(day: Day, now: Timestamp) -> Self {
        Self { first: day, last: day, days: 1, updated_at: now }
    }

    /// Adds an active day. Says whether that told anything new.
    pub fn add(&mut self, day: Day, now: Timestamp) -> bool {
        let before = (self.first, self.last, self.days);
        let ahead = day.since(self.last);
        if ahead > 0 {
            self.days = shifted_up(self.days, ahead.unsigned_abs()) | 1;
            self.last = day;
        } else {
            self.days |= shifted_up(1, ahead.unsigned_abs());
        }
        self.first = self.first.min(day);
        let new = (self.first, self.last, self.days) != before;
        if new {
            self.updated_at = now;
        }
        new
    }

    /// Whether telling of this day would tell nothing new.
    #[must_use]
    pub fn knows(&self, day: Day) -> bool {
        !self.clone().add(day, self.updated_at)
    }

    /// How many of the `length` days that end with `today` were active; today counts.
    #[must_use]
    pub fn active_days(&self, today: Day, length: u32) -> u32 {
        let seen = self.seen_from(today);
        (seen & !shifted_up(u128::MAX, length)).count_ones()
    }

    /// Daily over monthly activity, in percent: the share of the last 30 days that were active.
    #[must_use]
    pub fn stickiness(&self, today: Day) -> Decimal {
        percent(self.active_days(today, MONTH), MONTH)
    }

    /// How many more active days the last 30 had than the 30 before, in percent of the latter. None where the 30 before
    /// had none, or activity has been told for less than these 60 days.
    #[must_use]
    pub fn trend(&self, today: Day) -> Option<Decimal> {
        let known = u32::try_from(today.since(self.first)).unwrap_or(0) >= 2 * MONTH - 1;
        let now = self.active_days(today, MONTH);
        let before = self.active_days(today, 2 * MONTH).saturating_sub(now);
        (known && before > 0).then(|| percent(now, before) - Decimal::ONE_HUNDRED)
    }

    /// How many days ago the last active day was; 0 for today.
    #[must_use]
    pub fn days_since_seen(&self, today: Day) -> u32 {
        u32::try_from(today.since(self.last)).unwrap_or(0)
    }

    /// The active days as seen from `today`: bit `n` stands for `n` days ago. A day that is still to come, by another
    /// clock than ours, counts as today.
    fn seen_from(&self, today: Day) -> u128 {
        let ahead = today.since(self.last);
        let by = ahead.unsigned_abs();
        if ahead >= 0 {
            return shifted_up(self.days, by);
        }
        let to_come = (self.days & !shifted_up(u128::MAX, by)) != 0;
        self.days.checked_shr(by).unwrap_or(0) | u128::from(to_come)
    }
}

/// Towards longer ago; what is too long ago is forgotten.
fn shifted_up(days: u128, by: u32) -> u128 {
    days.checked_shl(by).unwrap_or(0)
}

/// A share in percent, to one decimal.
fn percent(part: u32, of: u32) -> Decimal {
    (Decimal::from(part) * Decimal::ONE_HUNDRED / Decimal::from(of.max(1))).round_dp(1).normalize()
}

#[cfg(test)]
mod tests;
