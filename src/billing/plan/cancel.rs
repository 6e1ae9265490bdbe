//! A cancellation: the schedule released first, where one drives the subscription, then the end, now or with the period.

use stripe_billing::subscription::{
    CancelSubscription, CancelSubscriptionCancellationDetails, CancelSubscriptionCancellationDetailsFeedback,
    UpdateSubscriptionCancellationDetails, UpdateSubscriptionCancellationDetailsFeedback,
};
use stripe_billing::subscription_schedule::ReleaseSubscriptionSchedule;
use stripe_client_core::StripeRequest;

use super::change::update;
use super::{Attempt, Halt};
use crate::billing::wire::Seen;
use crate::domain::operation::{CancelWhen, StepRecord, StripeFeedback};

pub(super) const RELEASE: &str = "release";
pub(super) const CANCEL: &str = "cancel";

/// What is asked for.
#[derive(Clone, Copy)]
pub(super) struct Details<'a> {
    pub(super) when: CancelWhen,
    pub(super) feedback: Option<StripeFeedback>,
    pub(super) comment: Option<&'a str>,
}

/// Whether the subscription has ended, or will with the period where that is enough.
pub(super) fn is_canceled(seen: &Seen, when: CancelWhen) -> bool {
    let subscription = &seen.subscription;
    let period_end = subscription.items.iter().map(|item| item.current_period_end).max();
    let ends = subscription.cancel_at_period_end
        || matches!((subscription.cancel_at, period_end), (Some(at), Some(end)) if at <= end);
    subscription.status.is_ended() || (when == CancelWhen::PeriodEnd && ends)
}

pub(super) async fn act(
    attempt: Attempt<'_>,
    seen: &Seen,
    details: Details<'_>,
    generation: u32,
) -> Result<StepRecord, Halt> {
    match &seen.subscription.schedule {
        Some(schedule) if !attempt.has_done(RELEASE) => release(attempt, schedule.as_str(), generation).await,
        _ => match details.when {
            CancelWhen::PeriodEnd => at_period_end(attempt, details, generation).await,
            CancelWhen::Now => now(attempt, details).await,
        },
    }
}

/// As long as a schedule drives the subscription, Stripe refuses to cancel it.
async fn release(attempt: Attempt<'_>, schedule: &str, generation: u32) -> Result<StepRecord, Halt> {
    let request = ReleaseSubscriptionSchedule::new(schedule).build();
    let key = attempt.key(RELEASE, generation);
    let answer = attempt.gateway.transport.exchange(request, Some(key)).await?;
    Ok(attempt.record(RELEASE, Some(schedule.to_owned()), answer.request_id))
}

async fn at_period_end(
    attempt: Attempt<'_>,
    details: Details<'_>,
    generation: u32,
) -> Result<StepRecord, Halt> {
    use UpdateSubscriptionCancellationDetailsFeedback as Word;
    let mut said = UpdateSubscriptionCancellationDetails::new();
    said.comment = details.comment.map(str::to_owned);
    said.feedback = details.feedback.map(|feedback| match feedback {
        StripeFeedback::CustomerService => Word::CustomerService,
        StripeFeedback::LowQuality => Word::LowQuality,
        StripeFeedback::MissingFeatures => Word::MissingFeatures,
        StripeFeedback::Other => Word::Other,
        StripeFeedback::SwitchedService => Word::SwitchedService,
        StripeFeedback::TooComplex => Word::TooComplex,
        StripeFeedback::TooExpensive => Word::TooExpensive,
        StripeFeedback::Unused => Word::Unused,
    });
    let says = said.comment.is_some() || said.feedback.is_some();
    update(attempt, CANCEL, generation, |request| {
        let request = request.cancel_at_period_end(true);
        if says { request.cancellation_details(said) } else { request }
    })
    .await
}

/// `DELETE` knows no idempotency keys; the look before it is what keeps it to one, and a subscription ends once.
async fn now(attempt: Attempt<'_>, details: Details<'_>) -> Result<StepRecord, Halt> {
    use CancelSubscriptionCancellationDetailsFeedback as Word;
    let mut said = CancelSubscriptionCancellationDetails::new();
    said.comment = details.comment.map(str::to_owned);
    said.feedback = details.feedback.map(|feedback| match feedback {
        StripeFeedback::CustomerService => Word::CustomerService,
        StripeFeedback::LowQuality => Word::LowQuality,
        StripeFeedback::MissingFeatures => Word::MissingFeatures,
        StripeFeedback::Other => Word::Other,
        StripeFeedback::SwitchedService => Word::SwitchedService,
        StripeFeedback::TooComplex => Word::TooComplex,
        StripeFeedback::TooExpensive => Word::TooExpensive,
        StripeFeedback::Unused => Word::Unused,
    });
    let says = said.comment.is_some() || said.feedback.is_some();
    let id = attempt.operation.subscription.as_str();
    let request = CancelSubscription::new(id).invoice_now(false).prorate(false);
    let request = if says { request.cancellation_details(said) } else { request };
    let answer = attempt.gateway.transport.exchange(request.build(), None).await?;
    Ok(attempt.record(CANCEL, None, answer.request_id))
}
