//! Offers of a session, and its outcome.

use super::{Invariant, KeptOperation, KeptSession, Violation};
use crate::domain::offer::{OfferState, OfferType, PresentedOffer};
use crate::domain::operation::{Effect, OperationState};
use crate::domain::session::{State, Status};

/// The word of the effect that carries an offer out; none for offers that only hand on.
fn effect_of(offer: OfferType) -> Option<&'static str> {
    match offer {
        OfferType::Discount => Some("discount"),
        OfferType::Pause => Some("pause"),
        OfferType::TrialExtension => Some("extend_trial"),
        OfferType::FreeFeatures => Some("attach_features"),
        OfferType::Installments => Some("split"),
        OfferType::Waiver => Some("waive"),
        OfferType::Credit => Some("credit"),
        OfferType::PlanChange => Some("change_plan"),
        OfferType::Contact | OfferType::Redirect | OfferType::Custom => None,
    }
}

/// The operations that carry an offer out; not those that follow from it later or undo it.
fn carried_out<'a>(kept: &'a KeptSession, offer: &PresentedOffer) -> Vec<&'a KeptOperation> {
    let effect = effect_of(offer.terms.offer_type());
    let carries = |one: &&KeptOperation| {
        let operation = &one.operation;
        operation.offer == Some(offer.id)
            && operation.undoes.is_none()
            && Some(operation.effect.as_str()) == effect
    };
    kept.operations.iter().filter(carries).collect()
}

pub(super) fn check(kept: &KeptSession, found: &mut Vec<Violation>) {
    let session = &kept.session;
    if session.closed_at.is_some() == (session.status() == Status::InProgress) {
        found.push(kept.violation(Invariant::OneOutcome, "closed_at"));
    }
    for offer in &session.offers {
        one(kept, offer, found);
    }
    let accepted: Vec<_> =
        session.offers.iter().filter(|offer| offer.state == OfferState::Accepted).collect();
    if accepted.len() > 1 {
        found.push(kept.violation(Invariant::OneAccepted, "several are accepted"));
    }
    let accepted = accepted.first().map(|offer| offer.id);
    let fits = match session.state {
        State::Deciding | State::Abandoned | State::Resuming { .. } | State::Resumed => accepted.is_none(),
        State::Applying { offer, .. } => accepted == Some(offer),
        State::Saved { offer } => accepted == offer,
        // It is possible to leave while an offer is being applied.
        State::Canceling { .. } | State::Canceled { .. } => true,
    };
    if !fits {
        found.push(kept.violation(Invariant::OneAccepted, "not as the session's state says"));
    }
    awaited(kept, found);
    cancellation(kept, found);
}

fn one(kept: &KeptSession, offer: &PresentedOffer, found: &mut Vec<Violation>) {
    let operations = carried_out(kept, offer);
    let decided = matches!(offer.state, OfferState::Accepted | OfferState::Rejected);
    let wanted = usize::from(decided && effect_of(offer.terms.offer_type()).is_some());
    let violation = |invariant, what| Violation::new(invariant, what, offer.id).and(kept.session.id);
    if operations.len() != wanted {
        let what = if operations.len() < wanted { "none" } else { "too many" };
        let violation = violation(Invariant::OneOperation, what);
        found.push(operations.iter().fold(violation, |all, one| all.and(one.operation.id)));
        return;
    }
    let Some(carries) = operations.first() else { return };
    let state = carries.operation.state;
    if (offer.state == OfferState::Rejected) != (state == OperationState::Rejected) {
        found.push(violation(Invariant::RefusedAlike, "offer and operation").and(carries.operation.id));
    }
    let saved = matches!(kept.session.state, State::Saved { offer: Some(id) } if id == offer.id);
    if saved && state != OperationState::Applied {
        found.push(violation(Invariant::OneOutcome, "saved before it was applied").and(carries.operation.id));
    }
}

fn awaited(kept: &KeptSession, found: &mut Vec<Violation>) {
    let session = &kept.session;
    let Some(id) = session.awaited_operation() else {
        if session.needs_attention {
            found.push(kept.violation(Invariant::Awaited, "needs attention for nothing"));
        }
        return;
    };
    let violation = |what| kept.violation(Invariant::Awaited, what).and(id);
    let Some(operation) = kept.operations.iter().map(|one| &one.operation).find(|one| one.id == id) else {
        found.push(violation("no such operation"));
        return;
    };
    let fits = match session.state {
        State::Canceling { .. } => matches!(operation.effect, Effect::Cancel { .. }),
        State::Resuming { .. } => matches!(operation.effect, Effect::Resume { .. }),
        State::Applying { offer, .. } => operation.carries_out() == Some(offer),
        _ => false,
    };
    if !fits {
        found.push(violation("another effect than it waits for"));
    }
    if matches!(operation.state, OperationState::Applied | OperationState::Rejected) {
        found.push(violation("through already"));
    } else if session.needs_attention != (operation.state == OperationState::NeedsAttention) {
        found.push(violation("needs_attention"));
    }
}

fn cancellation(kept: &KeptSession, found: &mut Vec<Violation>) {
    let cancels = |one: &&KeptOperation| matches!(one.operation.effect, Effect::Cancel { .. });
    let operations: Vec<_> = kept.operations.iter().filter(cancels).collect();
    let violation = |what| {
        let violation = kept.violation(Invariant::OneCancellation, what);
        operations.iter().fold(violation, |all, one| all.and(one.operation.id))
    };
    if operations.len() > 1 {
        found.push(violation("several"));
    }
    let leaves = matches!(kept.session.state, State::Canceling { .. } | State::Canceled { .. });
    if !operations.is_empty() && !leaves {
        found.push(violation("of a session that has not left"));
    }
}
