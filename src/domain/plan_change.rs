//! A change of the plan: which item changes, to what, and whether the subscription can take it.
//!
//! What changes is the item that stands for the plan ([`Subscription::main_item`]). A flow names prices and nothing
//! else; what they are is known from billing and put beside them first ([`informed`]), and what is presented are the
//! choices that the subscription can change to ([`fitting`]).

use std::borrow::Cow;

use jiff::Timestamp;

use super::ineligible::Ineligible;
use super::offer::{PlanChangeTerms, PlanChangeWhen, PlanChoice, Terms};
use super::price::{Price, Prices};
use super::span::Span;
use super::subscription::{Item, Subscription, SubscriptionStatus, Usage};

/// The terms with what is known of the prices that they name.
#[must_use]
pub fn informed<'a>(terms: &'a Terms, prices: &Prices) -> Cow<'a, Terms> {
    let Terms::PlanChange(change) = terms else { return Cow::Borrowed(terms) };
    let choice =
        |choice: &PlanChoice| PlanChoice { plan: prices.get(&choice.price).cloned(), ..choice.clone() };
    let choices = change.choices.iter().map(choice).collect();
    Cow::Owned(Terms::PlanChange(PlanChangeTerms { choices, ..*change }))
}

/// Informed terms as they are presented: with those of the choices that the subscription can change to.
#[must_use]
pub fn fitting<'a>(terms: &'a Terms, subscription: &Subscription) -> Cow<'a, Terms> {
    let Terms::PlanChange(change) = terms else { return Cow::Borrowed(terms) };
    let fits = |choice: &&PlanChoice| fits(choice, change.when, subscription).is_ok();
    let choices = change.choices.iter().filter(fits).cloned().collect();
    Cow::Owned(Terms::PlanChange(PlanChangeTerms { choices, ..*change }))
}

/// Whether the subscription can change to any of the choices.
///
/// # Errors
/// Why it cannot change to the first.
pub fn check(terms: &PlanChangeTerms, subscription: &Subscription) -> Result<(), Ineligible> {
    let mut first = Ok(());
    for choice in &terms.choices {
        match fits(choice, terms.when, subscription) {
            Ok(()) => return Ok(()),
            refused if first.is_ok() => first = refused,
            Err(_) => {}
        }
    }
    first
}

fn fits(choice: &PlanChoice, when: PlanChangeWhen, subscription: &Subscription) -> Result<(), Ineligible> {
    let item = subscription.main_item().ok_or(Ineligible::PriceMismatch)?;
    if item.price == choice.price {
        return Err(Ineligible::SamePrice);
    }
    let plan = choice.plan.as_ref().ok_or(Ineligible::PriceUnknown)?;
    can_change(item, plan, when, subscription)
}

/// Whether `item` of the subscription can change to `plan`.
///
/// # Errors
/// The first reason why it cannot.
pub fn can_change(
    item: &Item,
    plan: &Price,
    when: PlanChangeWhen,
    subscription: &Subscription,
) -> Result<(), Ineligible> {
    if plan.livemode != subscription.livemode {
        return Err(Ineligible::PriceUnknown);
    }
    if !plan.active {
        return Err(Ineligible::PriceInactive);
    }
    if plan.currency != subscription.currency {
        return Err(Ineligible::CurrencyMismatch);
    }
    let every = plan.every.ok_or(Ineligible::PriceMismatch)?;
    if item.usage == Usage::Metered || plan.usage == Usage::Metered {
        return Err(Ineligible::MeteredPrice);
    }
    let mut others = subscription.items.iter().filter(|other| other.id != item.id);
    if others.any(|other| other.price == plan.id) {
        return Err(Ineligible::SamePrice);
    }
    keeps_in_step(item, every, when, subscription)?;
    match (when, subscription.status) {
        // Stripe puts no schedule on it.
        (PlanChangeWhen::PeriodEnd, SubscriptionStatus::Unpaid) => Err(Ineligible::PastDue),
        _ => Ok(()),
    }
}

/// Whether the items would go on being billed as they are now: an item that changes to another interval would leave the
/// others behind, and items whose periods end at different times have no common end to change at.
fn keeps_in_step(
    item: &Item,
    every: Span,
    when: PlanChangeWhen,
    subscription: &Subscription,
) -> Result<(), Ineligible> {
    let mut others = subscription.items.iter().filter(|other| other.id != item.id);
    let apart = others.any(|other| {
        let left_behind = every != item.every && other.every != every;
        let no_common_end = when == PlanChangeWhen::PeriodEnd
            && (other.every != item.every || other.current_period_end != item.current_period_end);
        left_behind || no_common_end
    });
    if apart { Err(Ineligible::MixedIntervals) } else { Ok(()) }
}

/// When a change accepted at `now` takes effect.
#[must_use]
pub fn effective_at(when: PlanChangeWhen, item: &Item, now: Timestamp) -> Timestamp {
    match when {
        PlanChangeWhen::Now => now,
        PlanChangeWhen::PeriodEnd => item.current_period_end.max(now),
    }
}

/// Whether the change begins a new period at once, which is billed at once: Stripe does so where the interval changes,
/// but not within a trial.
#[must_use]
pub fn bills_at_once(item: &Item, every: Span, when: PlanChangeWhen, subscription: &Subscription) -> bool {
    let trialing = subscription.status == SubscriptionStatus::Trialing;
    when == PlanChangeWhen::Now && item.every != every && !trialing
}

/// The subscription with the plan changed; what is paid for is left as it is, but for a new period that begins at once.
#[must_use]
pub fn changed(
    plan: &Price,
    when: PlanChangeWhen,
    subscription: &Subscription,
    now: Timestamp,
) -> Subscription {
    let mut changed = subscription.clone();
    let Some(id) = subscription.main_item().map(|item| item.id.clone()) else { return changed };
    for item in changed.items.iter_mut().filter(|item| item.id == id) {
        let every = plan.every.unwrap_or(item.every);
        if bills_at_once(item, every, when, subscription) {
            item.current_period_start = now;
            item.current_period_end = now;
        }
        item.price = plan.id.clone();
        item.product = plan.product.clone();
        item.name.clone_from(&plan.name);
        item.unit_amount = plan.unit_amount;
        item.tiered = plan.tiered;
        item.every = every;
        item.usage = plan.usage;
    }
    changed
}

/// What changing to `plan` gives away a month, in minor units: the recurring revenue that goes, or nothing where it
/// grows. Prices without a flat amount count zero.
#[must_use]
pub fn given_away(plan: &Price, subscription: &Subscription, now: Timestamp) -> i64 {
    let after = changed(plan, PlanChangeWhen::PeriodEnd, subscription, now).mrr().amount;
    subscription.mrr().amount.saturating_sub(after).max(0)
}
