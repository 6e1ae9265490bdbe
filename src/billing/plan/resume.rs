//! The end of a pause of ours: brought about where it is still on and its time has come, and otherwise found, with who
//! ended it.
//!
//! Collection is resumed by one update, which also marks who did it. The resume call takes no metadata, so that the mark
//! goes before it; whether the call or somebody else then ended the pause is told by its idempotency key.

use std::collections::HashMap;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use serde::Serialize;
use stripe_billing::subscription::{ResumeSubscription, ResumeSubscriptionPaymentBehavior};
use stripe_client_core::{RequestBuilder, StripeMethod, StripeRequest};

use super::attempt::Attempt;
use super::change::{send, update};
use super::progress::{Halt, Progress, problem};
use crate::billing::error::{StripeError, StripeErrorKind};
use crate::billing::wire::{self, RESUME_MARK, Seen};
use crate::domain::operation::{PAUSE_OVER, RESUME, StepRecord};
use crate::domain::pause::{self, Mechanism, PauseEnd, ResumeMark, Resumer, Resumption};

const MARK: &str = "mark";

/// How long to wait for a pause that Stripe ends by itself, once its time has come.
const SOON: SignedDuration = SignedDuration::from_hours(1);
/// How long to look away from a pause that has been left without an end.
const ENDLESS: SignedDuration = SignedDuration::from_hours(24);
/// How long to wait for the payment of a resumption.
const UNPAID: Duration = Duration::from_secs(60 * 60);

/// The next step, or the outcome.
pub(super) async fn step(
    attempt: Attempt<'_>,
    seen: Seen,
    resumption: &Resumption,
    generation: u32,
) -> Result<Progress, Halt> {
    if !is_on(&seen, resumption) {
        return over(attempt, seen, resumption).await;
    }
    if let Some(until) = waits(attempt, &seen, resumption) {
        return Ok(Progress::Later(until));
    }
    if attempt.has_done(RESUME) {
        return Err(not_resumed(&seen));
    }
    let record = match act(attempt, &seen, resumption, generation).await {
        Ok(record) => record,
        Err(Halt::Stripe(refusal)) if refusal.kind == StripeErrorKind::Rejected => {
            // Somebody may have been faster.
            let seen = attempt.look().await?;
            return if is_on(&seen, resumption) {
                Err(Halt::Stripe(refusal))
            } else {
                over(attempt, seen, resumption).await
            };
        }
        Err(halt) => return Err(halt),
    };
    match attempt.take_answer() {
        Some(seen) if record.name == RESUME && !is_on(&seen, resumption) => {
            Ok(Progress::Applied { subscription: Box::new(seen.subscription), last: Some(record) })
        }
        _ => Ok(Progress::Step(record)),
    }
}

/// Whether the very pause is still on.
fn is_on(seen: &Seen, resumption: &Resumption) -> bool {
    !seen.subscription.status.is_ended() && pause::ours(&seen.subscription) == Some(resumption.pause)
}

/// Until when nothing is to be done about a pause whose time is awaited. Stripe ends paused collection by itself, also
/// where somebody has moved its end.
fn waits(attempt: Attempt<'_>, seen: &Seen, resumption: &Resumption) -> Option<Timestamp> {
    if resumption.by != Resumer::Time {
        return None;
    }
    let now = attempt.now;
    let after = |wait| now.checked_add(wait).unwrap_or(Timestamp::MAX);
    match (pause::in_force(&seen.subscription)?, seen.subscription.pause_collection) {
        (Mechanism::Collection, Some(pause)) => Some(match pause.resumes_at {
            None => after(ENDLESS),
            Some(at) if at > now => at,
            Some(_) => after(SOON),
        }),
        _ => resumption.until.filter(|until| *until > now),
    }
}

/// Stripe has answered the request, and the pause is still on.
fn not_resumed(seen: &Seen) -> Halt {
    if pause::in_force(&seen.subscription) == Some(Mechanism::Subscription) {
        let why = "the invoice of the resumption is not paid, and the subscription stays paused until it is";
        return Halt::Stripe(StripeError {
            retry_after: Some(UNPAID),
            ..StripeError::unknown("resumption_unpaid", why)
        });
    }
    let why = "Stripe answered that collection was resumed, but the subscription does not show it";
    Halt::Attention(problem("effect_not_visible", why))
}

/// What ends a pause of collection. The crate's own request cannot say that the pause is to be unset.
#[derive(Serialize)]
struct Unpause {
    pause_collection: &'static str,
    metadata: HashMap<&'static str, String>,
    expand: [&'static str; wire::EXPAND.len()],
}

async fn act(
    attempt: Attempt<'_>,
    seen: &Seen,
    resumption: &Resumption,
    generation: u32,
) -> Result<StepRecord, Halt> {
    let id = &attempt.operation.subscription;
    let paused = pause::in_force(&seen.subscription);
    let before = paused == Some(Mechanism::Subscription);
    let mark = ResumeMark { pause: resumption.pause, operation: attempt.operation.id, before };
    let request = if !before {
        let metadata = HashMap::from([(RESUME_MARK, mark.to_string())]);
        let body = Unpause { pause_collection: "", metadata, expand: wire::EXPAND };
        RequestBuilder::new(StripeMethod::Post, format!("/subscriptions/{id}")).form(&body)
    } else if !attempt.has_done(MARK) {
        let metadata = HashMap::from([(RESUME_MARK.to_owned(), mark.to_string())]);
        return update(attempt, MARK, generation, |request| request.metadata(metadata)).await;
    } else {
        resume_call(attempt)
    };
    let how = PauseEnd::from(resumption.by).as_str().to_owned();
    let record = send(attempt, request, RESUME, generation).await?;
    Ok(StepRecord { result: Some(how), ..record })
}

/// Stripe makes an invoice for the new period and collects it at once. With its default nobody would try to collect it,
/// and the resumption would be given up within a day.
fn resume_call(attempt: Attempt<'_>) -> RequestBuilder {
    ResumeSubscription::new(attempt.operation.subscription.as_str())
        .payment_behavior(ResumeSubscriptionPaymentBehavior::ResumeOnPaymentSuccess)
        .expand(wire::EXPAND.map(str::to_owned))
        .build()
}

/// The pause is over: by whom?
async fn over(attempt: Attempt<'_>, seen: Seen, resumption: &Resumption) -> Result<Progress, Halt> {
    let ended = seen.subscription.status.is_ended();
    if !ended && resumption.by != Resumer::Time && pause::in_force(&seen.subscription).is_some() {
        let why = "that pause is over, but somebody else has paused the subscription since";
        return Err(Halt::Attention(problem("paused_by_others", why)));
    }
    let mark = seen.resumed_by.filter(|mark| mark.pause == resumption.pause);
    let how = match mark {
        _ if ended => Some(PauseEnd::SubscriptionEnded),
        Some(mark) if mark.operation != attempt.operation.id => None,
        Some(mark) if !mark.before || attempt.has_done(RESUME) => Some(resumption.by.into()),
        Some(_) if attempt.has_done(MARK) && was_ours(attempt).await? => Some(resumption.by.into()),
        _ => Some(by_itself(attempt, resumption)),
    };
    let how = how.map(|how| how.as_str().to_owned());
    let last = attempt.record(PAUSE_OVER, how, seen.request_id);
    Ok(Progress::Applied { subscription: Box::new(seen.subscription), last: Some(last) })
}

/// Whether it was our resume call that ended the pause, and its answer was lost. Asked again under its key, Stripe
/// replays what it did, or refuses, since there is nothing to resume.
async fn was_ours(attempt: Attempt<'_>) -> Result<bool, StripeError> {
    let key = attempt.key(RESUME, 0);
    match attempt.gateway.transport.exchange(resume_call(attempt), Some(key)).await {
        Ok(_) => Ok(true),
        // A remembered failure of Stripe's: it had begun to act. A remembered refusal: it had not.
        Err(error) if error.key_spent => Ok(error.status.is_some_and(|status| status >= 500)),
        Err(error) if error.kind == StripeErrorKind::Rejected => Ok(false),
        Err(error) => Err(error),
    }
}

/// Nobody of ours ended it: Stripe did so at its time, or somebody else.
fn by_itself(attempt: Attempt<'_>, resumption: &Resumption) -> PauseEnd {
    let came = resumption.until.is_some_and(|until| until <= attempt.now);
    if came && resumption.mechanism == Mechanism::Collection { PauseEnd::Time } else { PauseEnd::Elsewhere }
}
