//! The reasons why a subscription cannot take an offer, one list for all who give one.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

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
    /// The offer's currency is not the subscription's.
    #[error("the offer is in another currency than the subscription")]
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
    /// The items are billed at different intervals.
    #[error("the items are billed at different intervals")]
    MixedIntervals,
    /// The subscription is in the other mode than the configured key.
    #[error("the subscription is in the other mode (live or test) than the configured key")]
    OtherMode,
    /// The offered price does not recur, or is billed at another interval or in another currency than the subscription.
    #[error("the offered price does not fit the subscription")]
    PriceMismatch,
    /// Billing does not know the offered price, or could not be asked about it.
    #[error("the offered price is not known")]
    PriceUnknown,
    /// The offered price is no longer sold.
    #[error("the offered price is not active")]
    PriceInactive,
    /// The subscription has the offered price already.
    #[error("the subscription has the offered price already")]
    SamePrice,
    /// The present or the offered price is billed by reported usage.
    #[error("a price that is billed by reported usage cannot be changed from or to")]
    MeteredPrice,
    /// There is nothing to forgive.
    #[error("no invoice of the subscription is open")]
    NoOpenInvoice,
    /// Neither an open nor the coming invoice is large enough to be split.
    #[error("no invoice is open or coming that is large enough to be split")]
    NothingToSplit,
    /// The coming invoice may be made at any moment.
    #[error("the next invoice is too close to be split")]
    InvoiceImminent,
    /// What was to be split is no longer as it was.
    #[error("the invoice that was to be split has changed meanwhile")]
    InvoiceChanged,
    /// What would be split bears taxes.
    #[error("the invoice bears taxes, which Stripe cannot divide")]
    Taxed,
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
            Self::PriceUnknown => "price_unknown",
            Self::PriceInactive => "price_inactive",
            Self::SamePrice => "same_price",
            Self::MeteredPrice => "metered_price",
            Self::NoOpenInvoice => "no_open_invoice",
            Self::NothingToSplit => "nothing_to_split",
            Self::InvoiceImminent => "invoice_imminent",
            Self::InvoiceChanged => "invoice_changed",
            Self::Taxed => "taxed",
            Self::MixedIntervals => "mixed_intervals",
            Self::OtherMode => "other_mode",
        }
    }
}
