//! One attempt at one operation: what it has before it, what it has done, and what it calls its steps.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use jiff::{SignedDuration, Timestamp};

use super::progress::{Halt, problem};
use crate::billing::gateway::Gateway;
use crate::billing::wire::{MARK, Seen};
use crate::domain::operation::{Operation, StepRecord};

/// How far our clock may be ahead of Stripe's, which stamps what we look for.
const SLACK: SignedDuration = SignedDuration::from_hours(24);

/// One attempt at one operation.
#[derive(Clone, Copy)]
pub(super) struct Attempt<'a> {
    pub(super) gateway: &'a Gateway,
    pub(super) operation: &'a Operation,
    pub(super) now: Timestamp,
    /// The subscription as Stripe answered the last update with.
    pub(super) answered: &'a Mutex<Option<Seen>>,
}

impl Attempt<'_> {
    /// The subscription as it is now.
    pub(super) async fn look(self) -> Result<Seen, Halt> {
        if self.operation.livemode != self.gateway.livemode() {
            let why = "the operation belongs to the other mode (live or test) than the configured key";
            return Err(Halt::Attention(problem("other_mode", why)));
        }
        let seen = self.gateway.look(&self.operation.subscription).await?;
        let why = "Stripe knows no such subscription in the account of the configured key";
        seen.ok_or_else(|| Halt::Ineligible(problem("subscription_missing", why)))
    }

    /// The subscription as Stripe has just answered an update with, if it has.
    pub(super) fn take_answer(self) -> Option<Seen> {
        self.answered.lock().unwrap_or_else(PoisonError::into_inner).take()
    }

    pub(super) fn has_done_any(self) -> bool {
        !self.operation.steps.is_empty()
    }

    pub(super) fn has_done(self, step: &str) -> bool {
        self.operation.steps.iter().any(|done| done.name == step)
    }

    /// What a recorded step answered.
    pub(super) fn result_of(&self, step: &str) -> Option<&str> {
        self.operation.steps.iter().find(|done| done.name == step)?.result.as_deref()
    }

    /// What a recorded step took off.
    pub(super) fn amount_of(self, step: &str) -> i64 {
        self.operation.steps.iter().find(|done| done.name == step).and_then(|done| done.amount).unwrap_or(0)
    }

    /// The earliest instant that Stripe can have stamped on something that the operation made.
    pub(super) fn since(self) -> Timestamp {
        self.operation.created_at.checked_sub(SLACK).unwrap_or_default()
    }

    pub(super) fn record(self, name: &str, result: Option<String>, request_id: Option<String>) -> StepRecord {
        StepRecord { name: name.to_owned(), result, amount: None, request_id, at: self.now }
    }

    /// Metadata for what the operation makes, by which it is found again.
    pub(super) fn mark(self) -> HashMap<String, String> {
        HashMap::from([(MARK.to_owned(), self.operation.id.to_string())])
    }

    /// The idempotency key of a step. Deterministic, so that whoever takes the operation up repeats the same request.
    pub(super) fn key(self, step: &str, generation: u32) -> String {
        let id = self.operation.id;
        if generation == 0 { format!("{id}/{step}") } else { format!("{id}/{step}/{generation}") }
    }
}
