//! Effects that are one update of the subscription, such as a later end of the trial.

use std::sync::PoisonError;

use jiff::Timestamp;
use stripe_billing::subscription::{
    UpdateSubscription, UpdateSubscriptionProrationBehavior, UpdateSubscriptionTrialEnd,
};
use stripe_client_core::{RequestBuilder, StripeRequest};

use super::attempt::Attempt;
use super::progress::Halt;
use crate::billing::wire::{self, Seen};
use crate::domain::offer::{CreditTerms, FreeFeaturesTerms, PauseTerms, Terms, TrialExtensionTerms};
use crate::domain::operation::{Effect, StepRecord};
use crate::domain::span::{Interval, Span};

pub(super) const TRIAL_END: &str = "trial_end";

/// The offer's terms as far as eligibility asks for them; the instants were fixed when the offer was accepted. None
/// for effects that are owed whatever the subscription looks like, and those that look for themselves.
pub(super) fn terms(effect: &Effect) -> Option<Terms> {
    match effect {
        Effect::Discount { terms } => Some(Terms::Discount(*terms)),
        Effect::Pause { behavior, access, .. } => {
            Some(Terms::Pause(PauseTerms { choices: Vec::new(), behavior: *behavior, access: *access }))
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
        | Effect::RemoveDiscount { .. }
        | Effect::KeepSubscription
        | Effect::Resume { .. }
        | Effect::Cancel { .. } => None,
    }
}

/// Whether the trial ends when promised.
pub(super) fn ends_trial(seen: &Seen, trial_end: Timestamp) -> bool {
    seen.subscription.trial_end.map(Timestamp::as_second) == Some(trial_end.as_second())
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
    let id = attempt.operation.subscription.as_str();
    let request = change(UpdateSubscription::new(id).expand(wire::EXPAND.map(str::to_owned)));
    send(attempt, request.build(), step, generation).await
}

/// Sends a request that Stripe answers with the subscription, [`wire::EXPAND`] expanded, as the step of this name.
pub(super) async fn send(
    attempt: Attempt<'_>,
    request: RequestBuilder,
    step: &str,
    generation: u32,
) -> Result<StepRecord, Halt> {
    let key = attempt.key(step, generation);
    let answer = attempt.gateway.transport.exchange(request, Some(key)).await?;
    // What a key remembers shows the subscription as it was then.
    if !answer.replayed
        && let Ok(seen) = attempt.gateway.complete(&attempt.operation.subscription, &answer).await
    {
        *attempt.answered.lock().unwrap_or_else(PoisonError::into_inner) = Some(seen);
    }
    Ok(attempt.record(step, None, answer.request_id))
}
