//! What accepting an offer would change: the next invoice, or the next dates.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::debt::{Part, Share, split, waived};
use super::money::{Currency, Percent};
use super::offer::{
    CreditTerms, DiscountDuration, DiscountTerms, DiscountValue, InstallmentsTerms, PlanChangeTerms,
    PlanChoice, Proration, Terms, WaiverTerms,
};
use super::plan_change;
use super::span::{Interval, Span};
use super::subscription::{Subscription, Usage};

/// What an offer would change; only the members that its type touches are present. Amounts are estimates in minor
/// units before tax, prorations and metered usage.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[schema(as = OfferPreview)]
pub struct Preview {
    /// What the next invoice would come to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next_invoice_amount: Option<i64>,
    /// The currency of the amount.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub currency: Option<Currency>,
    /// When the next invoice would fall due.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next_invoice_at: Option<Timestamp>,
    /// When the discount would end.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub discount_ends: Option<Timestamp>,
    /// When collection would resume, one instant for each of the pause's choices.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub resumes_at: Vec<Timestamp>,
    /// When the trial would end.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub trial_end: Option<Timestamp>,
    /// When the free features would end.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub features_end: Option<Timestamp>,
    /// What would be put on the customer's balance; what the next invoice leaves of it stays for those after it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub credit_amount: Option<i64>,
    /// What would be forgiven of each open invoice, the oldest first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub waived: Vec<Waived>,
    /// The parts that would be paid, and when; they add up to what is split.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub parts: Vec<Part>,
    /// What each of the plans would come to, in the order of the terms' `choices`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schema(max_items = 10)]
    pub plans: Vec<NewPlan>,
}

/// What a subscription would come to with another plan.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct NewPlan {
    /// What the plan is called.
    pub name: String,
    /// Minor units per interval, quantity included; absent for prices without a flat amount.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub amount: Option<i64>,
    /// The currency.
    pub currency: Currency,
    /// How often it is billed.
    pub interval: Interval,
    /// Every so many intervals.
    pub interval_count: u16,
    /// How many of it, as now.
    pub quantity: i64,
    /// When the plan would change.
    pub effective_at: Timestamp,
    /// What becomes of the time that is paid for.
    pub proration: Proration,
    /// What the first invoice at the new price would come to; absent for prices without a flat amount.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub next_invoice_amount: Option<i64>,
    /// When that invoice would fall due; at once where the interval changes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub next_invoice_at: Option<Timestamp>,
}

/// What would be forgiven of an open invoice.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[schema(as = WaivedInvoice)]
pub struct Waived {
    /// The number the customer knows it by.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub number: Option<String>,
    /// Minor units that would be forgiven.
    pub amount: i64,
    /// Minor units that would still be to be paid.
    pub remaining: i64,
}

/// What accepting `terms` at `now` would do to `subscription`.
#[must_use]
pub fn preview(terms: &Terms, subscription: &Subscription, now: Timestamp) -> Preview {
    match terms {
        Terms::Discount(discount) => discounted(*discount, subscription, now),
        Terms::Pause(pause) => Preview {
            resumes_at: pause.choices.iter().map(|choice| choice.after(now)).collect(),
            ..Preview::default()
        },
        Terms::TrialExtension(extension) => {
            let end = extended_trial_end(extension.days, subscription, now);
            Preview { trial_end: Some(end), next_invoice_at: Some(end), ..Preview::default() }
        }
        Terms::FreeFeatures(features) => {
            Preview { features_end: Some(features.lasts.after(now)), ..Preview::default() }
        }
        Terms::PlanChange(change) => with_plans(change, subscription, now),
        Terms::Installments(terms) => in_parts(terms, subscription, now),
        Terms::Waiver(terms) => forgiven(terms, subscription),
        Terms::Credit(credit) => credited(*credit, subscription),
        Terms::Contact(_) | Terms::Redirect(_) | Terms::Custom(_) => Preview::default(),
    }
}

/// Where a trial extension of `days` moves the end of the trial: after the running trial, or, for a subscription that
/// already pays, after the period that is paid for.
#[must_use]
pub fn extended_trial_end(days: u16, subscription: &Subscription, now: Timestamp) -> Timestamp {
    let running = subscription.trial_end.filter(|_| subscription.is_trialing(now));
    let from = running.or_else(|| subscription.current_period_end()).unwrap_or(now).max(now);
    Span { interval: Interval::Day, count: days }.after(from)
}

/// When a discount that starts at `now` ends; none for one invoice or for good.
#[must_use]
pub fn discount_end(duration: DiscountDuration, now: Timestamp) -> Option<Timestamp> {
    match duration {
        DiscountDuration::Repeating { months } => {
            Some(Span { interval: Interval::Month, count: months }.after(now))
        }
        DiscountDuration::Once | DiscountDuration::Forever => None,
    }
}

fn discounted(terms: DiscountTerms, subscription: &Subscription, now: Timestamp) -> Preview {
    let due = subscription.current_period_end();
    let ends = discount_end(terms.duration, now);
    let full = next_invoice_amount(subscription);
    // A discount that is over before the next invoice falls due takes nothing off it.
    let applies = !matches!((ends, due), (Some(end), Some(due)) if end <= due);
    let amount = match terms.value {
        DiscountValue::Percent(percent) if applies => full - percent.of(full),
        DiscountValue::Amount(off) if applies => (full - off.amount).max(0),
        _ => full,
    };
    Preview {
        next_invoice_amount: Some(amount),
        currency: Some(subscription.currency),
        next_invoice_at: due,
        discount_ends: ends,
        ..Preview::default()
    }
}

fn credited(terms: CreditTerms, subscription: &Subscription) -> Preview {
    let due = subscription.current_period_end();
    let amount = (next_invoice_amount(subscription) - terms.amount).max(0);
    Preview {
        next_invoice_amount: due.map(|_| amount),
        currency: Some(subscription.currency),
        next_invoice_at: due,
        credit_amount: Some(terms.amount),
        ..Preview::default()
    }
}

fn with_plans(terms: &PlanChangeTerms, subscription: &Subscription, now: Timestamp) -> Preview {
    let plans = terms.choices.iter().filter_map(|choice| new_plan(terms, choice, subscription, now));
    let plans: Vec<NewPlan> = plans.collect();
    let only = plans.first().filter(|_| plans.len() == 1);
    Preview {
        next_invoice_amount: only.and_then(|plan| plan.next_invoice_amount),
        currency: Some(subscription.currency),
        next_invoice_at: only.and_then(|plan| plan.next_invoice_at),
        plans,
        ..Preview::default()
    }
}

fn new_plan(
    terms: &PlanChangeTerms,
    choice: &PlanChoice,
    subscription: &Subscription,
    now: Timestamp,
) -> Option<NewPlan> {
    let (item, plan) = (subscription.main_item()?, choice.plan.as_ref()?);
    let every = plan.every?;
    let changed = plan_change::changed(plan, terms.when, subscription, now);
    Some(NewPlan {
        name: choice.name().to_owned(),
        amount: plan.unit_amount.and_then(|unit| unit.checked_mul(item.quantity)),
        currency: plan.currency,
        interval: every.interval,
        interval_count: every.count,
        quantity: item.quantity,
        effective_at: plan_change::effective_at(terms.when, item, now),
        proration: terms.proration,
        next_invoice_amount: plan.unit_amount.map(|_| next_invoice_amount(&changed)),
        next_invoice_at: changed.current_period_end(),
    })
}

fn in_parts(terms: &InstallmentsTerms, subscription: &Subscription, now: Timestamp) -> Preview {
    let Some(split) = split(terms, subscription, now) else {
        return Preview::default();
    };
    let coming = split.coming();
    let first = split.parts.first().filter(|_| coming.is_some()).map(|part| part.amount);
    Preview {
        next_invoice_amount: first,
        currency: Some(subscription.currency),
        next_invoice_at: coming,
        parts: split.parts,
        ..Preview::default()
    }
}

fn forgiven(terms: &WaiverTerms, subscription: &Subscription) -> Preview {
    let of = |share: Share| {
        let invoice = subscription.open_invoices.iter().find(|open| open.id == share.invoice);
        Waived {
            number: invoice.and_then(|open| open.number.clone()),
            remaining: invoice.map_or(0, |open| open.amount_remaining - share.amount),
            amount: share.amount,
        }
    };
    Preview {
        currency: Some(subscription.currency),
        waived: waived(terms, subscription).into_iter().map(of).collect(),
        ..Preview::default()
    }
}

/// What the next invoice comes to with the discounts that are there already.
pub(super) fn next_invoice_amount(subscription: &Subscription) -> i64 {
    let Some(due) = subscription.current_period_end() else {
        return 0;
    };
    let full: i64 = subscription
        .items
        .iter()
        .filter(|item| item.usage == Usage::Licensed && item.current_period_end == due)
        .filter_map(|item| item.unit_amount?.checked_mul(item.quantity))
        .fold(0, i64::saturating_add);
    let own = subscription.discounts.iter();
    // Stripe ignores the customer's discount as soon as the subscription has one of its own.
    let standing =
        own.chain(subscription.customer_discount.iter().filter(|_| subscription.discounts.is_empty()));
    standing.filter(|discount| discount.end.is_none_or(|end| end > due)).fold(full, |left, discount| {
        let off = discount.percent_off.map_or(0, |percent: Percent| percent.of(left))
            + discount.amount_off.map_or(0, |money| money.amount);
        (left - off).max(0)
    })
}
