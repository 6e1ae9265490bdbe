//! What an offer gives away, at most.

use jiff::Timestamp;
use rust_decimal::Decimal;

use super::debt::waived;
use super::offer::{
    Choice, DiscountDuration, DiscountTerms, DiscountValue, PauseBehavior, PlanChangeTerms, Terms,
};
use super::plan_change::given_away;
use super::preview::discount_end;
use super::span::{Interval, Span};
use super::subscription::{Item, Subscription, Usage};

/// Months after which a discount for good is no longer counted.
const FOREVER_MONTHS: u16 = 12;
/// Invoices of one item that are counted; three years of daily ones.
const MAX_INVOICES: i64 = 1_100;

/// What accepting an offer of these terms would give away at most, in minor units of the subscription's currency,
/// metered and tiered items not counted: a discount, every invoice it meets (for good: within twelve months, and at
/// least one); a pause, the revenue of its time, unless invoices are kept; a trial extension, the revenue of its days;
/// a credit, its amount; a waiver, what it forgives; a change of the plan, the recurring revenue that a month brings less,
/// once, as less is given for it; anything else, nothing. Where the offer leaves a choice and none is made, the dearest
/// counts.
#[must_use]
pub fn cost(terms: &Terms, subscription: &Subscription, choice: Option<Choice>, now: Timestamp) -> i64 {
    match terms {
        Terms::Discount(discount) => discounted(*discount, subscription, now),
        Terms::Pause(pause) if pause.behavior == PauseBehavior::KeepAsDraft => 0,
        Terms::Pause(pause) => {
            let chosen = choice.and_then(|index| pause.choices.get(usize::from(index)));
            let dearest = || pause.choices.iter().map(|length| revenue(*length, subscription)).max();
            chosen.map(|length| revenue(*length, subscription)).or_else(dearest).unwrap_or(0)
        }
        Terms::TrialExtension(extension) => {
            revenue(Span { interval: Interval::Day, count: extension.days }, subscription)
        }
        Terms::PlanChange(change) => monthly_plan_change(change, subscription, choice, now),
        Terms::Credit(credit) => credit.amount,
        Terms::Waiver(waiver) => {
            waived(waiver, subscription).iter().map(|share| share.amount).fold(0, i64::saturating_add)
        }
        Terms::Installments(_)
        | Terms::FreeFeatures(_)
        | Terms::Contact(_)
        | Terms::Redirect(_)
        | Terms::Custom(_) => 0,
    }
}

/// What a discount takes off a month, in minor units; for the margin floor.
#[must_use]
pub fn monthly_discount(terms: DiscountTerms, subscription: &Subscription) -> i64 {
    let mrr = subscription.mrr().amount;
    match terms.value {
        DiscountValue::Percent(percent) => percent.of(mrr),
        DiscountValue::Amount(off) => {
            let per_month = subscription.main_item().map_or(Decimal::ONE, |item| months(item.every));
            rounded(Decimal::from(off.amount) / per_month.max(Decimal::new(1, 2))).min(mrr)
        }
    }
}

/// What a change of the plan takes off a month, in minor units: with the plan that was chosen, or the cheapest.
#[must_use]
pub fn monthly_plan_change(
    terms: &PlanChangeTerms,
    subscription: &Subscription,
    choice: Option<Choice>,
    now: Timestamp,
) -> i64 {
    let chosen = choice.and_then(|index| terms.choices.get(usize::from(index)));
    let plans = terms.choices.iter().filter(|candidate| chosen.is_none_or(|chosen| chosen == *candidate));
    let given =
        plans.filter_map(|choice| choice.plan.as_ref()).map(|plan| given_away(plan, subscription, now));
    given.max().unwrap_or(0)
}

/// What is left of a month's price once an offer is given.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Margin {
    /// The price of a month less what the offer takes off it, in minor units.
    pub price: Decimal,
    /// What giving the offer costs a month, in minor units.
    pub extra: i64,
}

impl Margin {
    /// What is left after serving the customer, whose cost is minor units a month; none beyond all reckoning.
    #[must_use]
    pub fn kept(&self, serving: Decimal) -> Option<Decimal> {
        self.price.checked_sub(serving)?.checked_sub(Decimal::from(self.extra))
    }
}

/// What is left of a month's price when an offer gives money; none for one that gives none. What is given once, a
/// credit, a waiver or free days, counts wholly against one billing period. `extra` is what giving the offer costs a
/// month beside that, in minor units: it makes free features an offer that gives money.
#[must_use]
pub fn margin(terms: &Terms, subscription: &Subscription, extra: i64, now: Timestamp) -> Option<Margin> {
    let mrr = subscription.mrr().amount;
    let given = match terms {
        Terms::Discount(discount) => Decimal::from(monthly_discount(*discount, subscription)),
        Terms::Credit(_) | Terms::Waiver(_) | Terms::TrialExtension(_) => {
            let period = subscription.main_item().map_or(Decimal::ONE, |item| months(item.every));
            Decimal::from(cost(terms, subscription, None, now)) / period.max(Decimal::new(1, 2))
        }
        Terms::PlanChange(change) => Decimal::from(monthly_plan_change(change, subscription, None, now)),
        Terms::FreeFeatures(_) if extra > 0 => Decimal::ZERO,
        _ => return None,
    };
    Some(Margin { price: Decimal::from(mrr).checked_sub(given)?, extra })
}

fn discounted(terms: DiscountTerms, subscription: &Subscription, now: Timestamp) -> i64 {
    let until = match terms.duration {
        DiscountDuration::Once => None,
        DiscountDuration::Repeating { .. } => discount_end(terms.duration, now),
        DiscountDuration::Forever => {
            Some(Span { interval: Interval::Month, count: FOREVER_MONTHS }.after(now))
        }
    };
    let licensed = subscription.items.iter().filter(|item| item.usage == Usage::Licensed);
    let billed = licensed.map(|item| (amount(item), invoices(item, until, terms.duration)));
    let (mut total, mut most_invoices) = (0_i64, 0_i64);
    for (amount, invoices) in billed {
        total = total.saturating_add(amount.saturating_mul(invoices));
        most_invoices = most_invoices.max(invoices);
    }
    match terms.value {
        DiscountValue::Percent(percent) => percent.of(total),
        DiscountValue::Amount(off) => off.amount.saturating_mul(most_invoices).min(total),
    }
}

fn amount(item: &Item) -> i64 {
    item.unit_amount.unwrap_or(0).saturating_mul(item.quantity).max(0)
}

/// How many invoices for the item fall due before `until`; the next one alone without it.
fn invoices(item: &Item, until: Option<Timestamp>, duration: DiscountDuration) -> i64 {
    let Some(until) = until else { return 1 };
    let mut due = item.current_period_end;
    let mut count = 0;
    while due < until && count < MAX_INVOICES {
        count += 1;
        let next = Span { interval: item.every.interval, count: item.every.count.max(1) }.after(due);
        if next <= due {
            break;
        }
        due = next;
    }
    if duration == DiscountDuration::Forever { count.max(1) } else { count }
}

/// The recurring revenue of a stretch of time.
fn revenue(length: Span, subscription: &Subscription) -> i64 {
    rounded(Decimal::from(subscription.mrr().amount) * months(length))
}

/// Months in a span: a month, or a twelfth of a year of 365 days or 52 weeks.
pub(super) fn months(span: Span) -> Decimal {
    let count = Decimal::from(span.count);
    match span.interval {
        Interval::Day => count * Decimal::from(12) / Decimal::from(365),
        Interval::Week => count * Decimal::from(12) / Decimal::from(52),
        Interval::Month => count,
        Interval::Year => count * Decimal::from(12),
    }
}

fn rounded(exact: Decimal) -> i64 {
    i64::try_from(exact.round()).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::sample::{now, subscription};

    fn cost_of(json: serde_json::Value, subscription: &Subscription, choice: Option<Choice>) -> i64 {
        cost(&serde_json::from_value(json).unwrap(), subscription, choice, now())
    }

    fn discount(terms: serde_json::Value) -> serde_json::Value {
        serde_json::json!({"type": "discount", "terms": terms})
    }

    #[test]
    fn a_discount_costs_what_it_takes_off_the_invoices_it_meets() {
        let monthly = subscription();
        let mut yearly = subscription();
        for item in &mut yearly.items {
            item.every.interval = Interval::Year;
        }
        for (terms, of_monthly, of_yearly) in [
            (serde_json::json!({"percent_off": 50, "duration": "once"}), 4_900, 4_900),
            (
                serde_json::json!({"percent_off": 50, "duration": "repeating", "duration_in_months": 3}),
                14_700,
                4_900,
            ),
            (serde_json::json!({"percent_off": 50, "duration": "forever"}), 58_800, 4_900),
            (
                serde_json::json!({"amount_off": 1000, "currency": "usd", "duration": "repeating", "duration_in_months": 2}),
                2_000,
                1_000,
            ),
            (serde_json::json!({"amount_off": 99_999, "currency": "usd", "duration": "once"}), 9_800, 9_800),
        ] {
            assert_eq!(cost_of(discount(terms.clone()), &monthly, None), of_monthly, "{terms}");
            assert_eq!(cost_of(discount(terms.clone()), &yearly, None), of_yearly, "{terms}");
        }
    }

    #[test]
    fn a_pause_costs_the_revenue_of_the_time_chosen_or_of_the_longest() {
        let pause = |behavior: &str| {
            serde_json::json!({"type": "pause", "terms": {"behavior": behavior,
            "choices": [{"interval": "month", "count": 1}, {"interval": "month", "count": 3}]}})
        };
        let subscription = subscription();
        assert_eq!(cost_of(pause("void"), &subscription, Some(0)), 9_800);
        assert_eq!(cost_of(pause("void"), &subscription, Some(9)), 29_400);
        assert_eq!(cost_of(pause("void"), &subscription, None), 29_400);
        assert_eq!(cost_of(pause("keep_as_draft"), &subscription, None), 0);
    }

    #[test]
    fn days_cost_their_share_of_the_year_and_features_nothing() {
        let trial = serde_json::json!({"type": "trial_extension", "terms": {"days": 365}});
        assert_eq!(cost_of(trial, &subscription(), None), 9_800 * 12);
        let free = serde_json::json!({"type": "free_features", "terms": {"price": "price_x", "lasts": {"interval": "day", "count": 1}}});
        assert_eq!(cost_of(free, &subscription(), None), 0);
        let credit = serde_json::json!({"type": "credit", "terms": {"amount": 1500, "currency": "usd"}});
        assert_eq!(cost_of(credit, &subscription(), None), 1_500);
    }
}
