//! Reasons of ineligibility as integrators meet them: by their code, and with what is possible instead.

use serde::Deserialize;
use serde::de::IntoDeserializer;
use serde::de::value::{Error as ValueError, StrDeserializer};

use crate::domain::ineligible::Ineligible;

impl Ineligible {
    /// The reason with this code, if it is one of ours.
    #[must_use]
    pub fn of_code(code: &str) -> Option<Self> {
        let word: StrDeserializer<'_, ValueError> = code.into_deserializer();
        Self::deserialize(word).ok()
    }

    /// What is possible instead, in words for whoever integrates.
    #[must_use]
    pub fn instead(self) -> &'static str {
        match self {
            Self::SubscriptionEnded => "nothing is left to change or to cancel; sell a new subscription",
            Self::SubscriptionIncomplete => "complete the first payment, or cancel, which ends it at once",
            Self::SubscriptionPaused => "resume the subscription, or cancel, which ends it at once",
            Self::CollectionPaused => "let collection resume, or cancel",
            Self::CancelScheduled => "it ends by itself; to keep it, the scheduled end has to be taken back",
            Self::ScheduleAttached => {
                "change or release the schedule in Stripe; a cancellation releases it by itself"
            }
            Self::PendingUpdate => "let the update be paid for or expire, or cancel",
            Self::PastDue => "pay what is due, or cancel, which also stops its collection",
            Self::AlreadyDiscounted => {
                "wait until the discount is over; other offers, and a cancellation, are possible"
            }
            Self::CurrencyMismatch => "define the offer in the subscription's currency, or by percentage",
            Self::DiscountMeetsNoInvoice => "use a longer discount, or `once`",
            Self::NothingToDiscount => "other offers, and a cancellation, are possible",
            Self::TrialTooLong => "use fewer days",
            Self::AlreadyAttached => "other offers, and a cancellation, are possible",
            Self::PriceMismatch => "use a price of the subscription's interval and currency",
            Self::PriceUnknown => {
                "check the price's id and mode in Stripe; other offers, and a cancellation, are possible"
            }
            Self::PriceInactive => "offer a price that is sold, or make it active again",
            Self::SamePrice => "other offers, and a cancellation, are possible",
            Self::MeteredPrice => {
                "offer a price that is billed by quantity; other offers, and a cancellation, are possible"
            }
            Self::MixedIntervals => "other offers, and a cancellation, are possible",
            Self::OtherMode => "use a server with a key of that mode",
            Self::NoOpenInvoice => "other offers, and a cancellation, are possible",
            Self::NothingToSplit => "other offers, and a cancellation, are possible",
            Self::InvoiceImminent => "wait for the invoice: once it is open it can be split",
            Self::InvoiceChanged => "begin a new session, which looks at the invoice again",
            Self::Taxed => "use a waiver, a credit or a discount, or cancel",
        }
    }
}
