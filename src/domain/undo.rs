//! Undoing what an applied operation has brought about: an operation of its own, as far as Stripe takes things back.

use jiff::Timestamp;

use super::offer::{PlanChangeWhen, PresentedOffer, Terms};
use super::operation::{CancelWhen, Effect, Operation, OperationState, PAUSE_MARKED};
use super::pause::{Mechanism, Resumer, Resumption};
use super::span::{Interval, Span};

/// Why an operation cannot be undone.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CannotUndo {
    /// It has not brought about anything that could be undone, or not yet.
    #[error("only operations in the state `applied` can be undone; this one is `{}`", .0.as_str())]
    NotApplied(OperationState),
    /// It is the undoing of another.
    #[error("it undoes another operation itself; accept the offer anew instead")]
    IsUndo,
    /// Stripe does not take it back.
    #[error("Stripe does not take it back: {0}")]
    Irreversible(&'static str),
    /// What it would be set back to is over.
    #[error("it is too late: {0}")]
    TooLate(&'static str),
}

impl CannotUndo {
    /// The stable reason code on the wire.
    #[must_use]
    pub fn code(self) -> &'static str {
        match self {
            Self::NotApplied(_) => "operation_not_applied",
            Self::IsUndo => "operation_is_undo",
            Self::Irreversible(_) => "irreversible",
            Self::TooLate(_) => "too_late",
        }
    }
}

/// What undoes an applied operation. `offer` is the offer that it carried out.
///
/// # Errors
/// Why it cannot be undone.
pub fn effect(
    operation: &Operation,
    offer: Option<&PresentedOffer>,
    now: Timestamp,
) -> Result<Effect, CannotUndo> {
    if operation.undoes.is_some() {
        return Err(CannotUndo::IsUndo);
    }
    if operation.state != OperationState::Applied {
        return Err(CannotUndo::NotApplied(operation.state));
    }
    Ok(match &operation.effect {
        Effect::Discount { .. } => Effect::RemoveDiscount { coupon: operation.coupon() },
        Effect::Pause { resumes_at, .. } if *resumes_at <= now => {
            return Err(CannotUndo::TooLate("the pause has ended at its time"));
        }
        Effect::Pause { access, resumes_at, .. } => {
            let itself = operation.steps.iter().any(|step| step.name == PAUSE_MARKED);
            let resumption = Resumption {
                pause: operation.id,
                by: Resumer::Operations,
                mechanism: if itself { Mechanism::Subscription } else { Mechanism::Collection },
                access: *access,
                until: Some(*resumes_at),
            };
            Effect::Resume { resumption }
        }
        Effect::ExtendTrial { trial_end } => {
            let former = former_end(*trial_end, offer);
            let former = former.ok_or(CannotUndo::Irreversible("the former end is not known"))?;
            if former <= now {
                return Err(CannotUndo::TooLate(
                    "the trial would have ended by now, and would be charged at once",
                ));
            }
            Effect::ExtendTrial { trial_end: former }
        }
        Effect::AttachFeatures { price, until } => {
            if *until <= now {
                return Err(CannotUndo::TooLate("the features have been taken away at their end"));
            }
            let since = operation.steps.last().map(|step| step.at);
            Effect::DetachFeatures { price: price.clone(), product: None, since }
        }
        Effect::ChangePlan { item, price, from, proration, .. } => Effect::ChangePlan {
            item: item.clone(),
            price: from.clone(),
            from: price.clone(),
            when: PlanChangeWhen::Now,
            proration: *proration,
            effective_at: now,
        },
        Effect::Credit { money } => Effect::Debit { money: *money },
        Effect::Cancel { when: CancelWhen::PeriodEnd, .. } => Effect::KeepSubscription,
        Effect::Cancel { when: CancelWhen::Now, .. } => {
            return Err(CannotUndo::Irreversible(
                "a subscription that has ended stays ended; sell a new one",
            ));
        }
        Effect::Waive { .. } => {
            return Err(CannotUndo::Irreversible("a voided invoice stays void; make a new invoice instead"));
        }
        Effect::Split { .. } => {
            return Err(CannotUndo::Irreversible(
                "the invoices that were split are void or paid in part; change the parts in Stripe instead",
            ));
        }
        Effect::DetachFeatures { .. }
        | Effect::Resume { .. }
        | Effect::RemoveDiscount { .. }
        | Effect::Debit { .. }
        | Effect::KeepSubscription => {
            return Err(CannotUndo::Irreversible("it took something away; accept the offer anew instead"));
        }
    })
}

/// When the trial, or the period that was paid for, ended before it was made longer.
fn former_end(extended: Timestamp, offer: Option<&PresentedOffer>) -> Option<Timestamp> {
    let Terms::TrialExtension(terms) = &offer?.terms else { return None };
    // Days on the UTC calendar are 24 hours each.
    let added = Span { interval: Interval::Day, count: terms.days }.after(Timestamp::UNIX_EPOCH);
    extended.checked_sub(added.duration_since(Timestamp::UNIX_EPOCH)).ok()
}

/// The operation that undoes another by this effect; it holds what the other held of budgets, to give it back.
#[must_use]
pub fn operation(of: &Operation, effect: Effect, now: Timestamp) -> Operation {
    Operation {
        id: super::ids::OperationId::generate(now),
        effect,
        state: OperationState::Pending,
        steps: Vec::new(),
        attempts: 0,
        due_at: now,
        created_at: now,
        updated_at: now,
        problem: None,
        undoes: Some(of.id),
        undone_by: None,
        ..of.clone()
    }
}
