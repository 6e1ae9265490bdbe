//! What became of a save: judged from what billing shows 30, 60 and 90 days after it.
//!
//! A save is validated when the subscription is then in force, paid for, and not about to end. "Paid for" means that
//! Stripe calls it active, collects for it, and charges something a month after discounts; paused, trialing, past due
//! and free of charge are not paid for. Prices by usage or in tiers count as a charge, since what they come to is not
//! in the subscription.

use jiff::{SignedDuration, Timestamp};
use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::cost::months;
use super::money::Money;
use super::pause;
use super::subscription::{CouponDuration, Discount, Subscription, SubscriptionStatus, Usage};

/// How late a check may come and still speak for its horizon.
const TIMELY: SignedDuration = SignedDuration::from_hours(24 * 3);

/// How long after a save it is looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Horizon {
    /// 30 days.
    Days30,
    /// 60 days.
    Days60,
    /// 90 days.
    Days90,
}

impl Horizon {
    /// Every horizon, the nearest first.
    pub const ALL: [Self; 3] = [Self::Days30, Self::Days60, Self::Days90];

    /// The number of days.
    #[must_use]
    pub fn days(self) -> u16 {
        match self {
            Self::Days30 => 30,
            Self::Days60 => 60,
            Self::Days90 => 90,
        }
    }

    /// When a save of `saved_at` reaches it.
    #[must_use]
    pub fn of(self, saved_at: Timestamp) -> Timestamp {
        let length = SignedDuration::from_hours(24 * i64::from(self.days()));
        saved_at.checked_add(length).unwrap_or(Timestamp::MAX)
    }
}

/// Whether a save has held; null until billing has shown it, and where it was asked too late to tell.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Validated {
    /// After 30 days.
    #[schema(required = true)]
    pub days_30: Option<bool>,
    /// After 60 days.
    #[schema(required = true)]
    pub days_60: Option<bool>,
    /// After 90 days.
    #[schema(required = true)]
    pub days_90: Option<bool>,
}

impl Validated {
    /// Whether nothing is known of any horizon.
    #[must_use]
    pub fn is_unknown(&self) -> bool {
        *self == Self::default()
    }

    /// Whether it had held at a horizon.
    #[must_use]
    pub fn at(&self, horizon: Horizon) -> Option<bool> {
        match horizon {
            Horizon::Days30 => self.days_30,
            Horizon::Days60 => self.days_60,
            Horizon::Days90 => self.days_90,
        }
    }

    /// Takes down whether it had held at a horizon.
    pub fn set(&mut self, horizon: Horizon, held: Option<bool>) {
        *match horizon {
            Horizon::Days30 => &mut self.days_30,
            Horizon::Days60 => &mut self.days_60,
            Horizon::Days90 => &mut self.days_90,
        } = held;
    }
}

/// What the subscriber had been given, as far as it can be found again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Given {
    /// A discount of this coupon.
    Discount {
        /// The coupon's id, our own.
        coupon: String,
    },
    /// A pause.
    Pause,
    /// Something else, or nothing.
    Other,
}

/// What has become of the discount that was given.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum DiscountThen {
    /// It still lowers invoices.
    Running,
    /// It is over, or was taken off.
    Over,
}

/// What has become of the pause that was given.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum PauseThen {
    /// Still paused.
    Paused,
    /// Back, and collected for.
    Returned,
    /// The subscription ended without coming back, or after it.
    Ended,
}

/// What billing showed when it was asked.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[schema(as = ValidationEvidence)]
pub struct Evidence {
    /// Stripe's status of the subscription; null where Stripe knows no such subscription.
    #[schema(required = true)]
    pub status: Option<SubscriptionStatus>,
    /// Whether the subscription was in force at the horizon.
    pub still_subscribed: bool,
    /// Whether it was paid for: active, collected for, and something charged after discounts; null where it could not
    /// be told any more.
    #[schema(required = true)]
    pub paying: Option<bool>,
    /// Whether an end was scheduled.
    pub ending: bool,
    /// When it ended.
    #[schema(required = true)]
    pub ended_at: Option<Timestamp>,
    /// What had become of the discount, if the accepted offer was one.
    #[schema(required = true)]
    pub discount: Option<DiscountThen>,
    /// What had become of the pause, if the accepted offer was one.
    #[schema(required = true)]
    pub pause: Option<PauseThen>,
    /// Monthly recurring revenue, before discounts.
    #[schema(required = true)]
    pub mrr: Option<Money>,
    /// What running discounts of any origin take off a month; those for one invoice are not counted.
    #[schema(required = true)]
    pub discounts: Option<Money>,
}

/// A judgement with its evidence.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// Whether the save had held; none where it was asked too late to tell.
    pub validated: Option<bool>,
    /// What billing showed.
    pub evidence: Evidence,
}

/// Judges a save at the horizon that it reaches at `due`, from what billing shows at `now`: at the horizon, later when
/// nobody could ask in time, or earlier once the subscription has ended.
#[must_use]
pub fn judge(given: &Given, due: Timestamp, shown: Option<&Subscription>, now: Timestamp) -> Finding {
    let Some(subscription) = shown else { return missing(given) };
    let ended = subscription.status.is_ended();
    let outlived = ended && subscription.ended_at.is_some_and(|at| at > due);
    let paying = is_paying(subscription, now);
    let ending = !ended && subscription.is_canceling();
    let late = now.duration_since(due) > TIMELY;
    let validated = if paying && !ending {
        Some(true)
    } else if ended && !outlived {
        Some(false)
    } else if outlived || late {
        // What it was at the horizon is not to be seen any more.
        None
    } else {
        Some(false)
    };
    let evidence = Evidence {
        status: Some(subscription.status),
        still_subscribed: !ended || outlived,
        paying: (!outlived).then_some(paying),
        ending,
        ended_at: subscription.ended_at,
        discount: discount_then(given, subscription),
        pause: pause_then(given, subscription),
        mrr: Some(subscription.mrr()),
        discounts: Some(taken_off(subscription, now)),
    };
    Finding { validated, evidence }
}

fn missing(given: &Given) -> Finding {
    let evidence = Evidence {
        status: None,
        still_subscribed: false,
        paying: Some(false),
        ending: false,
        ended_at: None,
        discount: matches!(given, Given::Discount { .. }).then_some(DiscountThen::Over),
        pause: matches!(given, Given::Pause).then_some(PauseThen::Ended),
        mrr: None,
        discounts: None,
    };
    Finding { validated: Some(false), evidence }
}

/// Whether Stripe calls it active, collects for it, and charges something a month.
fn is_paying(subscription: &Subscription, now: Timestamp) -> bool {
    let by_usage =
        |item: &super::subscription::Item| item.usage == Usage::Metered || item.unit_amount.is_none();
    let charged = subscription.mrr().amount > taken_off(subscription, now).amount;
    subscription.status == SubscriptionStatus::Active
        && subscription.pause_collection.is_none()
        && (charged || subscription.items.iter().any(by_usage))
}

/// What running discounts take off a month, at most all of it.
fn taken_off(subscription: &Subscription, now: Timestamp) -> Money {
    let mrr = subscription.mrr();
    let period = subscription.main_item().map_or(Decimal::ONE, |item| months(item.every));
    // A discount on the subscription replaces the customer's.
    let of_customer = subscription.customer_discount.iter().filter(|_| subscription.discounts.is_empty());
    let mut left = mrr.amount;
    for discount in subscription.discounts.iter().chain(of_customer) {
        if is_running(discount, now) {
            left = left.saturating_sub(monthly(discount, left, period)).max(0);
        }
    }
    Money { amount: mrr.amount.saturating_sub(left), ..mrr }
}

fn is_running(discount: &Discount, now: Timestamp) -> bool {
    discount.duration != CouponDuration::Once && discount.end.is_none_or(|end| end > now)
}

fn monthly(discount: &Discount, left: i64, period: Decimal) -> i64 {
    if let Some(percent) = discount.percent_off {
        return percent.of(left);
    }
    let off = discount.amount_off.map_or(0, |off| off.amount);
    let exact = Decimal::from(off).checked_div(period).unwrap_or_default();
    i64::try_from(exact.round()).unwrap_or(i64::MAX)
}

fn discount_then(given: &Given, subscription: &Subscription) -> Option<DiscountThen> {
    let Given::Discount { coupon } = given else { return None };
    let there = subscription.discounts.iter().any(|discount| discount.coupon.as_str() == coupon);
    let runs = there && !subscription.status.is_ended();
    Some(if runs { DiscountThen::Running } else { DiscountThen::Over })
}

fn pause_then(given: &Given, subscription: &Subscription) -> Option<PauseThen> {
    matches!(given, Given::Pause).then(|| {
        if subscription.status.is_ended() {
            PauseThen::Ended
        } else if pause::in_force(subscription).is_some() {
            PauseThen::Paused
        } else {
            PauseThen::Returned
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::sample::{now, subscription};

    fn at(due: Timestamp, change: impl FnOnce(&mut Subscription)) -> Finding {
        let mut shown = subscription();
        change(&mut shown);
        judge(&Given::Other, due, Some(&shown), now())
    }

    fn held(change: impl FnOnce(&mut Subscription)) -> Option<bool> {
        at(now(), change).validated
    }

    fn discount(percent: i64, duration: CouponDuration, end: Option<Timestamp>) -> Discount {
        serde_json::from_value(serde_json::json!({
            "id": "di_1", "coupon": "c1", "percent_off": percent, "amount_off": null, "duration": duration, "end": end,
        }))
        .unwrap()
    }

    #[test]
    fn only_who_is_there_pays_and_stays_is_validated() {
        assert_eq!(held(|_| {}), Some(true));
        for status in [
            SubscriptionStatus::Trialing,
            SubscriptionStatus::PastDue,
            SubscriptionStatus::Unpaid,
            SubscriptionStatus::Paused,
            SubscriptionStatus::Incomplete,
            SubscriptionStatus::Canceled,
        ] {
            assert_eq!(held(|s| s.status = status), Some(false), "{status:?}");
        }
        assert_eq!(held(|s| s.cancel_at_period_end = true), Some(false));
        let pause = crate::domain::subscription::PauseCollection {
            behavior: crate::domain::offer::PauseBehavior::Void,
            resumes_at: None,
        };
        assert_eq!(held(|s| s.pause_collection = Some(pause)), Some(false));
        assert_eq!(held(|s| s.items.iter_mut().for_each(|item| item.unit_amount = Some(0))), Some(false));
        assert_eq!(held(|s| s.items.iter_mut().for_each(|item| item.unit_amount = None)), Some(true));
        let free = discount(100, CouponDuration::Forever, None);
        assert_eq!(held(|s| s.discounts.push(free)), Some(false));
        assert_eq!(judge(&Given::Pause, now(), None, now()).evidence.pause, Some(PauseThen::Ended));
    }

    #[test]
    fn an_end_after_the_horizon_and_a_late_look_leave_it_open() {
        let day = SignedDuration::from_hours(24);
        let gone = |s: &mut Subscription| {
            s.status = SubscriptionStatus::Canceled;
            s.ended_at = Some(now() - day);
        };
        assert_eq!(at(now(), gone).validated, Some(false));
        let outlived = at(now() - day * 2, gone);
        assert_eq!((outlived.validated, outlived.evidence.paying), (None, None));
        assert!(outlived.evidence.still_subscribed);
        let overdue = |s: &mut Subscription| s.status = SubscriptionStatus::PastDue;
        assert_eq!(at(now() - day * 2, overdue).validated, Some(false));
        assert_eq!(at(now() - day * 9, overdue).validated, None);
        assert_eq!(at(now() - day * 9, |_| {}).validated, Some(true));
    }

    #[test]
    fn running_discounts_are_taken_off_one_after_the_other() {
        let later = now() + SignedDuration::from_hours(1);
        let finding = at(now(), |s| {
            s.customer_discount = Some(discount(90, CouponDuration::Forever, None));
            s.discounts = vec![
                discount(50, CouponDuration::Repeating, Some(later)),
                discount(20, CouponDuration::Forever, None),
                discount(99, CouponDuration::Once, None),
                discount(99, CouponDuration::Repeating, Some(now())),
            ];
        });
        assert_eq!(finding.evidence.mrr.unwrap().amount, 9_800);
        assert_eq!(finding.evidence.discounts.unwrap().amount, 4_900 + 980);
        assert_eq!(finding.validated, Some(true));
    }

    #[test]
    fn it_says_what_became_of_what_was_given() {
        let mut shown = subscription();
        shown.discounts = vec![discount(50, CouponDuration::Repeating, None)];
        let of = |coupon: &str| {
            let given = Given::Discount { coupon: coupon.to_owned() };
            judge(&given, now(), Some(&shown), now()).evidence.discount
        };
        assert_eq!((of("c1"), of("c2")), (Some(DiscountThen::Running), Some(DiscountThen::Over)));
        let pause = judge(&Given::Pause, now(), Some(&shown), now()).evidence;
        assert_eq!((pause.pause, pause.discount), (Some(PauseThen::Returned), None));
    }
}
