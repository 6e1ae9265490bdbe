//! A pause, by the one or the other of Stripe's mechanisms, marked in the subscription's metadata as ours.

use std::collections::HashMap;

use jiff::Timestamp;
use stripe_billing::subscription::{
    PauseSubscription, UpdateSubscription, UpdateSubscriptionPauseCollection,
    UpdateSubscriptionPauseCollectionBehavior,
};
use stripe_client_core::StripeRequest;

use super::attempt::Attempt;
use super::change::{send, update};
use super::progress::Halt;
use crate::billing::wire::{self, PAUSE_MARK, Seen};
use crate::domain::offer::{PauseAccess, PauseBehavior};
use crate::domain::operation::{Operation, PAUSE_MARKED, StepRecord};
use crate::domain::pause::{self, Mechanism};

pub(super) const PAUSE: &str = "pause";

/// What is asked for.
#[derive(Clone, Copy)]
pub(super) struct Wanted {
    pub(super) behavior: PauseBehavior,
    pub(super) access: PauseAccess,
    pub(super) resumes_at: Timestamp,
}

/// Whether the pause is there: marked as this operation's, or just as it was promised. Stripe keeps whole seconds.
pub(super) fn found(operation: &Operation, seen: &Seen, wanted: Wanted) -> bool {
    let as_promised = seen.subscription.pause_collection.is_some_and(|pause| {
        let resumes = pause.resumes_at.map(Timestamp::as_second);
        pause.behavior == wanted.behavior && resumes == Some(wanted.resumes_at.as_second())
    });
    as_promised || pause::ours(&seen.subscription) == Some(operation.id)
}

/// The pause call takes no metadata, so that the mark goes before it; an update takes both at once.
pub(super) async fn act(
    attempt: Attempt<'_>,
    seen: &Seen,
    wanted: Wanted,
    generation: u32,
) -> Result<StepRecord, Halt> {
    match pause::mechanism(wanted.access, &seen.subscription) {
        Mechanism::Collection => {
            let pause = of_collection(wanted);
            let change = |request: UpdateSubscription| {
                request.pause_collection(pause).metadata(mark(attempt.operation.id.to_string()))
            };
            update(attempt, PAUSE, generation, change).await
        }
        Mechanism::Subscription if !attempt.has_done(PAUSE_MARKED) => {
            let mark = mark(attempt.operation.id.to_string());
            update(attempt, PAUSE_MARKED, generation, |request| request.metadata(mark)).await
        }
        Mechanism::Subscription => {
            // Stripe's defaults: what is paid for and not used is credited, what was used is billed, both with the
            // invoice that the resumption makes.
            let request = PauseSubscription::new(attempt.operation.subscription.as_str())
                .expand(wire::EXPAND.map(str::to_owned));
            send(attempt, request.build(), PAUSE, generation).await
        }
    }
}

fn of_collection(wanted: Wanted) -> UpdateSubscriptionPauseCollection {
    let mut pause = UpdateSubscriptionPauseCollection::new(match wanted.behavior {
        PauseBehavior::Void => UpdateSubscriptionPauseCollectionBehavior::Void,
        PauseBehavior::KeepAsDraft => UpdateSubscriptionPauseCollectionBehavior::KeepAsDraft,
        PauseBehavior::MarkUncollectible => UpdateSubscriptionPauseCollectionBehavior::MarkUncollectible,
    });
    pause.resumes_at = Some(wanted.resumes_at.as_second());
    pause
}

fn mark(value: String) -> HashMap<String, String> {
    HashMap::from([(PAUSE_MARK.to_owned(), value)])
}

/// Takes the mark off again where no pause came of it, so that nobody else's is taken for ours.
pub(super) async fn unmark(attempt: Attempt<'_>) {
    if attempt.has_done(PAUSE_MARKED) {
        // Where even that fails, the mark says something only once somebody pauses by hand.
        update(attempt, "unmark", 0, |request| request.metadata(mark(String::new()))).await.ok();
    }
}
