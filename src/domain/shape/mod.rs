//! The shapes that subscriptions come in, and the published table of what each can take: one column for every type of
//! offer and one for a cancellation.
//!
//! No cell is written down. Each is what the rules of eligibility answer for an example of the shape, and the tests
//! prove each against the sandbox. What belongs here are the names of shapes, how one is told, and its example; the
//! rules themselves live in [`super::eligibility`].

mod example;
mod page;
mod reasons;
mod words;

use jiff::Timestamp;
use strum::{IntoStaticStr, VariantArray};

use super::eligibility;
use super::ineligible::Ineligible;
use super::offer::{OfferType, PauseAccess, Terms};
use super::pause;
use super::plan_change::informed;
use super::subscription::{BillingMode, CollectionMethod, Subscription, SubscriptionStatus as Status, Usage};
pub use page::markdown;

/// A shape: one thing about a subscription that decides what can be done with it. A subscription has several.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, IntoStaticStr, VariantArray)]
#[strum(serialize_all = "snake_case")]
#[allow(missing_docs, reason = "each has its words")]
pub enum Shape {
    OneItem,
    SeveralItems,
    MixedIntervals,
    Metered,
    Tiered,
    QuantityAboveOne,
    ZeroPrice,
    Flexible,
    Classic,
    Trialing,
    PastDue,
    Unpaid,
    Incomplete,
    Paused,
    PausedByUs,
    CollectionPausedByUs,
    CollectionPausedByOthers,
    ScheduleAttached,
    PendingUpdate,
    CancelAtPeriodEnd,
    CancelAt,
    CancelAtLater,
    SendInvoice,
    SubscriptionDiscount,
    SeveralDiscounts,
    PromotionCode,
    CustomerDiscount,
    OtherCurrency,
    TestClock,
    Ended,
    OtherMode,
}

/// What a subscription may be asked to take.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Change {
    /// An offer of this type; a pause keeps access.
    Offer(OfferType),
    /// An offer of another plan from the end of the period on; the column of its type shows the change at once.
    PlanChangeLater,
    /// A pause that withdraws access.
    WithdrawingPause,
    /// A cancellation.
    Cancel,
}

/// What becomes of a change.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cell {
    /// It is carried out.
    Supported,
    /// It is not offered, and refused with this reason if it is asked for all the same.
    Ineligible(Ineligible),
    /// It is recorded, and a person carries it out, for this reason.
    Manual(Ineligible),
}

impl Shape {
    /// Every shape, in the order of the table.
    pub const ALL: &[Self] = Self::VARIANTS;

    /// The word for it in the table.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        self.into()
    }

    /// Whether `subscription` is of this shape, seen from a server that works in the given mode.
    #[must_use]
    pub fn holds(self, subscription: &Subscription, livemode: bool) -> bool {
        self.of_items(subscription)
            .or_else(|| self.of_status(subscription))
            .or_else(|| self.of_end(subscription))
            .unwrap_or_else(|| match self {
                Self::Flexible => subscription.billing_mode == BillingMode::Flexible,
                Self::Classic => subscription.billing_mode == BillingMode::Classic,
                Self::SendInvoice => subscription.collection_method == CollectionMethod::SendInvoice,
                Self::SubscriptionDiscount => subscription.discounts.len() == 1,
                Self::SeveralDiscounts => subscription.discounts.len() > 1,
                Self::PromotionCode => subscription.discounts.iter().any(|d| d.promotion_code.is_some()),
                Self::CustomerDiscount => subscription.customer_discount.is_some(),
                Self::OtherCurrency => subscription.currency.as_str() != example::CURRENCY,
                Self::TestClock => subscription.test_clock,
                _ => subscription.livemode != livemode,
            })
    }

    fn of_items(self, subscription: &Subscription) -> Option<bool> {
        let items = &subscription.items;
        let mixed = || items.iter().any(|item| items.first().is_some_and(|first| first.every != item.every));
        Some(match self {
            Self::OneItem => items.len() == 1,
            Self::SeveralItems => items.len() > 1,
            Self::MixedIntervals => mixed(),
            Self::Metered => items.iter().any(|item| item.usage == Usage::Metered),
            Self::Tiered => items.iter().any(|item| item.tiered),
            Self::QuantityAboveOne => items.iter().any(|item| item.quantity > 1),
            Self::ZeroPrice => items.iter().all(|item| item.unit_amount == Some(0)),
            _ => return None,
        })
    }

    fn of_status(self, subscription: &Subscription) -> Option<bool> {
        let ours = pause::ours(subscription).is_some();
        let itself = subscription.status == Status::Paused;
        let collection = subscription.pause_collection.is_some();
        Some(match self {
            Self::Trialing => subscription.status == Status::Trialing,
            Self::PastDue => subscription.status == Status::PastDue,
            Self::Unpaid => subscription.status == Status::Unpaid,
            Self::Incomplete => subscription.status == Status::Incomplete,
            Self::Paused => itself && !ours,
            Self::PausedByUs => itself && ours,
            Self::Ended => subscription.status.is_ended(),
            Self::CollectionPausedByUs => collection && ours,
            Self::CollectionPausedByOthers => collection && !ours,
            _ => return None,
        })
    }

    fn of_end(self, subscription: &Subscription) -> Option<bool> {
        let dated = subscription.cancel_at.is_some() && !subscription.cancel_at_period_end;
        Some(match self {
            Self::ScheduleAttached => subscription.scheduled,
            Self::PendingUpdate => subscription.pending_update,
            Self::CancelAtPeriodEnd => subscription.cancel_at_period_end,
            Self::CancelAt => dated && subscription.ends_with_period(),
            Self::CancelAtLater => dated && !subscription.ends_with_period(),
            _ => return None,
        })
    }
}

impl Change {
    /// Every column of the table.
    #[must_use]
    pub fn all() -> Vec<Self> {
        let columns = |kind| match kind {
            OfferType::Pause => vec![Self::Offer(kind), Self::WithdrawingPause],
            OfferType::PlanChange => vec![Self::Offer(kind), Self::PlanChangeLater],
            _ => vec![Self::Offer(kind)],
        };
        OfferType::ALL.iter().copied().flat_map(columns).chain([Self::Cancel]).collect()
    }

    /// The word for it on the wire.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Offer(kind) => kind.as_str(),
            Self::PlanChangeLater => "plan_change at period_end",
            Self::WithdrawingPause => "pause_withdrawn",
            Self::Cancel => "cancel",
        }
    }

    /// The type of the offer; none for a cancellation.
    #[must_use]
    pub fn offer_type(self) -> Option<OfferType> {
        match self {
            Self::Offer(kind) => Some(kind),
            Self::WithdrawingPause => Some(OfferType::Pause),
            Self::PlanChangeLater => Some(OfferType::PlanChange),
            Self::Cancel => None,
        }
    }

    /// An example of the offer's terms; none for a cancellation.
    ///
    /// # Errors
    /// When it cannot be read, which the tests exclude.
    pub fn example(self) -> Result<Option<Terms>, serde_json::Error> {
        if self == Self::PlanChangeLater {
            return example::plan_change_later().map(Some);
        }
        let mut terms = self.offer_type().map(example::terms).transpose()?;
        if let (Self::WithdrawingPause, Some(Terms::Pause(pause))) = (self, &mut terms) {
            pause.access = PauseAccess::Withdrawn;
        }
        Ok(terms)
    }
}

/// What becomes of `change` on a subscription, asked of a server that works in the given mode.
#[must_use]
pub fn outcome(terms: Option<&Terms>, subscription: &Subscription, livemode: bool, now: Timestamp) -> Cell {
    let can_begin = eligibility::can_cancel(subscription);
    match (terms, eligibility::in_mode(subscription, livemode)) {
        (Some(terms), reachable) => reachable
            .and(can_begin)
            .and_then(|()| eligibility::check(terms, subscription, now))
            .map_or_else(Cell::Ineligible, |()| Cell::Supported),
        (None, Ok(())) => can_begin.map_or_else(Cell::Ineligible, |()| Cell::Supported),
        // A cancellation is never turned away because of how we are set up.
        (None, Err(reason)) => Cell::Manual(reason),
    }
}

/// One cell of the table.
///
/// # Errors
/// When an example cannot be read, which the tests exclude.
pub fn cell(shape: Shape, change: Change) -> Result<Cell, serde_json::Error> {
    let subscription = example::subscription(shape)?;
    let terms = change.example()?.map(|terms| informed(&terms, &example::prices()).into_owned());
    Ok(outcome(terms.as_ref(), &subscription, example::LIVEMODE, example::now()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_example_is_of_its_shape() {
        for &shape in Shape::ALL {
            let subscription = example::subscription(shape).unwrap();
            assert!(shape.holds(&subscription, example::LIVEMODE), "{shape:?}");
        }
    }

    #[test]
    fn nobody_is_refused_a_cancellation_that_would_change_something() {
        for &shape in Shape::ALL {
            let cell = cell(shape, Change::Cancel).unwrap();
            let over = matches!(shape, Shape::Ended | Shape::CancelAt | Shape::CancelAtPeriodEnd);
            assert_eq!(matches!(cell, Cell::Ineligible(_)), over, "{shape:?}: {cell:?}");
        }
    }
}
