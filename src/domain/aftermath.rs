//! What follows from an operation's outcome: the operation that is due later, and what the app is told.

use jiff::Timestamp;

use super::event::{EventData, FeaturesEnd, FeaturesEnded, NewEvent, PauseEnded, PauseStarted};
use super::ids::{OperationId, PriceId, ProductId};
use super::offer::{PauseAccess, PresentedOffer, Terms};
use super::operation::{Effect, Operation, OperationState, StepRecord};
use super::pause::{self, Resumer, Resumption};
use super::session::Session;
use super::subscription::Subscription;

/// The step that takes note, before anything is taken away, of the item that is still there.
pub const ITEM_SEEN: &str = "item_seen";

/// The operation that an applied one entails: free features are taken away again when their time is over. `after` is
/// the subscription as billing showed it then.
#[must_use]
pub fn entailed(
    operation: &Operation,
    outcome: OperationState,
    after: Option<&Subscription>,
    now: Timestamp,
) -> Option<Operation> {
    match (&operation.effect, outcome) {
        (Effect::AttachFeatures { price, until }, OperationState::Applied) => {
            let item = after.and_then(|seen| seen.items.iter().find(|item| item.price == *price));
            let product = item.map(|item| item.product.clone());
            let effect = Effect::DetachFeatures { price: price.clone(), product, since: Some(now) };
            Some(later(operation, effect, *until, now))
        }
        (Effect::Pause { access, resumes_at, .. }, OperationState::Applied) => {
            let resumption = Resumption {
                pause: operation.id,
                by: Resumer::Time,
                mechanism: after.and_then(pause::in_force).unwrap_or_default(),
                access: *access,
                until: Some(*resumes_at),
            };
            Some(later(operation, Effect::Resume { resumption }, *resumes_at, now))
        }
        _ => None,
    }
}

fn later(operation: &Operation, effect: Effect, due_at: Timestamp, now: Timestamp) -> Operation {
    Operation {
        id: OperationId::generate(now),
        effect,
        state: OperationState::Pending,
        steps: Vec::new(),
        holds: Vec::new(),
        attempts: 0,
        due_at,
        created_at: now,
        updated_at: now,
        undoes: None,
        undone_by: None,
        ..operation.clone()
    }
}

/// What the app is told of an operation's outcome.
#[must_use]
pub fn told(
    operation: &Operation,
    outcome: OperationState,
    session: Option<&Session>,
    after: Option<&Subscription>,
    now: Timestamp,
) -> Vec<NewEvent> {
    let (once, data) = match (&operation.effect, outcome) {
        (Effect::DetachFeatures { price, product, since }, OperationState::Applied) => {
            let data = features_ended(
                operation,
                (price, product.as_ref(), *since),
                offer(operation, session),
                after,
                now,
            );
            // The same features may be found ended twice, where they were taken away early.
            let of = operation.offer.map_or_else(|| operation.id.to_string(), |offer| offer.to_string());
            (format!("features.ended/{of}"), EventData::FeaturesEnded(data))
        }
        (Effect::Pause { access: PauseAccess::Withdrawn, resumes_at, .. }, OperationState::Applied) => {
            let data = PauseStarted {
                access: PauseAccess::Withdrawn,
                mechanism: after.and_then(pause::in_force).unwrap_or_default(),
                resumes_at: *resumes_at,
                offer: operation.offer,
                offer_key: offer(operation, session).map(|offer| offer.key.clone()),
                operation: operation.id,
            };
            (format!("pause.started/{}", operation.id), EventData::PauseStarted(data))
        }
        (Effect::Resume { resumption }, OperationState::Applied) => {
            let Some(how) = operation.pause_end() else { return Vec::new() };
            let data = PauseEnded {
                access: resumption.access,
                how,
                ended_at: now,
                pause: resumption.pause,
                operation: operation.id,
            };
            // Found ended by one operation, brought about by another: it is one end.
            (format!("pause.ended/{}", resumption.pause), EventData::PauseEnded(data))
        }
        _ => return Vec::new(),
    };
    vec![NewEvent {
        livemode: operation.livemode,
        customer: session.map(|session| session.customer.clone()),
        subscription: operation.subscription.clone(),
        session: Some(operation.session),
        once: Some(once),
        data,
    }]
}

fn offer<'a>(operation: &Operation, session: Option<&'a Session>) -> Option<&'a PresentedOffer> {
    session?.offers.iter().find(|offer| Some(offer.id) == operation.offer)
}

fn features_ended(
    operation: &Operation,
    (price, product, since): (&PriceId, Option<&ProductId>, Option<Timestamp>),
    offer: Option<&PresentedOffer>,
    after: Option<&Subscription>,
    now: Timestamp,
) -> FeaturesEnded {
    let features = match offer.map(|offer| &offer.terms) {
        Some(Terms::FreeFeatures(terms)) => terms.features.clone(),
        _ => Vec::new(),
    };
    // An answer that was lost leaves no item behind in the step, but what was seen before it was asked for.
    let taken = operation.steps.iter().any(|step: &StepRecord| step.name == ITEM_SEEN);
    let ended = after.is_some_and(|seen| seen.status.is_ended());
    let how = match (ended, taken) {
        (true, _) => FeaturesEnd::SubscriptionEnded,
        (false, true) => FeaturesEnd::Removed,
        (false, false) => FeaturesEnd::RemovedElsewhere,
    };
    FeaturesEnded {
        price: price.clone(),
        product: product.cloned(),
        features,
        offer: operation.offer,
        offer_key: offer.map(|offer| offer.key.clone()),
        given_at: since,
        ended_at: now,
        how,
        operation: operation.id,
    }
}
