//! The operations of a session, each for itself.

use std::collections::HashSet;

use jiff::Timestamp;

use super::{GRACE, Invariant, KeptOperation, KeptSession, Violation};
use crate::domain::operation::{Effect, Operation, OperationState};

/// Whether an operation lies longer than it may, unless another goes before it.
#[must_use]
pub fn is_overdue(operation: &Operation, held_until: Option<Timestamp>, now: Timestamp) -> bool {
    let over = |at: Timestamp| now.duration_since(at) > GRACE;
    !operation.state.is_settled() && over(operation.due_at) && held_until.is_none_or(over)
}

pub(super) fn check(kept: &KeptSession, now: Timestamp, found: &mut Vec<Violation>) {
    for one in &kept.operations {
        belongs(kept, one, found);
        undoing(kept, &one.operation, found);
        fits(one, now, found);
    }
}

fn belongs(kept: &KeptSession, one: &KeptOperation, found: &mut Vec<Violation>) {
    let (session, operation) = (&kept.session, &one.operation);
    let violation = |invariant, what| Violation::new(invariant, what, operation.id).and(session.id);
    if operation.subscription != session.subscription || operation.livemode != session.livemode {
        found.push(violation(Invariant::SameSubscription, "another subscription or mode"));
    }
    if operation.offer.is_some_and(|id| session.offers.iter().all(|offer| offer.id != id)) {
        found.push(violation(Invariant::Refers, "no such offer"));
    }
    let alone = matches!(
        operation.effect,
        Effect::Cancel { .. } | Effect::DetachFeatures { .. } | Effect::Resume { .. }
    );
    if operation.offer.is_none() && operation.undoes.is_none() && !alone {
        found.push(violation(Invariant::OneOperation, "for no offer"));
    }
    if !one.audited {
        found.push(violation(Invariant::Audited, "no line"));
    }
    if !one.told {
        found.push(violation(Invariant::Told, "no event"));
    }
}

/// An operation is undone by one of its own session.
fn undoing(kept: &KeptSession, operation: &Operation, found: &mut Vec<Violation>) {
    let find = |id| kept.operations.iter().map(|one| &one.operation).find(|one| one.id == id);
    let named = operation.undoes.is_none_or(|id| find(id).and_then(|of| of.undone_by) == Some(operation.id));
    let names = operation.undone_by.is_none_or(|id| find(id).and_then(|by| by.undoes) == Some(operation.id));
    if !(named && names) {
        found.push(Violation::new(Invariant::Undone, "not named by the other", operation.id));
    }
}

fn fits(one: &KeptOperation, now: Timestamp, found: &mut Vec<Violation>) {
    let operation = &one.operation;
    let violation = |invariant, what| Violation::new(invariant, what, operation.id);
    let names: HashSet<_> = operation.steps.iter().map(|step| &step.name).collect();
    if names.len() != operation.steps.len() {
        found.push(violation(Invariant::Steps, "one is there twice"));
    }
    if operation.state == OperationState::Applied && operation.steps.is_empty() && operation.undoes.is_none()
    {
        found.push(violation(Invariant::Steps, "none"));
    }
    let unhappy = matches!(operation.state, OperationState::Rejected | OperationState::NeedsAttention);
    if unhappy && operation.problem.as_ref().is_none_or(|problem| problem.code.is_empty()) {
        found.push(violation(Invariant::Reason, "none"));
    }
    if operation.state.is_settled() && one.held_until.is_some() {
        found.push(violation(Invariant::NotHeld, "held"));
    }
    if is_overdue(operation, one.held_until, now) && !one.waits {
        found.push(violation(Invariant::NotStuck, operation.state.as_str()));
    }
}
