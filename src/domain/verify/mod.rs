//! What must hold of everything that is kept: each accepted offer carried out once, each session one outcome, each
//! amount of a budget accounted for, nothing left lying.
//!
//! Pure: it is shown what the database holds, a session at a time, and names what does not fit together.

mod offers;
mod operations;
mod saves;
mod stripe;

use std::collections::HashMap;

use jiff::{SignedDuration, Timestamp};
use serde::Serialize;
use strum::IntoStaticStr;

use super::hold::BudgetHold;
use super::ids::SubscriptionId;
use super::operation::{Operation, OperationState};
use super::session::Session;
use super::validation::Horizon;
pub use operations::is_overdue;
pub use stripe::{Traces, check_stripe};

/// How long past its time something may lie before it counts as stuck: longer than any wait between two attempts.
pub const GRACE: SignedDuration = SignedDuration::from_hours(2);

/// What must hold. Violations bear its name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
#[derive(IntoStaticStr)]
#[strum(serialize_all = "snake_case")]
pub enum Invariant {
    /// What is kept can be read.
    Readable,
    /// Columns say what the document beside them says.
    Columns,
    /// A subscription has at most one session in progress.
    OneOpenSession,
    /// A session runs a version of a flow that is there.
    Flow,
    /// A session is closed once it has an outcome, and only then.
    OneOutcome,
    /// At most one offer of a session is accepted, and its outcome follows from that.
    OneAccepted,
    /// An accepted or refused offer has exactly one operation that carries it out, or none where nothing is to be done in billing; any other has none.
    OneOperation,
    /// An offer is refused if its operation was, and only then.
    RefusedAlike,
    /// A session waits for an operation of its own that is not through.
    Awaited,
    /// A session is canceled by at most one operation, and its outcome follows from that.
    OneCancellation,
    /// An operation and the one that undoes it name each other.
    Undone,
    /// An operation is about its session's subscription, in the same mode.
    SameSubscription,
    /// An applied operation has its steps on record, each once; one that undoes another may have found nothing left to do.
    Steps,
    /// An operation that was refused or needs attention says why.
    Reason,
    /// An operation that is not settled is taken up in time.
    NotStuck,
    /// A settled operation is held by nobody.
    NotHeld,
    /// What a budget has spent, or a cap has counted, is what operations hold of it that were neither refused nor undone, and what offers of sessions hold of it.
    Budget,
    /// A watched save is checked once at each horizon, and its session says what was found; nothing else is watched.
    SaveChecked,
    /// An acceptance, a cancellation, a resumption and an undo have a line each in the audit trail.
    Audited,
    /// The digests of a session's evidence follow each other, and the texts are those that were shown.
    Evidence,
    /// What refers to something refers to something that is there.
    Refers,
    /// An event tells of what has happened, and what must be told is.
    Told,
    /// An applied operation has had its effect in Stripe, once; what was undone need not show any more.
    EffectOnce,
    /// An operation that was refused has had none.
    NoEffect,
    /// Stripe still shows what applied operations brought about.
    Shown,
}

impl Invariant {
    /// Its name.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        self.into()
    }
}

/// Something that does not hold. Ids and places only, nothing that tells of a person.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Violation {
    /// What does not hold.
    pub invariant: Invariant,
    /// Table and column, or what of it does not fit.
    pub what: &'static str,
    /// What it is about, the most telling first.
    pub ids: Vec<String>,
}

impl Violation {
    /// Something that does not hold of this.
    #[must_use]
    pub fn new(invariant: Invariant, what: &'static str, id: impl ToString) -> Self {
        Self { invariant, what, ids: vec![id.to_string()] }
    }

    /// With another id that it is about.
    #[must_use]
    pub fn and(mut self, id: impl ToString) -> Self {
        self.ids.push(id.to_string());
        self
    }
}

/// An operation as it is kept.
#[derive(Clone, Debug)]
pub struct KeptOperation {
    /// The operation.
    pub operation: Operation,
    /// Until when somebody holds it.
    pub held_until: Option<Timestamp>,
    /// Whether an earlier one of its subscription is not settled.
    pub waits: bool,
    /// Whether the action that asked for it is in the audit trail.
    pub audited: bool,
    /// Whether the app was told of its end, where it is to be told.
    pub told: bool,
}

/// A check of a save as it is kept.
#[derive(Clone, Debug)]
pub struct KeptCheck {
    /// How long after the save.
    pub horizon: Horizon,
    /// The subscription.
    pub subscription: SubscriptionId,
    /// Live or test mode.
    pub livemode: bool,
    /// When the save reaches the horizon.
    pub due_at: Timestamp,
    /// Whether it was made.
    pub settled: bool,
    /// Whether time, verdict and evidence of it are there.
    pub judged: bool,
    /// Whether the save had held.
    pub validated: Option<bool>,
}

/// A session with all that belongs to it, as it is kept.
#[derive(Clone, Debug)]
pub struct KeptSession {
    /// The session.
    pub session: Session,
    /// Whether its flow's version is there.
    pub flow: bool,
    /// Whether its save is watched.
    pub watched: bool,
    /// Its operations, in order.
    pub operations: Vec<KeptOperation>,
    /// The checks of its save.
    pub checks: Vec<KeptCheck>,
}

impl KeptSession {
    fn violation(&self, invariant: Invariant, what: &'static str) -> Violation {
        Violation::new(invariant, what, self.session.id)
    }
}

/// Everything that does not hold of a session.
#[must_use]
pub fn check_session(kept: &KeptSession, now: Timestamp) -> Vec<Violation> {
    let mut found = Vec::new();
    if !kept.flow {
        found.push(kept.violation(Invariant::Flow, "no such version"));
    }
    if !kept.session.evidence.is_sound() {
        found.push(kept.violation(Invariant::Evidence, "changed or taken out afterwards"));
    }
    offers::check(kept, &mut found);
    operations::check(kept, now, &mut found);
    saves::check(kept, &mut found);
    found
}

/// What operations and offers hold of budgets and caps, added up.
#[derive(Debug, Default)]
pub struct Held(HashMap<String, i64>);

impl Held {
    /// Counts what an operation holds.
    pub fn count(&mut self, operation: &Operation) {
        // What the operation that was undone had held went over to the one that undoes it, which gives it back.
        let undone = operation.undoes.is_some() && operation.state == OperationState::Applied;
        if undone || operation.state == OperationState::Rejected {
            return;
        }
        self.add(&operation.holds);
    }

    /// Counts what the offers of a session hold: set aside as long as they can be accepted, or for good where they were
    /// accepted and no operation carries them out.
    pub fn count_offers(&mut self, session: &Session) {
        session.offers.iter().for_each(|offer| self.add(&offer.holds));
    }

    fn add(&mut self, holds: &[BudgetHold]) {
        for BudgetHold { budget, amount } in holds {
            let sum = self.0.entry(budget.clone()).or_default();
            *sum = sum.saturating_add(*amount);
        }
    }

    /// Compares with what the budgets say they have spent.
    #[must_use]
    pub fn check(mut self, spent: &[(String, i64)]) -> Vec<Violation> {
        let mut found = Vec::new();
        for (budget, spent) in spent {
            let held = self.0.remove(budget).unwrap_or(0);
            if held != *spent {
                let what = if held < *spent {
                    "holds less than it has spent"
                } else {
                    "holds more than it has spent"
                };
                found.push(Violation::new(Invariant::Budget, what, budget));
            }
        }
        let mut left: Vec<_> = self.0.into_iter().filter(|(_, held)| *held != 0).collect();
        left.sort();
        let missing = |(budget, _)| Violation::new(Invariant::Budget, "no such budget", budget);
        found.extend(left.into_iter().map(missing));
        found
    }
}
