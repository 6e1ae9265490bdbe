//! Effects that are one update of the subscription: a pause of collection, a later end of the trial.

use std::sync::PoisonError;

use jiff::Timestamp;
use stripe_billing::subscription::{
    UpdateSubscription, UpdateSubscriptionPauseCollection, UpdateSubscriptionPauseCollectionBehavior,
    UpdateSubscriptionProrationBehavior, UpdateSubscriptionTrialEnd,
};
use stripe_client_core::StripeRequest;

use super::{Attempt, Halt};
use crate::billing::wire::{self, Seen};
use crate::domain::offer::{
    CreditTerms, FreeFeaturesTerms, PauseBehavior, PauseTerms, Terms, TrialExtensionTerms,
};
use crate::domain::operation::{Effect, StepRecord};
use crate::domain::span::{Interval, Span};

pub(super) const PAUSE: &str = "pause";
pub(super) const TRIAL_END: &str = "trial_end";

/// The offer's terms as far as eligibility asks for them; the instants were fixed when the offer was accepted. None
/// for effects that are owed whatever the subscription looks like, and those that look for themselves.
pub(super) fn terms(effect: &Effect) -> Option<Terms> {
    match effect {
        Effect::Discount { terms } => Some(Terms::Discount(*terms)),
        Effect::Pause { behavior, .. } => {
            Some(Terms::Pause(PauseTerms { choices: Vec::new(), behavior: *behavior }))
        }
        Effect::ExtendTrial { .. } => Some(Terms::TrialExtension(TrialExtensionTerms { days: 0 })),
        Effect::AttachFeatures { price, .. } => Some(Terms::FreeFeatures(FreeFeaturesTerms {
            price: price.clone(),
            features: Vec::new(),
            lasts: Span { interval: Interval::Day, count: 1 },
        })),
        Effect::Credit { money } => {
            Some(Terms::Credit(CreditTerms { amount: money.amount, currency: money.currency }))
        }
        Effect::Split { .. }
        | Effect::Waive { .. }
        | Effect::DetachFeatures { .. }
        | Effect::ChangePlan { .. }
        | Effect::Debit { .. }
        | Effect::EndPause { .. }
        | Effect::RemoveDiscount { .. }
        | Effect::KeepSubscription
        | Effect::Cancel { .. } => None,
    }
}

/// Whether collection is paused as promised. Stripe keeps whole seconds.
pub(super) fn is_paused(seen: &Seen, behavior: PauseBehavior, resumes_at: Timestamp) -> bool {
    seen.subscription.pause_collection.is_some_and(|pause| {
        let resumes = pause.resumes_at.map(Timestamp::as_second);
        pause.behavior == behavior && resumes == Some(resumes_at.as_second())
    })
}

/// Whether the trial ends when promised.
pub(super) fn ends_trial(seen: &Seen, trial_end: Timestamp) -> bool {
    seen.subscription.trial_end.map(Timestamp::as_second) == Some(trial_end.as_second())
}

pub(super) async fn pause(
    attempt: Attempt<'_>,
    behavior: PauseBehavior,
    resumes_at: Timestamp,
    generation: u32,
) -> Result<StepRecord, Halt> {
    let mut pause = UpdateSubscriptionPauseCollection::new(match behavior {
        PauseBehavior::Void => UpdateSubscriptionPauseCollectionBehavior::Void,
        PauseBehavior::KeepAsDraft => UpdateSubscriptionPauseCollectionBehavior::KeepAsDraft,
        PauseBehavior::MarkUncollectible => UpdateSubscriptionPauseCollectionBehavior::MarkUncollectible,
    });
    pause.resumes_at = Some(resumes_at.as_second());
    update(attempt, PAUSE, generation, |request| request.pause_collection(pause)).await
}

pub(super) async fn extend_trial(
    attempt: Attempt<'_>,
    trial_end: Timestamp,
    generation: u32,
) -> Result<StepRecord, Halt> {
    let end = UpdateSubscriptionTrialEnd::Timestamp(trial_end.as_second());
    update(attempt, TRIAL_END, generation, |request| {
        request.trial_end(end).proration_behavior(UpdateSubscriptionProrationBehavior::None)
    })
    .await
}

/// Sends one update of the subscription as the step of this name.
pub(super) async fn update(
    attempt: Attempt<'_>,
    step: &str,
    generation: u32,
    change: impl FnOnce(UpdateSubscription) -> UpdateSubscription,
) -> Result<StepRecord, Halt> {
    let subscription = &attempt.operation.subscription;
    let request =
        change(UpdateSubscription::new(subscription.as_str()).expand(wire::EXPAND.map(str::to_owned)));
    let key = attempt.key(step, generation);
    let answer = attempt.gateway.transport.exchange(request.build(), Some(key)).await?;
    // What a key remembers shows the subscription as it was then.
    if !answer.replayed
        && let Ok(seen) = attempt.gateway.complete(subscription, &answer).await
    {
        *attempt.answered.lock().unwrap_or_else(PoisonError::into_inner) = Some(seen);
    }
    Ok(attempt.record(step, None, answer.request_id))
}
