//! Whether a subscription can take an offer, or a cancellation, as billing has it now.
//!
//! Asked twice: when an offer is presented, against the snapshot, and again when it is applied, against what Stripe
//! has just answered.

use jiff::{SignedDuration, Timestamp};

use super::debt::split;
use super::ineligible::Ineligible;
use super::money::Currency;
use super::offer::{DiscountDuration, DiscountTerms, DiscountValue, Terms};
use super::operation::CancelWhen;
use super::plan_change;
use super::preview::{discount_end, extended_trial_end};
use super::span::{Interval, Span};
use super::subscription::{Subscription, SubscriptionStatus};

/// How long before the next invoice it can still be changed with certainty.
const IMMINENT: SignedDuration = SignedDuration::from_hours(2);

/// Whether `subscription` can take an offer of these terms at `now`.
///
/// # Errors
/// The first reason why it cannot.
pub fn check(terms: &Terms, subscription: &Subscription, now: Timestamp) -> Result<(), Ineligible> {
    if subscription.status.is_ended() {
        return Err(Ineligible::SubscriptionEnded);
    }
    match terms {
        // These ask nothing of billing.
        Terms::Contact(_) | Terms::Redirect(_) | Terms::Custom(_) => Ok(()),
        Terms::Discount(discount) => {
            changeable(subscription).and_then(|()| can_discount(*discount, subscription, now))
        }
        Terms::Pause(_) => changeable(subscription).and_then(|()| can_pause(subscription)),
        Terms::TrialExtension(extension) => {
            changeable(subscription).and_then(|()| can_extend(extension.days, subscription, now))
        }
        Terms::FreeFeatures(features) => {
            changeable(subscription)?;
            let attached = subscription.items.iter().any(|item| item.price == features.price);
            if attached { Err(Ineligible::AlreadyAttached) } else { Ok(()) }
        }
        Terms::PlanChange(change) => {
            can_change_plan(subscription)?;
            plan_change::check(change, subscription)
        }
        Terms::Installments(terms) => {
            can_settle(subscription)?;
            can_split(subscription, now)?;
            split(terms, subscription, now).map(drop).ok_or(Ineligible::NothingToSplit)
        }
        Terms::Waiver(waiver) => {
            can_settle(subscription)?;
            if waiver.cap.currency != subscription.currency {
                return Err(Ineligible::CurrencyMismatch);
            }
            if owes(subscription) { Ok(()) } else { Err(Ineligible::NoOpenInvoice) }
        }
        Terms::Credit(credit) => can_credit(credit.currency, subscription),
    }
}

/// Whether a server that works in the given mode can reach `subscription` in Stripe.
///
/// # Errors
/// [`Ineligible::OtherMode`].
pub fn in_mode(subscription: &Subscription, livemode: bool) -> Result<(), Ineligible> {
    if subscription.livemode == livemode { Ok(()) } else { Err(Ineligible::OtherMode) }
}

/// Whether a cancellation would change anything. Nothing else is asked: how Stripe takes it is a matter of steps.
///
/// # Errors
/// That it has ended, or ends with the period anyway.
pub fn can_cancel(subscription: &Subscription) -> Result<(), Ineligible> {
    if subscription.status.is_ended() {
        Err(Ineligible::SubscriptionEnded)
    } else if subscription.ends_with_period() {
        Err(Ineligible::CancelScheduled)
    } else {
        Ok(())
    }
}

/// When a cancellation takes effect. What is not paid for, or has no running period, ends at once: Stripe lets nothing
/// else be changed of an incomplete subscription, and the period of a paused one never ends.
#[must_use]
pub fn cancels(subscription: &Subscription, wanted: CancelWhen) -> CancelWhen {
    match subscription.status {
        SubscriptionStatus::Incomplete | SubscriptionStatus::Paused => CancelWhen::Now,
        _ => wanted,
    }
}

/// What every change of billing asks of the subscription.
fn changeable(subscription: &Subscription) -> Result<(), Ineligible> {
    unhindered(subscription)?;
    if subscription.scheduled { Err(Ineligible::ScheduleAttached) } else { Ok(()) }
}

/// Whether the plan can be changed. A schedule of ours waits for nothing but an earlier change of the plan, and makes room
/// for another.
///
/// # Errors
/// The first reason why it cannot.
pub fn can_change_plan(subscription: &Subscription) -> Result<(), Ineligible> {
    unhindered(subscription)?;
    let others = subscription.scheduled && subscription.scheduled_by.is_none();
    if others { Err(Ineligible::ScheduleAttached) } else { Ok(()) }
}

fn unhindered(subscription: &Subscription) -> Result<(), Ineligible> {
    match subscription.status {
        SubscriptionStatus::Incomplete => return Err(Ineligible::SubscriptionIncomplete),
        SubscriptionStatus::Paused => return Err(Ineligible::SubscriptionPaused),
        _ => {}
    }
    if subscription.is_canceling() {
        Err(Ineligible::CancelScheduled)
    } else if subscription.pending_update {
        Err(Ineligible::PendingUpdate)
    } else {
        Ok(())
    }
}

fn can_discount(terms: DiscountTerms, subscription: &Subscription, now: Timestamp) -> Result<(), Ineligible> {
    // The customer's discount is none of these: it is sent along, and so stays in force.
    if !subscription.discounts.is_empty() {
        return Err(Ineligible::AlreadyDiscounted);
    }
    if matches!(terms.value, DiscountValue::Amount(off) if off.currency != subscription.currency) {
        return Err(Ineligible::CurrencyMismatch);
    }
    costs_something(subscription)?;
    let due = subscription.current_period_end();
    match (terms.duration, discount_end(terms.duration, now), due) {
        (DiscountDuration::Repeating { .. }, Some(end), Some(due)) if end <= due => {
            Err(Ineligible::DiscountMeetsNoInvoice)
        }
        _ => Ok(()),
    }
}

/// Whether open invoices can be taken back without ending what hangs on them: the subscription itself where it is the
/// first one, or the update that waits for it. None is open for a subscription that is on its way out.
///
/// # Errors
/// The first reason why they cannot.
pub fn can_settle(subscription: &Subscription) -> Result<(), Ineligible> {
    if subscription.status.is_ended() {
        Err(Ineligible::SubscriptionEnded)
    } else if subscription.status == SubscriptionStatus::Incomplete {
        Err(Ineligible::SubscriptionIncomplete)
    } else if subscription.is_canceling() {
        Err(Ineligible::CancelScheduled)
    } else if subscription.pending_update {
        Err(Ineligible::PendingUpdate)
    } else {
        Ok(())
    }
}

/// Whether what is open, or else the coming invoice, can be put into parts.
///
/// # Errors
/// The first reason why it cannot.
pub fn can_split(subscription: &Subscription, now: Timestamp) -> Result<(), Ineligible> {
    if owes(subscription) {
        let taxed = subscription.open_invoices.iter().any(|invoice| invoice.taxed);
        return if taxed { Err(Ineligible::Taxed) } else { Ok(()) };
    }
    can_split_coming(subscription, now)
}

/// Whether the coming invoice will be made, be collected, and can be put into parts.
///
/// # Errors
/// The first reason why not.
pub fn can_split_coming(subscription: &Subscription, now: Timestamp) -> Result<(), Ineligible> {
    let due = subscription.current_period_end();
    match subscription.status {
        SubscriptionStatus::Paused => Err(Ineligible::SubscriptionPaused),
        SubscriptionStatus::PastDue | SubscriptionStatus::Unpaid => Err(Ineligible::PastDue),
        _ if subscription.pause_collection.is_some() => Err(Ineligible::CollectionPaused),
        _ if subscription.taxed => Err(Ineligible::Taxed),
        _ if due.is_some_and(|due| due.duration_since(now) < IMMINENT) => Err(Ineligible::InvoiceImminent),
        _ => Ok(()),
    }
}

fn owes(subscription: &Subscription) -> bool {
    subscription.open_invoices.iter().any(|invoice| invoice.amount_remaining > 0)
}

/// A credit lies with the customer and changes nothing of the subscription, so that neither a schedule nor a pause is
/// in its way; but an invoice must come that it is set against.
fn can_credit(currency: Currency, subscription: &Subscription) -> Result<(), Ineligible> {
    if subscription.status == SubscriptionStatus::Incomplete {
        return Err(Ineligible::SubscriptionIncomplete);
    }
    if subscription.is_canceling() {
        return Err(Ineligible::CancelScheduled);
    }
    if currency != subscription.currency {
        return Err(Ineligible::CurrencyMismatch);
    }
    costs_something(subscription)
}

fn costs_something(subscription: &Subscription) -> Result<(), Ineligible> {
    let free = subscription.items.iter().all(|item| item.unit_amount == Some(0));
    if free { Err(Ineligible::NothingToDiscount) } else { Ok(()) }
}

fn can_pause(subscription: &Subscription) -> Result<(), Ineligible> {
    match subscription.status {
        // The overdue invoices would go on being retried, which is not what a subscriber hears in "pause".
        SubscriptionStatus::PastDue | SubscriptionStatus::Unpaid => Err(Ineligible::PastDue),
        _ if subscription.pause_collection.is_some() => Err(Ineligible::CollectionPaused),
        _ => Ok(()),
    }
}

fn can_extend(days: u16, subscription: &Subscription, now: Timestamp) -> Result<(), Ineligible> {
    if matches!(subscription.status, SubscriptionStatus::PastDue | SubscriptionStatus::Unpaid) {
        return Err(Ineligible::PastDue);
    }
    // All items begin a new period with the end of the trial: what is paid for longer would be paid for twice.
    let mut ends = subscription.items.iter().map(|item| item.current_period_end);
    if ends.next().is_some_and(|first| ends.any(|end| end != first)) {
        return Err(Ineligible::MixedIntervals);
    }
    let latest = Span { interval: Interval::Year, count: 2 }.after(now);
    if extended_trial_end(days, subscription, now) > latest {
        return Err(Ineligible::TrialTooLong);
    }
    Ok(())
}
