//! What shapes are called and what they mean, for the table.

use super::Shape;

impl Shape {
    /// What is meant, in a few words.
    #[must_use]
    pub fn meaning(self) -> &'static str {
        match self {
            Self::OneItem => "one licensed item at a flat price",
            Self::SeveralItems => "two items of the same interval",
            Self::MixedIntervals => "a monthly and a yearly item",
            Self::Metered => "an item billed by reported usage",
            Self::Tiered => "an item whose price has tiers",
            Self::QuantityAboveOne => "seats: an item with a quantity above one",
            Self::ZeroPrice => "every price is zero",
            Self::Flexible => "Stripe's flexible billing mode",
            Self::Classic => "Stripe's classic billing mode",
            Self::Trialing => "in its trial",
            Self::PastDue => "a payment has failed and is retried, or an invoice is overdue",
            Self::Unpaid => "the retries are over",
            Self::Incomplete => "the first payment has not succeeded",
            Self::Paused => "Stripe's status `paused`, by a trial that ran out or by somebody else",
            Self::PausedByUs => "Stripe's status `paused`, by an accepted offer",
            Self::CollectionPausedByUs => "collection paused by an accepted offer",
            Self::CollectionPausedByOthers => "collection paused elsewhere",
            Self::ScheduleAttached => "a subscription schedule drives it",
            Self::PendingUpdate => "an update waits for a payment",
            Self::CancelAtPeriodEnd => "set to end with the period, by the flag",
            Self::CancelAt => "set to end with the period or before, by date",
            Self::CancelAtLater => "set to end in a later period, by date",
            Self::SendInvoice => "paid by invoices that are sent, the last of them open",
            Self::SubscriptionDiscount => "a discount on the subscription",
            Self::SeveralDiscounts => "several discounts on the subscription",
            Self::PromotionCode => "a discount from a promotion code",
            Self::CustomerDiscount => "a discount on the customer",
            Self::OtherCurrency => "in another currency than the offer's amount",
            Self::TestClock => "its time moved by one of Stripe's test clocks",
            Self::Ended => "canceled or never begun",
            Self::OtherMode => "in the other mode (live or test) than the configured key",
        }
    }

    /// How a cancellation goes about it, where it is not one plain call.
    pub(super) fn cancellation(self) -> Option<&'static str> {
        Some(match self {
            Self::MixedIntervals => "It ends with the earliest of the items' periods; Stripe knows no other.",
            Self::Trialing => "It ends with the trial.",
            Self::PastDue | Self::Unpaid => {
                "It ends when asked, and Stripe is told to collect its open invoices no more (`auto_advance` off): they stay open, for you to collect, void or write off."
            }
            Self::Incomplete => {
                "It ends at once whatever `when` says: nothing has been paid for. Stripe voids the first invoice."
            }
            Self::Paused | Self::PausedByUs => {
                "It ends at once whatever `when` says: the period of a paused subscription has no end."
            }
            Self::CollectionPausedByUs | Self::CollectionPausedByOthers => {
                "It ends when asked; the pause is left as it is, so that nothing is collected meanwhile."
            }
            Self::ScheduleAttached => "The schedule is released first; its later phases are gone then.",
            Self::PendingUpdate => {
                "It ends when asked, and the invoice that the update waits for is collected no more; Stripe drops the update when that expires."
            }
            Self::CancelAtLater => "The end is moved to the end of the period.",
            Self::OtherMode => {
                "A session begins where the token names the subscription; the cancellation is recorded and needs attention at once."
            }
            _ => return None,
        })
    }

    /// How a pause that withdraws access goes about it, where Stripe does not pause the subscription itself.
    pub(super) fn withdrawal(self) -> Option<&'static str> {
        Some(match self {
            Self::Classic => {
                "Stripe's pause call needs the flexible billing mode: collection is paused, the status stays `active`, and the app withdraws access when it is told `pause.started`."
            }
            Self::Trialing => {
                "Stripe does not pause a trial: collection is paused, and the app withdraws access when it is told `pause.started`. The trial goes on."
            }
            Self::SendInvoice => {
                "Stripe pauses only what is charged automatically: collection is paused, and the app withdraws access when it is told `pause.started`."
            }
            _ => return None,
        })
    }
}
