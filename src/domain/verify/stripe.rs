//! What Stripe shows of an operation: its effect once where it was applied, none where it was refused.

use std::collections::HashSet;
use std::hash::Hash;

use super::{Invariant, Violation};
use crate::domain::operation::{Effect, Operation, OperationState};

/// What in Stripe bears an operation's mark.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Traces {
    /// How often its coupon was made into a discount; none where there is no such coupon.
    pub redeemed: Option<i64>,
    /// Items of the subscription.
    pub items: usize,
    /// Transactions on the customer's balance, in minor units; credits are below zero, what takes them back is above.
    pub credits: Vec<i64>,
    /// Invoices that were voided or credited, by id, each as often as that was done.
    pub forgiven: Vec<String>,
    /// The numbers of the parts that are, or will be, collected.
    pub parts: Vec<usize>,
    /// Items that take later parts off the coming invoice.
    pub deferrals: usize,
}

impl Traces {
    fn is_empty(&self) -> bool {
        self.redeemed.unwrap_or(0) == 0 && *self == Self { redeemed: self.redeemed, ..Self::default() }
    }
}

/// Compares an operation with what Stripe shows of it. An operation that is under way is not compared; one that needs
/// attention may have had its effect, but not twice.
#[must_use]
pub fn check_stripe(operation: &Operation, traces: &Traces) -> Vec<Violation> {
    let violation =
        |invariant, what| vec![Violation::new(invariant, what, operation.id).and(&operation.subscription)];
    match operation.state {
        OperationState::Pending | OperationState::Applying => Vec::new(),
        OperationState::Rejected if !traces.is_empty() => {
            violation(Invariant::NoEffect, operation.effect.as_str())
        }
        OperationState::Rejected => Vec::new(),
        OperationState::NeedsAttention => {
            twice(traces).map_or_else(Vec::new, |what| violation(Invariant::EffectOnce, what))
        }
        OperationState::Applied => match twice(traces).or_else(|| missing(operation, traces)) {
            Some(what) => violation(Invariant::EffectOnce, what),
            None => Vec::new(),
        },
    }
}

/// What is there more than once.
fn twice(traces: &Traces) -> Option<&'static str> {
    if traces.redeemed.unwrap_or(0) > 1 {
        return Some("coupon redeemed more than once");
    }
    if traces.items > 1 {
        return Some("more than one item");
    }
    if traces.credits.len() > 1 {
        return Some("balance changed more than once");
    }
    if has_twins(&traces.forgiven) {
        return Some("an invoice forgiven more than once");
    }
    if has_twins(&traces.parts) {
        return Some("a part made more than once");
    }
    (traces.deferrals > 1).then_some("coming invoice reduced more than once")
}

fn has_twins<T: Eq + Hash>(all: &[T]) -> bool {
    all.iter().collect::<HashSet<_>>().len() != all.len()
}

/// What should be there. Effects that are a state of the subscription (its pause, trial, items, end) may have been
/// replaced by later ones, and what is being undone may be gone; whether they are still to be seen is drift's to tell.
fn missing(operation: &Operation, traces: &Traces) -> Option<&'static str> {
    if operation.undone_by.is_some() {
        return None;
    }
    match &operation.effect {
        Effect::Discount { .. } => (traces.redeemed != Some(1)).then_some("coupon not redeemed"),
        Effect::Credit { money } => {
            (traces.credits != [money.amount.saturating_neg()]).then_some("not the credit that was promised")
        }
        Effect::Debit { money } => (traces.credits != [money.amount]).then_some("not the credit taken back"),
        Effect::Waive { .. } => {
            (forgiven(operation) != traces.forgiven.len()).then_some("not the invoices on record forgiven")
        }
        Effect::Split { split } => {
            let stays = usize::from(split.coming().is_some());
            let wanted = split.parts.len().saturating_sub(stays);
            if traces.parts.len() != wanted {
                return Some("not as many parts as promised");
            }
            if split.coming().is_some() {
                return (traces.deferrals != 1).then_some("coming invoice not reduced");
            }
            (traces.forgiven.len() != split.invoices.len()).then_some("not every original taken back")
        }
        Effect::AttachFeatures { .. }
        | Effect::DetachFeatures { .. }
        | Effect::Pause { .. }
        | Effect::Resume { .. }
        | Effect::RemoveDiscount { .. }
        | Effect::KeepSubscription
        | Effect::ExtendTrial { .. }
        | Effect::ChangePlan { .. }
        | Effect::Cancel { .. } => None,
    }
}

/// How many invoices an operation has on record as forgiven.
fn forgiven(operation: &Operation) -> usize {
    operation.steps.iter().filter(|step| step.amount.is_some_and(|amount| amount > 0)).count()
}
