//! What accepting an offer would change: the next invoice, or the next dates.

use jiff::Timestamp;

use super::debt::{Share, split, waived};
use super::offer::{
    CreditTerms, DiscountDuration, DiscountTerms, DiscountValue, InstallmentsTerms, NewPlan, PlanChangeTerms,
    PlanChoice, Preview, Terms, Waived, WaiverTerms,
};
use super::plan_change;
use super::span::{Interval, Span};
use super::subscription::Subscription;

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
    let full = subscription.next_invoice_amount();
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
    let amount = (subscription.next_invoice_amount() - terms.amount).max(0);
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
        next_invoice_amount: plan.unit_amount.map(|_| changed.next_invoice_amount()),
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
