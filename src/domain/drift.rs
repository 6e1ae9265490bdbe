//! Drift: where billing no longer shows what applied operations brought about, or still shows what is over.
//!
//! What an operation brought about is believed until its end, until a later operation on the same thing takes its
//! place, or until it is undone. A subscription that has ended is believed nothing of. Not compared, since the
//! subscription does not show it: discounts for one invoice, and what was given once on invoices or on the balance.

mod beliefs;

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use strum::{EnumString, IntoStaticStr};
use utoipa::ToSchema;

use super::ids::{OperationId, PriceId, SessionId, SubscriptionId, SubscriptionItemId};
use super::offer::PauseBehavior;
use super::operation::{CancelWhen, Effect, Operation, OperationState};
use super::pause;
use super::subscription::{Subscription, SubscriptionStatus};
use beliefs::{Belief, applied_at, belief};

/// How far an end may lie back, or come early, before it counts: billing and we keep different clocks.
const SLACK: SignedDuration = SignedDuration::from_hours(24);
/// How long after their end features are looked for.
const LOOK_BACK: SignedDuration = SignedDuration::from_hours(24 * 90);

/// How billing differs from what we believe.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
#[derive(EnumString, IntoStaticStr)]
#[strum(serialize_all = "snake_case")]
pub enum DriftKind {
    /// A discount is gone before its end.
    DiscountMissing,
    /// A discount is there that was refused.
    DiscountUnexpected,
    /// A pause is off before its end.
    PauseMissing,
    /// A pause ends at another time, or treats invoices otherwise.
    PauseDiffers,
    /// A pause is still on after its end.
    PauseOverdue,
    /// A trial ends earlier than promised.
    TrialShortened,
    /// Free features are gone before their end.
    FeaturesMissing,
    /// Free features are still there after their end.
    FeaturesOverdue,
    /// A change of the plan is no longer scheduled, and has not come.
    PlanChangeLost,
    /// The plan is another than the one it was changed to.
    PlanDiffers,
    /// A cancellation is no longer scheduled, and the subscription goes on.
    CancelLost,
    /// Billing knows no such subscription.
    SubscriptionMissing,
}

impl DriftKind {
    /// The word on the wire.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        self.into()
    }

    /// What a person should do, or what is done without one.
    #[must_use]
    pub fn advice(self) -> &'static str {
        match self {
            Self::DiscountMissing | Self::TrialShortened | Self::FeaturesMissing => {
                "somebody took away what the subscriber was promised; give it back by hand unless that was meant"
            }
            Self::DiscountUnexpected => {
                "the subscriber was told that this was not applied; take it off by hand or leave it"
            }
            Self::PauseMissing => {
                "the subscriber is charged again before the promised time; pause by hand unless that was meant"
            }
            Self::PauseDiffers => "somebody changed the pause; set it right by hand unless that was meant",
            Self::PauseOverdue => {
                "resuming charges the subscriber, so a person has to decide; resume by hand or let the pause go on"
            }
            Self::FeaturesOverdue => "safe to repair: the item costs nothing, is ours, and its time is over",
            Self::PlanChangeLost => {
                "somebody released the schedule; change the plan by hand unless that was meant"
            }
            Self::PlanDiffers => {
                "somebody changed the plan after the offer; nothing is to be done if that was meant, as an upgrade is"
            }
            Self::CancelLost => {
                "the subscriber may have changed their mind; ask before anything is canceled again"
            }
            Self::SubscriptionMissing => "check that the Stripe key belongs to the right account and mode",
        }
    }
}

/// What has become of a difference.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
#[derive(EnumString, IntoStaticStr)]
#[strum(serialize_all = "snake_case")]
pub enum DriftState {
    /// There, and waiting for a person or a repair.
    Open,
    /// A billing operation repairs it.
    Repairing,
    /// Gone by a billing operation of ours.
    Repaired,
    /// Gone by itself, or by somebody else.
    Resolved,
    /// Meant, as a person has said.
    Dismissed,
}

impl DriftState {
    /// The word on the wire.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        self.into()
    }
}

/// One difference.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Drift {
    /// Its kind.
    pub kind: DriftKind,
    /// The operation whose effect it is about.
    pub operation: OperationId,
    /// The session that the operation came from.
    pub session: SessionId,
    /// The subscription.
    pub subscription: SubscriptionId,
    /// What we believe, in words.
    pub expected: String,
    /// What billing shows, in words.
    pub found: String,
    /// What would repair it, where that is safe without a person.
    pub repair: Option<Effect>,
}

/// An item of the subscription that one of our operations made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MarkedItem {
    /// The item.
    pub item: SubscriptionItemId,
    /// Its price.
    pub price: PriceId,
    /// The operation's id, as the mark says.
    pub operation: String,
}

/// What billing shows of a subscription.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Observed {
    /// The subscription.
    pub subscription: Subscription,
    /// Those of its items that we made.
    pub ours: Vec<MarkedItem>,
}

/// Whether billing has to be asked about a subscription with these operations at all.
#[must_use]
pub fn is_believed(operations: &[Operation], now: Timestamp) -> bool {
    operations.iter().any(|operation| belief(operation, operations, now).is_some())
}

/// Whether an operation is under way or due, so that billing may show anything.
#[must_use]
pub fn is_moving(operations: &[Operation], now: Timestamp) -> bool {
    let moves = |one: &Operation| one.state == OperationState::Applying || one.due_at <= now;
    operations.iter().any(|one| !one.state.is_settled() && moves(one))
}

/// Compares what all operations of one subscription make us believe with what billing shows. `observed` is none where
/// billing knows no such subscription.
#[must_use]
pub fn compare(operations: &[Operation], observed: Option<&Observed>, now: Timestamp) -> Vec<Drift> {
    let mut beliefs = operations.iter().filter_map(|one| Some((one, belief(one, operations, now)?)));
    let Some(observed) = observed else {
        let last = beliefs.next_back().map(|(operation, _)| operation);
        return last.into_iter().map(missing).collect();
    };
    if observed.subscription.status.is_ended() {
        return Vec::new();
    }
    beliefs.filter_map(|(operation, belief)| differs(operation, &belief, observed, now)).collect()
}

fn missing(operation: &Operation) -> Drift {
    let expected = "the subscription".to_owned();
    drift(operation, DriftKind::SubscriptionMissing, expected, "no such subscription")
}

fn drift(operation: &Operation, kind: DriftKind, expected: String, found: impl Into<String>) -> Drift {
    Drift {
        kind,
        operation: operation.id,
        session: operation.session,
        subscription: operation.subscription.clone(),
        expected,
        found: found.into(),
        repair: None,
    }
}

fn differs(operation: &Operation, belief: &Belief, observed: &Observed, now: Timestamp) -> Option<Drift> {
    let subscription = &observed.subscription;
    let id = operation.id.to_string();
    let has = |coupon: &str| subscription.discounts.iter().any(|there| there.coupon.as_str() == coupon);
    let marked = || observed.ours.iter().any(|item| item.operation == id);
    let drift = |kind, expected: String, found: String| Some(drift(operation, kind, expected, found));
    match belief {
        Belief::Discount { coupon } if !has(coupon) => {
            drift(DriftKind::DiscountMissing, format!("a discount of coupon {coupon}"), "none".to_owned())
        }
        Belief::NoDiscount { coupon } if has(coupon) => drift(
            DriftKind::DiscountUnexpected,
            "no discount: the offer was refused or undone".to_owned(),
            format!("a discount of coupon {coupon}"),
        ),
        Belief::Paused { behavior, resumes_at } => paused(operation, *behavior, *resumes_at, subscription),
        Belief::Resumed { resumes_at } => {
            let ours = pause::ours(subscription) == Some(operation.id);
            let until = subscription.pause_collection.and_then(|pause| pause.resumes_at);
            let same = until.map(Timestamp::as_second) == Some(resumes_at.as_second());
            let itself = ours && subscription.status == SubscriptionStatus::Paused;
            if !(same || itself) || now.duration_since(*resumes_at) < SLACK {
                return None;
            }
            drift(
                DriftKind::PauseOverdue,
                format!("billing resumed at {resumes_at}"),
                "it is paused".to_owned(),
            )
        }
        Belief::TrialUntil(end)
            if subscription.trial_end.is_none_or(|ends| end.duration_since(ends) > SLACK) =>
        {
            let found =
                subscription.trial_end.map_or_else(|| "no trial".to_owned(), |at| format!("until {at}"));
            drift(DriftKind::TrialShortened, format!("a trial until {end}"), found)
        }
        Belief::Features { until } if !marked() => {
            drift(DriftKind::FeaturesMissing, format!("free features until {until}"), "none".to_owned())
        }
        Belief::NoFeatures { price } if marked() => {
            let expected = "free features taken away at their end".to_owned();
            let mut drift = drift(DriftKind::FeaturesOverdue, expected, format!("an item of price {price}"))?;
            drift.repair = Some(Effect::DetachFeatures {
                price: price.clone(),
                product: None,
                since: Some(applied_at(operation)),
            });
            Some(drift)
        }
        Belief::PlanComing { price } if subscription.scheduled_by != Some(operation.id) => drift(
            DriftKind::PlanChangeLost,
            format!("a change to price {price} scheduled"),
            "none".to_owned(),
        ),
        Belief::Plan { item, price } => {
            let there = subscription.items.iter().find(|there| there.id == *item);
            if there.is_some_and(|there| there.price == *price) {
                return None;
            }
            let found =
                there.map_or_else(|| "no such item".to_owned(), |there| format!("price {}", there.price));
            drift(DriftKind::PlanDiffers, format!("price {price} on item {item}"), found)
        }
        Belief::Canceled(when) if *when == CancelWhen::Now || !subscription.is_canceling() => drift(
            DriftKind::CancelLost,
            match when {
                CancelWhen::Now => "the subscription ended".to_owned(),
                CancelWhen::PeriodEnd => "an end scheduled, or come".to_owned(),
            },
            format!("a subscription that is {} and goes on", subscription.status.as_str()),
        ),
        _ => None,
    }
}

fn paused(
    operation: &Operation,
    behavior: PauseBehavior,
    resumes_at: Timestamp,
    subscription: &Subscription,
) -> Option<Drift> {
    let expected = format!("collection paused ({}) until {resumes_at}", behavior.as_str());
    if subscription.status == SubscriptionStatus::Paused {
        return None;
    }
    let Some(pause) = subscription.pause_collection else {
        return Some(drift(operation, DriftKind::PauseMissing, expected, "collection is not paused"));
    };
    let resumes = pause.resumes_at.map(Timestamp::as_second);
    if pause.behavior == behavior && resumes == Some(resumes_at.as_second()) {
        return None;
    }
    let until = pause.resumes_at.map_or_else(|| "without an end".to_owned(), |at| format!("until {at}"));
    let found = format!("collection paused ({}) {until}", pause.behavior.as_str());
    Some(drift(operation, DriftKind::PauseDiffers, expected, found))
}
