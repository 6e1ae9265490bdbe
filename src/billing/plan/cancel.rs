//! A cancellation: the schedule released first, where one drives the subscription; then the end, now or with the period;
//! then, where payments are overdue, an end to their collection.

use stripe_billing::subscription::{
    CancelSubscription, CancelSubscriptionCancellationDetails, UpdateSubscriptionCancellationDetails,
};
use stripe_billing::subscription_schedule::ReleaseSubscriptionSchedule;
use stripe_client_core::StripeRequest;

use super::attempt::Attempt;
use super::change::update;
use super::collection::{self, STOP};
use super::progress::Halt;
use super::words::feedback;
use crate::billing::wire::Seen;
use crate::domain::eligibility::cancels;
use crate::domain::operation::{CancelWhen, StepRecord, StripeFeedback};
use crate::domain::subscription::SubscriptionStatus;

pub(super) const RELEASE: &str = "release";
pub(super) const CANCEL: &str = "cancel";

/// What is asked for.
#[derive(Clone, Copy)]
pub(super) struct Details<'a> {
    pub(super) when: CancelWhen,
    pub(super) feedback: Option<StripeFeedback>,
    pub(super) comment: Option<&'a str>,
}

/// Whether nothing is left to do.
pub(super) fn is_done(attempt: Attempt<'_>, seen: &Seen, when: CancelWhen) -> bool {
    is_canceled(seen, when) && (attempt.has_done(STOP) || !is_collected(seen))
}

/// Whether the subscription has ended, or will with the period where that is enough.
pub(super) fn is_canceled(seen: &Seen, when: CancelWhen) -> bool {
    let subscription = &seen.subscription;
    let waits = cancels(subscription, when) == CancelWhen::PeriodEnd;
    subscription.status.is_ended() || (waits && subscription.ends_with_period())
}

/// Whether Stripe would go on collecting what is overdue, or what an update waits for. Stripe stops by itself when a
/// subscription ends at once, and not before it ends with its period.
fn is_collected(seen: &Seen) -> bool {
    let subscription = &seen.subscription;
    let overdue = matches!(subscription.status, SubscriptionStatus::PastDue | SubscriptionStatus::Unpaid);
    let left =
        subscription.status.is_ended() && subscription.open_invoices.iter().any(|open| open.auto_advance);
    overdue || subscription.pending_update || left
}

pub(super) async fn act(
    attempt: Attempt<'_>,
    seen: &Seen,
    details: Details<'_>,
    generation: u32,
) -> Result<StepRecord, Halt> {
    if is_canceled(seen, details.when) {
        return collection::stop(attempt, generation).await;
    }
    match &seen.subscription.schedule {
        Some(schedule) if !attempt.has_done(RELEASE) => release(attempt, schedule.as_str(), generation).await,
        _ => match cancels(&seen.subscription, details.when) {
            CancelWhen::PeriodEnd => at_period_end(attempt, details, generation).await,
            CancelWhen::Now => now(attempt, details).await,
        },
    }
}

/// As long as a schedule drives the subscription, Stripe refuses to cancel it.
pub(super) async fn release(
    attempt: Attempt<'_>,
    schedule: &str,
    generation: u32,
) -> Result<StepRecord, Halt> {
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
    let mut said = UpdateSubscriptionCancellationDetails::new();
    said.comment = details.comment.map(str::to_owned);
    said.feedback = details.feedback.map(feedback);
    let says = said.comment.is_some() || said.feedback.is_some();
    update(attempt, CANCEL, generation, |request| {
        let request = request.cancel_at_period_end(true);
        if says { request.cancellation_details(said) } else { request }
    })
    .await
}

/// `DELETE` knows no idempotency keys; the look before it is what keeps it to one, and a subscription ends once.
async fn now(attempt: Attempt<'_>, details: Details<'_>) -> Result<StepRecord, Halt> {
    let mut said = CancelSubscriptionCancellationDetails::new();
    said.comment = details.comment.map(str::to_owned);
    said.feedback = details.feedback.map(feedback);
    let says = said.comment.is_some() || said.feedback.is_some();
    let id = attempt.operation.subscription.as_str();
    let request = CancelSubscription::new(id).invoice_now(false).prorate(false);
    let request = if says { request.cancellation_details(said) } else { request };
    let answer = attempt.gateway.transport.exchange(request.build(), None).await?;
    Ok(attempt.record(CANCEL, None, answer.request_id))
}
