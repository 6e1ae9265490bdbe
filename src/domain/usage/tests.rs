use std::collections::BTreeSet;

use jiff::SignedDuration;
use proptest::prelude::*;

use super::*;
use crate::domain::sample::now;

/// A usage of these days, told in this order.
fn usage(days: &[i32]) -> Usage {
    let mut days = days.iter().map(|day| Day(*day));
    let mut usage = Usage::starting(days.next().unwrap(), now());
    for day in days {
        usage.add(day, now());
    }
    usage
}

/// The same by counting.
fn counted(days: &[i32], from: i32, to: i32) -> u32 {
    let different: BTreeSet<_> = days.iter().filter(|day| (from..=to).contains(*day)).collect();
    u32::try_from(different.len()).unwrap()
}

proptest! {
    #[test]
    fn days_count_once_in_whatever_order_they_are_told(
        days in prop::collection::vec(1_000..1_100, 1..80),
        later in 0_i32..150,
        length in 1_u32..=90,
    ) {
        let today = days.iter().max().unwrap() + later;
        let usage = usage(&days);
        let from = today - i32::try_from(length).unwrap() + 1;
        prop_assert_eq!(usage.active_days(Day(today), length), counted(&days, from, today));
        prop_assert_eq!(usage.days_since_seen(Day(today)), later.unsigned_abs());
        prop_assert_eq!((usage.first.0, usage.last.0), (*days.iter().min().unwrap(), today - later));
        let (now, before) = (counted(&days, today - 29, today), counted(&days, today - 59, today - 30));
        let known = today - usage.first.0 >= 59 && before > 0;
        prop_assert_eq!(usage.trend(Day(today)).is_some(), known);
        prop_assert_eq!(usage.trend(Day(today)).is_some_and(|trend| trend.is_sign_negative() && !trend.is_zero()), known && now < before);
        prop_assert!(usage.stickiness(Day(today)) <= Decimal::ONE_HUNDRED);
    }

    #[test]
    fn a_day_told_again_tells_nothing_new(days in prop::collection::vec(1_000..1_120, 1..40), again in any::<prop::sample::Index>()) {
        let mut usage = usage(&days);
        let before = usage.clone();
        let later = now() + SignedDuration::from_hours(1);
        prop_assert!(!usage.add(Day(*again.get(&days)), later));
        prop_assert_eq!(&usage, &before);
        prop_assert!(usage.add(Day(1_120), later));
        prop_assert_eq!(usage.updated_at, later);
    }

    #[test]
    fn no_day_is_out_of_range(first in any::<i32>(), second in any::<i32>(), today in any::<i32>()) {
        let usage = usage(&[first, second]);
        prop_assert!(usage.active_days(Day(today), 90) <= 2);
        prop_assert!(usage.trend(Day(today)).is_none_or(|trend| trend >= -Decimal::ONE_HUNDRED));
        prop_assert!(usage.stickiness(Day(today)) <= Decimal::from(7));
        prop_assert!(!usage.last.to_string().is_empty());
    }
}

#[test]
fn figures_of_one_who_goes() {
    // Every second day of the month before, every fifth of this one, today being day 60.
    let days: Vec<i32> = (1..=30).step_by(2).chain((31..=60).step_by(5)).collect();
    let usage = usage(&days);
    assert_eq!(usage.active_days(Day(60), 7), 1);
    assert_eq!(usage.active_days(Day(60), 30), 6);
    assert_eq!(usage.active_days(Day(60), 90), 21);
    assert_eq!(usage.stickiness(Day(60)), Decimal::from(20));
    assert_eq!(usage.trend(Day(60)), Some(Decimal::from(-60)));
    assert_eq!(usage.days_since_seen(Day(60)), 4);
    assert_eq!(usage.trend(Day(59)), None, "day 0 is not known of");
}

#[test]
fn what_is_ahead_of_our_clock_counts_as_today() {
    let usage = usage(&[100, 98]);
    assert_eq!(usage.active_days(Day(99), 1), 1);
    assert_eq!(usage.active_days(Day(99), 2), 2);
    assert_eq!(usage.days_since_seen(Day(99)), 0);
}

#[test]
fn days_are_utc() {
    let day = |text: &str| Day::of(text.parse().unwrap());
    assert_eq!(day("2027-03-01T00:00:00Z").to_string(), "2027-03-01");
    assert_eq!(day("2027-03-01T23:59:59.999999Z").to_string(), "2027-03-01");
    assert_eq!(day("1969-12-31T23:00:00Z").number(), -1);
}
