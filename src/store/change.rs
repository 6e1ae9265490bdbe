//! Change: a session, its operations and all that goes with them, one durable write.

use jiff::Timestamp;

use super::asks::{self, AskRow};
use super::audit::{AuditLine, AuditRow};
use super::budgets::BudgetTake;
use super::customer_caps::CustomerCap;
use super::decisions::{DecisionRecord, DecisionRow};
use super::departures::{self, DepartureRow};
use super::error::StoreError;
use super::events::EventRow;
use super::exposures::{self, ExposureRow};
use super::offers::{self, OfferRow};
use super::operations::{Lease, OperationRow};
use super::saved_answers::{SavedAnswer, SavedRow};
use super::session_rows::SessionRow;
use super::snapshots::SnapshotRow;
use super::text::whole;
use super::time::micros;
use crate::domain::event::NewEvent;
use crate::domain::experiment::Exposure;
use crate::domain::hold::BudgetHold;
use crate::domain::ids::OfferId;
use crate::domain::operation::Operation;
use crate::domain::session::Session;
use crate::domain::subscription::Subscription;

/// What to do to an operation that is held by a lease.
#[derive(Clone, Debug)]
pub struct OperationUpdate {
    /// The operation as it is to be.
    pub operation: Operation,
    /// Who holds the lease.
    pub owner: String,
    /// The lease to go on with; none gives it up.
    pub lease: Option<Lease>,
}

/// A change, carried out whole or not at all. Start from [`Change::new`] and fill in what is needed.
#[derive(Clone, Debug)]
pub struct Change {
    /// The session as it is to be, and the version it was read at.
    pub session: Option<(Session, i64)>,
    /// A further decision of the session; offers it replaced become withdrawn.
    pub decision: Option<DecisionRecord>,
    /// The arms of experiments that the customer is in, in that decision; those the session knows already change nothing.
    pub exposures: Vec<Exposure>,
    /// What newly presented or accepted offers would cost at most, in minor units of the subscription's currency.
    pub costs: Vec<(OfferId, i64)>,
    /// Operations to add, each with a lease where somebody takes it up at once.
    pub new_operations: Vec<(Operation, Option<Lease>)>,
    /// An operation to update, held by a lease.
    pub operation: Option<OperationUpdate>,
    /// Amounts to take from budgets.
    pub budget: Vec<BudgetTake>,
    /// Amounts to give back to budgets.
    pub budget_return: Vec<BudgetHold>,
    /// Caps that the customer must be below before this.
    pub customer_caps: Vec<CustomerCap>,
    /// A snapshot and when it was fetched; an older one than is stored changes nothing.
    pub snapshot: Option<(Subscription, Timestamp)>,
    /// Whether what signals wait for may be so with that snapshot.
    pub recheck_signals: bool,
    /// The id of the webhook event that this handles.
    pub webhook_event: Option<String>,
    /// What the app is to be told of it.
    pub events: Vec<NewEvent>,
    /// A line for the audit trail.
    pub audit: Option<AuditLine>,
    /// The answer to save with it.
    pub saved: Option<SavedAnswer>,
    /// An answer to put in the place of the one saved earlier under the same key for the same request.
    pub update_saved: Option<SavedAnswer>,
    /// Whether to wait where the queue is full.
    pub patient: bool,
    /// The present instant.
    pub now: Timestamp,
}

impl Change {
    /// A change of nothing yet.
    #[must_use]
    pub fn new(now: Timestamp) -> Self {
        Self {
            session: None,
            decision: None,
            exposures: Vec::new(),
            costs: Vec::new(),
            new_operations: Vec::new(),
            operation: None,
            budget: Vec::new(),
            budget_return: Vec::new(),
            customer_caps: Vec::new(),
            snapshot: None,
            recheck_signals: false,
            webhook_event: None,
            events: Vec::new(),
            audit: None,
            saved: None,
            update_saved: None,
            patient: false,
            now,
        }
    }
}

/// What became of a [`Change`]. Anything but `Done` wrote nothing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Changed {
    /// Written.
    Done,
    /// The session has another version by now, or the lease is lost.
    Stale,
    /// This one of the budgets (its index) does not hold the amount.
    BudgetSpent(usize),
    /// The customer has had all that a cap allows.
    CapReached,
    /// The webhook event was handled before.
    DuplicateEvent,
    /// The key has this answer already, perhaps to another request (compare the fingerprint).
    Replayed(SavedAnswer),
}

/// A [`Change`] as rows.
pub(super) struct Prepared {
    pub(super) session: Option<SessionRow>,
    pub(super) offers: Vec<OfferRow>,
    pub(super) decision: Option<DecisionRow>,
    pub(super) exposures: Vec<ExposureRow>,
    pub(super) new_operations: Vec<OperationRow>,
    /// The operation with its new lease, and who must hold it.
    pub(super) operation: Option<(OperationRow, String)>,
    pub(super) budget: Vec<BudgetTake>,
    pub(super) budget_return: Vec<BudgetHold>,
    pub(super) customer_caps: Vec<CustomerCap>,
    pub(super) snapshot: Option<SnapshotRow>,
    /// The subscription to look at for signals, and since when.
    pub(super) recheck: Option<(String, i64)>,
    /// What accepted offers ask in return.
    pub(super) asks: Vec<AskRow>,
    /// Who leaves for the lack of which feature.
    pub(super) departures: Vec<DepartureRow>,
    /// The event's id and when it came.
    pub(super) webhook_event: Option<(String, Timestamp)>,
    pub(super) events: Vec<EventRow>,
    pub(super) audit: Option<AuditRow>,
    pub(super) saved: Option<SavedRow>,
    pub(super) update_saved: Option<SavedRow>,
    subscription: String,
}

impl Prepared {
    pub(super) fn new(mut change: Change) -> Result<Self, StoreError> {
        let now = change.now;
        // Whatever ends an offer frees what is set aside for it: here, so that no path can forget it.
        if let Some((session, _)) = &mut change.session {
            change.budget_return.extend(session.release());
        }
        let session = change.session.as_ref();
        let id = session.map(|(session, _)| session.id);
        let decided_anew = change.decision.is_some();
        let operations = change.new_operations.into_iter();
        Ok(Self {
            subscription: subscription(session, change.operation.as_ref(), change.snapshot.as_ref()),
            offers: session.map_or_else(Vec::new, |(s, _)| offers::rows(s, &change.costs, decided_anew)),
            exposures: id.map_or_else(|| Ok(Vec::new()), |id| exposures::rows(id, &change.exposures, now))?,
            decision: id
                .zip(change.decision)
                .map(|(id, decision)| DecisionRow::new(id, decision))
                .transpose()?,
            session: session.map(|(s, version)| SessionRow::new(s, version + 1)).transpose()?,
            new_operations: operations
                .map(|(operation, lease)| OperationRow::new(&operation, lease))
                .collect::<Result<_, _>>()?,
            operation: change.operation.map(prepare_operation).transpose()?,
            recheck: change
                .snapshot
                .as_ref()
                .filter(|_| change.recheck_signals)
                .map(|(snapshot, _)| (snapshot.id.to_string(), micros(now))),
            asks: session.map_or_else(Vec::new, |(session, _)| asks::rows(session, now)),
            departures: session.map_or_else(Vec::new, |(session, _)| departures::rows(session)),
            budget: change.budget,
            budget_return: change.budget_return,
            customer_caps: change.customer_caps,
            snapshot: change
                .snapshot
                .map(|(snapshot, fetched_at)| SnapshotRow::new(&snapshot, fetched_at))
                .transpose()?,
            webhook_event: change
                .webhook_event
                .map(|event| whole("the event's id", event).map(|event| (event, now)))
                .transpose()?,
            events: change
                .events
                .into_iter()
                .map(|event| EventRow::new(event, now))
                .collect::<Result<_, _>>()?,
            audit: change.audit.map(|line| AuditRow::new(line, id, now)).transpose()?,
            saved: change.saved.map(SavedRow::new).transpose()?,
            update_saved: change.update_saved.map(SavedRow::new).transpose()?,
        })
    }

    /// Whether it is nothing but rows that are inserted or updated, none of which another of them must have met.
    pub(super) fn is_plain(&self) -> bool {
        let decided_anew = self.session.is_some() && self.decision.is_some();
        !decided_anew
            && self.recheck.is_none()
            && self.asks.is_empty()
            && self.departures.is_empty()
            && self.webhook_event.is_none()
    }

    pub(super) fn subscription(&self) -> &str {
        &self.subscription
    }
}

fn prepare_operation(update: OperationUpdate) -> Result<(OperationRow, String), StoreError> {
    let row = OperationRow::new(&update.operation, update.lease)?;
    Ok((row, whole("the lease's owner", update.owner)?))
}

fn subscription(
    session: Option<&(Session, i64)>,
    operation: Option<&OperationUpdate>,
    snapshot: Option<&(Subscription, Timestamp)>,
) -> String {
    let of_session = session.map(|(session, _)| &session.subscription);
    let of_operation = operation.map(|update| &update.operation.subscription);
    let of_snapshot = snapshot.map(|(snapshot, _)| &snapshot.id);
    let subscription = of_session.or(of_operation).or(of_snapshot);
    subscription.map(ToString::to_string).unwrap_or_default()
}
