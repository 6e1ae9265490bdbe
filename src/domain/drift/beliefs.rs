//! What operations make us believe, and until when.

use jiff::Timestamp;

use super::{LOOK_BACK, SLACK};
use crate::domain::ids::{PriceId, SubscriptionItemId};
use crate::domain::offer::{DiscountDuration, DiscountTerms, PauseBehavior};
use crate::domain::operation::{CancelWhen, Effect, Operation, OperationState};
use crate::domain::pause::{PauseEnd, Resumer};
use crate::domain::preview::discount_end;

/// What is to be seen in billing.
pub(super) enum Belief {
    Discount { coupon: String },
    NoDiscount { coupon: String },
    Paused { behavior: PauseBehavior, resumes_at: Timestamp },
    Resumed { resumes_at: Timestamp },
    TrialUntil(Timestamp),
    Features { until: Timestamp },
    NoFeatures { price: PriceId },
    PlanComing { price: PriceId },
    Plan { item: SubscriptionItemId, price: PriceId },
    Canceled(CancelWhen),
}

/// When the effect came to be.
pub(super) fn applied_at(operation: &Operation) -> Timestamp {
    operation.steps.last().map_or(operation.updated_at, |step| step.at)
}

/// What an operation makes us believe now, in the light of all on its subscription.
pub(super) fn belief(operation: &Operation, all: &[Operation], now: Timestamp) -> Option<Belief> {
    if operation.undone_by.is_some() {
        return None;
    }
    match operation.state {
        OperationState::Applied if !is_replaced(operation, all) => of_applied(operation, all, now),
        OperationState::Rejected => match operation.effect {
            Effect::Discount { .. } if now.duration_since(operation.updated_at) < LOOK_BACK => {
                Some(Belief::NoDiscount { coupon: operation.coupon() })
            }
            _ => None,
        },
        _ => None,
    }
}

fn of_applied(operation: &Operation, all: &[Operation], now: Timestamp) -> Option<Belief> {
    match &operation.effect {
        Effect::Discount { terms } => {
            lasts(*terms, applied_at(operation), now).then(|| Belief::Discount { coupon: operation.coupon() })
        }
        Effect::Pause { behavior, resumes_at, .. } => Some(if *resumes_at > now {
            Belief::Paused { behavior: *behavior, resumes_at: *resumes_at }
        } else if now.duration_since(*resumes_at) < LOOK_BACK {
            Belief::Resumed { resumes_at: *resumes_at }
        } else {
            return None;
        }),
        Effect::ExtendTrial { trial_end } => (*trial_end > now).then_some(Belief::TrialUntil(*trial_end)),
        Effect::AttachFeatures { price, until } => {
            if *until > now {
                // Taken away before its time by an operation of ours means that it was meant.
                return (!is_detached(operation, all)).then_some(Belief::Features { until: *until });
            }
            // As long as the operation that takes them away is open, it is in everybody's sight already.
            let over = now.duration_since(*until) < LOOK_BACK && !is_being_detached(operation, all);
            over.then(|| Belief::NoFeatures { price: price.clone() })
        }
        Effect::ChangePlan { item, price, effective_at, .. } => {
            let since = now.duration_since(*effective_at);
            if *effective_at > now {
                Some(Belief::PlanComing { price: price.clone() })
            } else {
                // What the subscriber does with the plan later is no concern of the offer's.
                let told = since >= SLACK || applied_at(operation) >= *effective_at;
                let plan = || Belief::Plan { item: item.clone(), price: price.clone() };
                (told && since < LOOK_BACK).then(plan)
            }
        }
        Effect::RemoveDiscount { coupon } if now.duration_since(applied_at(operation)) < LOOK_BACK => {
            Some(Belief::NoDiscount { coupon: coupon.clone() })
        }
        Effect::Cancel { when, .. } => Some(Belief::Canceled(*when)),
        _ => None,
    }
}

/// Whether a discount given at `at` must still be there.
fn lasts(terms: DiscountTerms, at: Timestamp, now: Timestamp) -> bool {
    match terms.duration {
        // Nobody can tell from the subscription which invoice took it.
        DiscountDuration::Once => false,
        DiscountDuration::Forever => true,
        DiscountDuration::Repeating { .. } => {
            discount_end(terms.duration, at).is_some_and(|end| end.duration_since(now) > SLACK)
        }
    }
}

/// Whether a later operation on the same thing was applied.
fn is_replaced(operation: &Operation, all: &[Operation]) -> bool {
    let Some(thing) = thing(&operation.effect) else { return false };
    if all.iter().any(|other| has_ended(operation, other)) {
        return true;
    }
    // Of two that were applied in one instant the later written counts.
    let order = |one: &Operation| (applied_at(one), all.iter().position(|other| other.id == one.id));
    all.iter().any(|other| {
        let later = order(other) > order(operation);
        other.state == OperationState::Applied && self::thing(&other.effect) == Some(thing) && later
    })
}

/// Whether `other` has ended the pause of `operation`, or seen it end as promised. An end that somebody else has made is
/// a difference, unless it was wanted: then nobody may know any more who was faster.
fn has_ended(operation: &Operation, other: &Operation) -> bool {
    let Effect::Resume { resumption } = &other.effect else { return false };
    let as_wanted = |how| how != PauseEnd::Elsewhere || resumption.by != Resumer::Time;
    resumption.pause == operation.id && other.pause_end().is_some_and(as_wanted)
}

/// What there is only one of on a subscription.
fn thing(effect: &Effect) -> Option<&'static str> {
    match effect {
        Effect::Pause { .. } => Some("pause"),
        Effect::ExtendTrial { .. } => Some("trial"),
        Effect::ChangePlan { .. } => Some("plan"),
        Effect::Cancel { .. } | Effect::KeepSubscription => Some("end"),
        _ => None,
    }
}

fn detaches<'a>(operation: &'a Operation, all: &'a [Operation]) -> impl Iterator<Item = &'a Operation> {
    let same = |other: &Operation| match (&other.effect, &operation.effect) {
        (Effect::DetachFeatures { price, .. }, Effect::AttachFeatures { price: ours, .. }) => {
            price == ours && other.created_at >= operation.created_at
        }
        _ => false,
    };
    all.iter().filter(move |other| same(other))
}

fn is_detached(operation: &Operation, all: &[Operation]) -> bool {
    detaches(operation, all).any(|other| other.state == OperationState::Applied)
}

fn is_being_detached(operation: &Operation, all: &[Operation]) -> bool {
    use OperationState::{Applying, NeedsAttention, Pending};
    detaches(operation, all).any(|other| matches!(other.state, Pending | Applying | NeedsAttention))
}
