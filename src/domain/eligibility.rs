//! Whether a subscription can take an offer, or a cancellation, as billing has it now.
//!
//! Asked twice: when an offer is presented, against the snapshot, and again when it is applied, against what Stripe
//! has just answered.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::offer::{DiscountDuration, DiscountTerms, DiscountValue, Terms};
use super::preview::{discount_end, extended_trial_end};
use super::span::{Interval, Span};
use super::subscription::{Subscription, SubscriptionStatus};

/// Why a subscription cannot take an offer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema, thiserror::Error)]
#[serde(rename_all = "snake_case")]
pub enum Ineligible {
    /// The subscription has ended.
    #[error("the subscription has ended")]
    SubscriptionEnded,
    /// The first payment has not succeeded.
    #[error("the subscription's first payment is not complete")]
    SubscriptionIncomplete,
    /// The subscription is paused.
    #[error("the subscription is paused")]
    SubscriptionPaused,
    /// Collection is paused already.
    #[error("collection is paused already")]
    CollectionPaused,
    /// A cancellation is scheduled already.
    #[error("a cancellation is scheduled already")]
    CancelScheduled,
    /// A schedule drives the subscription.
    #[error("a subscription schedule drives the subscription")]
    ScheduleAttached,
    /// An update waits for a payment.
    #[error("an update of the subscription waits for a payment")]
    PendingUpdate,
    /// Payments are overdue.
    #[error("payments are overdue")]
    PastDue,
    /// A discount is there already.
    #[error("a discount is in force already")]
    AlreadyDiscounted,
    /// The discount's currency is not the subscription's.
    #[error("the discount is in another currency than the subscription")]
    CurrencyMismatch,
    /// The discount would end before the next invoice.
    #[error("the discount would end before the next invoice")]
    DiscountMeetsNoInvoice,
    /// The subscription costs nothing.
    #[error("the subscription costs nothing")]
    NothingToDiscount,
    /// The trial would run longer than Stripe allows.
    #[error("the trial would end more than two years from now")]
    TrialTooLong,
    /// The free price is on the subscription already.
    #[error("the features are on the subscription already")]
    AlreadyAttached,
    /// The free features' price is billed at another interval or currency than the subscription.
    #[error("the price of the features does not fit the subscription")]
    PriceMismatch,
}

impl Ineligible {
    /// The stable reason code on the wire.
    #[must_use]
    pub fn code(self) -> &'static str {
        match self {
            Self::SubscriptionEnded => "subscription_ended",
            Self::SubscriptionIncomplete => "subscription_incomplete",
            Self::SubscriptionPaused => "subscription_paused",
            Self::CollectionPaused => "collection_paused",
            Self::CancelScheduled => "cancel_scheduled",
            Self::ScheduleAttached => "schedule_attached",
            Self::PendingUpdate => "pending_update",
            Self::PastDue => "past_due",
            Self::AlreadyDiscounted => "already_discounted",
            Self::CurrencyMismatch => "currency_mismatch",
            Self::DiscountMeetsNoInvoice => "discount_meets_no_invoice",
            Self::NothingToDiscount => "nothing_to_discount",
            Self::TrialTooLong => "trial_too_long",
            Self::AlreadyAttached => "already_attached",
            Self::PriceMismatch => "price_mismatch",
        }
    }
}

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
    }
}

/// What every change of billing asks of the subscription.
fn changeable(subscription: &Subscription) -> Result<(), Ineligible> {
    match subscription.status {
        SubscriptionStatus::Incomplete => return Err(Ineligible::SubscriptionIncomplete),
        SubscriptionStatus::Paused => return Err(Ineligible::SubscriptionPaused),
        _ => {}
    }
    if subscription.is_canceling() {
        Err(Ineligible::CancelScheduled)
    } else if subscription.scheduled {
        Err(Ineligible::ScheduleAttached)
    } else if subscription.pending_update {
        Err(Ineligible::PendingUpdate)
    } else {
        Ok(())
    }
}

fn can_discount(terms: DiscountTerms, subscription: &Subscription, now: Timestamp) -> Result<(), Ineligible> {
    // A subscription-level coupon would silently drop the customer-level one, so that counts as well.
    if !subscription.discounts.is_empty() || subscription.customer_discount.is_some() {
        return Err(Ineligible::AlreadyDiscounted);
    }
    if matches!(terms.value, DiscountValue::Amount(off) if off.currency != subscription.currency) {
        return Err(Ineligible::CurrencyMismatch);
    }
    if subscription.items.iter().all(|item| item.unit_amount == Some(0)) {
        return Err(Ineligible::NothingToDiscount);
    }
    let due = subscription.current_period_end();
    match (terms.duration, discount_end(terms.duration, now), due) {
        (DiscountDuration::Repeating { .. }, Some(end), Some(due)) if end <= due => {
            Err(Ineligible::DiscountMeetsNoInvoice)
        }
        _ => Ok(()),
    }
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
    let latest = Span { interval: Interval::Year, count: 2 }.after(now);
    if extended_trial_end(days, subscription, now) > latest {
        return Err(Ineligible::TrialTooLong);
    }
    Ok(())
}
