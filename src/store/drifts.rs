//! Differences between billing and what we believe: one row for each operation and kind, however often it is found.

use diesel::prelude::*;
use jiff::Timestamp;

use super::Store;
use super::connection::{AnyBackend, Link, each};
use super::error::{Failure, StoreError, malformed, unreadable};
use super::events::{self, EventRow};
use super::operations::{self, Lease, OperationRow};
use super::page::MAX_PAGE;
use super::reconciliations::advance;
use super::schema::drifts::{self, dsl};
use super::schema::{operations as ops, sessions};
use super::text::{json, parsed};
use super::time::{instant, micros};
use crate::domain::drift::{Drift, DriftKind, DriftState};
use crate::domain::event::{DriftFound, EventData, NewEvent};
use crate::domain::ids::{DriftId, OperationId, SessionId, SubscriptionId};
use crate::domain::operation::{Effect, Operation, OperationState};

/// A difference as stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DriftRecord {
    /// Its id.
    pub id: DriftId,
    /// How billing differs.
    pub kind: DriftKind,
    /// What has become of it.
    pub state: DriftState,
    /// The operation whose effect it is about.
    pub operation: OperationId,
    /// The session that the operation came from.
    pub session: SessionId,
    /// The subscription.
    pub subscription: SubscriptionId,
    /// What we believe, in words.
    pub expected: String,
    /// What billing showed, in words.
    pub found: String,
    /// Whether it can be repaired without a person.
    pub repairable: bool,
    /// The billing operation that repairs it.
    pub repair: Option<OperationId>,
    /// When it was found, or found again after it had gone.
    pub found_at: Timestamp,
    /// When it was last seen.
    pub seen_at: Timestamp,
    /// When it went, or was dismissed.
    pub closed_at: Option<Timestamp>,
}

/// Which differences to list; what is absent does not matter.
#[derive(Clone, Debug, Default)]
pub struct DriftFilter {
    /// In this state.
    pub state: Option<DriftState>,
    /// Of this kind.
    pub kind: Option<DriftKind>,
    /// On this subscription.
    pub subscription: Option<SubscriptionId>,
}

/// What the comparison of one subscription has brought.
#[derive(Clone, Debug)]
pub struct Reconciled {
    /// The subscription.
    pub subscription: SubscriptionId,
    /// The differences; none where nothing could be learnt, so that what is known stays.
    pub drifts: Option<Vec<Drift>>,
    /// The right to take note of the progress, for the comparison of all.
    pub lease: Option<Lease>,
    /// When billing was asked.
    pub now: Timestamp,
}

#[derive(Queryable, Selectable)]
#[diesel(table_name = drifts)]
struct Row {
    id: String,
    operation_id: String,
    kind: String,
    session_id: String,
    subscription: String,
    state: String,
    expected: String,
    found: String,
    repair: Option<String>,
    repair_id: Option<String>,
    found_at: i64,
    seen_at: i64,
    closed_at: Option<i64>,
}

fn state(word: &str) -> Result<DriftState, Failure> {
    parsed("drifts.state", word)
}

impl Row {
    fn read(self) -> Result<DriftRecord, Failure> {
        let repair = self.repair_id.map(|id| parsed("drifts.repair_id", &id));
        Ok(DriftRecord {
            id: parsed("drifts.id", &self.id)?,
            kind: parsed("drifts.kind", &self.kind)?,
            state: state(&self.state)?,
            operation: parsed("drifts.operation_id", &self.operation_id)?,
            session: parsed("drifts.session_id", &self.session_id)?,
            subscription: parsed("drifts.subscription", &self.subscription)?,
            expected: self.expected,
            found: self.found,
            repairable: self.repair.is_some(),
            repair: repair.transpose()?,
            found_at: instant("drifts.found_at", self.found_at)?,
            seen_at: instant("drifts.seen_at", self.seen_at)?,
            closed_at: self.closed_at.map(|at| instant("drifts.closed_at", at)).transpose()?,
        })
    }
}

/// A difference with its repair as JSON.
struct Found {
    drift: Drift,
    repair: Option<String>,
}

impl Found {
    fn new(drift: Drift) -> Result<Self, StoreError> {
        let repair = drift.repair.as_ref().map(|effect| json("drifts.repair", effect)).transpose()?;
        Ok(Self { drift, repair })
    }
}

fn row_of(connection: &mut Link, found: &Found) -> QueryResult<Option<Row>> {
    let query = dsl::drifts
        .filter(dsl::operation_id.eq(found.drift.operation.to_string()))
        .filter(dsl::kind.eq(found.drift.kind.as_str()))
        .select(Row::as_select());
    query.first(connection).optional()
}

fn insert(connection: &mut Link, found: &Found, now: Timestamp) -> QueryResult<()> {
    let drift = &found.drift;
    let insert = diesel::insert_into(dsl::drifts)
        .values((
            (dsl::id.eq(DriftId::generate(now).to_string()), dsl::kind.eq(drift.kind.as_str())),
            (
                dsl::operation_id.eq(drift.operation.to_string()),
                dsl::session_id.eq(drift.session.to_string()),
            ),
            (dsl::subscription.eq(drift.subscription.as_str()), dsl::state.eq(DriftState::Open.as_str())),
            (dsl::expected.eq(&drift.expected), dsl::found.eq(&drift.found), dsl::repair.eq(&found.repair)),
            (dsl::found_at.eq(micros(now)), dsl::seen_at.eq(micros(now))),
        ))
        .on_conflict_do_nothing();
    each!(connection, |c| insert.execute(c)).map(drop)
}

/// Whether the operation that was to repair it is through, so that a difference seen now is a new one.
fn is_through(connection: &mut Link, row: &Row) -> QueryResult<bool> {
    let Some(id) = &row.repair_id else { return Ok(true) };
    let query = ops::table.find(id).select(ops::state);
    let word: Option<String> = query.first(connection).optional()?;
    let through = [OperationState::Applied, OperationState::Rejected].map(OperationState::as_str);
    Ok(word.is_none_or(|word| through.contains(&word.as_str())))
}

/// Takes a difference down; what had gone and is there again is open again.
fn see(connection: &mut Link, found: &Found, now: Timestamp) -> Result<DriftRecord, Failure> {
    let missing = || malformed("drifts");
    let Some(row) = row_of(connection, found)? else {
        insert(connection, found, now)?;
        let new = row_of(connection, found)?.ok_or_else(missing)?.read()?;
        tell(connection, &new, now)?;
        return Ok(new);
    };
    let again = match state(&row.state)? {
        DriftState::Open | DriftState::Dismissed => false,
        DriftState::Repairing => is_through(connection, &row)?,
        DriftState::Repaired | DriftState::Resolved => true,
    };
    let target = dsl::drifts.find(&row.id);
    let seen = (
        dsl::expected.eq(&found.drift.expected),
        dsl::found.eq(&found.drift.found),
        dsl::repair.eq(&found.repair),
        dsl::seen_at.eq(micros(now)),
    );
    diesel::update(target).set(seen).execute(connection)?;
    if again {
        let open = (
            dsl::state.eq(DriftState::Open.as_str()),
            dsl::found_at.eq(micros(now)),
            dsl::closed_at.eq(None::<i64>),
            dsl::repair_id.eq(None::<String>),
        );
        diesel::update(dsl::drifts.find(&row.id)).set(open).execute(connection)?;
    }
    let known = row_of(connection, found)?.ok_or_else(missing)?.read()?;
    if again {
        tell(connection, &known, now)?;
    }
    Ok(known)
}

/// Tells the app of a difference that is new, or back.
fn tell(connection: &mut Link, drift: &DriftRecord, now: Timestamp) -> Result<(), Failure> {
    let query = sessions::table.find(drift.session.to_string());
    let (customer, livemode): (String, bool) =
        query.select((sessions::customer, sessions::livemode)).first(connection)?;
    let event = NewEvent {
        livemode,
        customer: customer.parse().ok(),
        subscription: drift.subscription.clone(),
        session: Some(drift.session),
        once: Some(format!("drift.found/{}/{}", drift.id, micros(drift.found_at))),
        data: EventData::DriftFound(DriftFound {
            drift: drift.id,
            kind: drift.kind,
            operation: drift.operation,
            expected: drift.expected.clone(),
            found: drift.found.clone(),
            repairable: drift.repairable,
        }),
    };
    let row = EventRow::new(event, now).map_err(|_| malformed("events.data"))?;
    Ok(events::insert(connection, &[&row])?)
}

/// Closes what is not to be seen any more.
fn close_others(
    connection: &mut Link,
    subscription: &SubscriptionId,
    found: &[Found],
    now: Timestamp,
) -> Result<(), Failure> {
    let closed = [DriftState::Repaired, DriftState::Resolved].map(DriftState::as_str);
    let query = dsl::drifts
        .filter(dsl::subscription.eq(subscription.as_str()))
        .filter(dsl::state.ne_all(closed))
        .select(Row::as_select());
    let rows: Vec<Row> = query.load(connection)?;
    for row in rows {
        let same = |found: &Found| {
            found.drift.operation.to_string() == row.operation_id && found.drift.kind.as_str() == row.kind
        };
        if found.iter().any(same) {
            continue;
        }
        let state = if row.repair_id.is_some() { DriftState::Repaired } else { DriftState::Resolved };
        close(connection, &row.id, state, now)?;
    }
    Ok(())
}

fn close(connection: &mut Link, id: &str, state: DriftState, now: Timestamp) -> QueryResult<()> {
    let closed = (dsl::state.eq(state.as_str()), dsl::closed_at.eq(micros(now)));
    diesel::update(dsl::drifts.find(id)).set(closed).execute(connection).map(drop)
}

/// Makes the operation that repairs a difference, once.
fn repair(connection: &mut Link, id: DriftId, now: Timestamp) -> Result<Option<Operation>, Failure> {
    let text = id.to_string();
    let row: Option<Row> = dsl::drifts.find(&text).select(Row::as_select()).first(connection).optional()?;
    let Some(row) = row else { return Ok(None) };
    let (Some(body), DriftState::Open) = (&row.repair, state(&row.state)?) else { return Ok(None) };
    let effect: Effect = serde_json::from_str(body).map_err(|error| unreadable("drifts.repair", &error))?;
    let before: OperationRow =
        ops::table.find(&row.operation_id).select(OperationRow::as_select()).first(connection)?;
    let found_at = instant("drifts.found_at", row.found_at)?;
    let repair = Operation {
        // The same for whoever repairs what was found then.
        id: OperationId::derived(found_at, &format!("{text}/{}", row.found_at)),
        effect,
        state: OperationState::Pending,
        steps: Vec::new(),
        holds: Vec::new(),
        attempts: 0,
        due_at: now,
        created_at: now,
        updated_at: now,
        problem: None,
        undoes: None,
        undone_by: None,
        ..before.read()?
    };
    let target = dsl::drifts.find(&text).filter(dsl::state.eq(DriftState::Open.as_str()));
    let taken = (dsl::state.eq(DriftState::Repairing.as_str()), dsl::repair_id.eq(repair.id.to_string()));
    if diesel::update(target).set(taken).execute(connection)? == 0 {
        return Ok(None);
    }
    let new = OperationRow::new(&repair, None).map_err(|_| malformed("operations.body"))?;
    operations::insert(connection, &[&new])?;
    Ok(Some(repair))
}

impl Store {
    /// Takes down what the comparison of a subscription has brought, and how far the comparison of all has come. The
    /// differences as they are known now; none where the lease is lost and nothing was written.
    ///
    /// # Errors
    /// When it cannot be written.
    pub async fn record_reconciled(
        &self,
        result: Reconciled,
    ) -> Result<Option<Vec<DriftRecord>>, StoreError> {
        let Reconciled { subscription, drifts, lease, now } = result;
        let prepare = |drifts: Vec<Drift>| drifts.into_iter().map(Found::new).collect::<Result<Vec<_>, _>>();
        let found = drifts.map(prepare).transpose()?;
        self.write(move |connection| {
            let count = found.as_ref().map_or(0, Vec::len);
            if let Some(lease) = &lease
                && !advance(connection, lease, subscription.as_str(), count)?
            {
                return Ok(None);
            }
            let Some(found) = &found else { return Ok(Some(Vec::new())) };
            close_others(connection, &subscription, found, now)?;
            found.iter().map(|found| see(connection, found, now)).collect::<Result<_, _>>().map(Some)
        })
        .await
    }

    /// Makes the billing operation that repairs a difference. None where it is not open, cannot be repaired without a
    /// person, or is being repaired already.
    ///
    /// # Errors
    /// When it cannot be written.
    pub async fn repair_drift(&self, id: DriftId, now: Timestamp) -> Result<Option<Operation>, StoreError> {
        self.write(move |connection| repair(connection, id, now)).await
    }

    /// Takes down that a repair is done.
    ///
    /// # Errors
    /// When it cannot be written.
    pub async fn drift_repaired(&self, id: DriftId, now: Timestamp) -> Result<(), StoreError> {
        self.write(move |connection| Ok(close(connection, &id.to_string(), DriftState::Repaired, now)?)).await
    }

    /// Dismisses a difference that is open. Says whether it was.
    ///
    /// # Errors
    /// When it cannot be written.
    pub async fn dismiss_drift(&self, id: DriftId, now: Timestamp) -> Result<bool, StoreError> {
        self.write(move |connection| {
            let target = dsl::drifts.find(id.to_string()).filter(dsl::state.eq(DriftState::Open.as_str()));
            let closed =
                (dsl::state.eq(DriftState::Dismissed.as_str()), dsl::closed_at.eq(Some(micros(now))));
            Ok(diesel::update(target).set(closed).execute(connection)? == 1)
        })
        .await
    }

    /// A difference.
    ///
    /// # Errors
    /// When the database cannot be asked.
    pub async fn drift(&self, id: DriftId) -> Result<Option<DriftRecord>, StoreError> {
        self.read(move |connection| {
            let query = dsl::drifts.find(id.to_string()).select(Row::as_select());
            query.first(connection).optional()?.map(Row::read).transpose()
        })
        .await
    }

    /// Differences, the newest first, from behind `cursor`; at most [`MAX_PAGE`].
    ///
    /// # Errors
    /// When the database cannot be asked.
    pub async fn drifts(
        &self,
        filter: DriftFilter,
        cursor: Option<DriftId>,
        limit: u32,
    ) -> Result<Vec<DriftRecord>, StoreError> {
        self.read(move |connection| {
            let mut query = dsl::drifts.select(Row::as_select()).into_boxed::<AnyBackend>();
            if let Some(state) = filter.state {
                query = query.filter(dsl::state.eq(state.as_str()));
            }
            if let Some(kind) = filter.kind {
                query = query.filter(dsl::kind.eq(kind.as_str()));
            }
            if let Some(subscription) = &filter.subscription {
                query = query.filter(dsl::subscription.eq(subscription.as_str()));
            }
            if let Some(cursor) = cursor {
                query = query.filter(dsl::id.lt(cursor.to_string()));
            }
            let page = query.order(dsl::id.desc()).limit(limit.min(MAX_PAGE).into());
            page.load(connection)?.into_iter().map(Row::read).collect()
        })
        .await
    }
}
