//! Billing operations as rows. State, due time and lease are columns and lead; the rest is read from the JSON.

use std::collections::HashSet;

use diesel::prelude::*;
use diesel::sql_types::{BigInt, Bool, Nullable, Text};
use jiff::Timestamp;

use super::Store;
use super::connection::{AnyBackend, Link, each};
use super::error::{Failure, StoreError, unreadable};
use super::page::MAX_PAGE;
use super::schema::operations::{self, dsl};
use super::statement::{many_rows, one_row};
use super::text::{json, parsed, whole};
use super::time::{instant, micros};
use crate::domain::ids::{OperationId, SessionId, SubscriptionId};
use crate::domain::operation::{Operation, OperationState};

/// The right to work on an operation, for a while.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Lease {
    /// Who holds it.
    pub owner: String,
    /// Until when.
    pub until: Timestamp,
}

/// Which operations to list; what is absent does not matter.
#[derive(Clone, Debug, Default)]
pub struct OperationFilter {
    /// In this state.
    pub state: Option<OperationState>,
    /// On this subscription.
    pub subscription: Option<SubscriptionId>,
    /// Of this session.
    pub session: Option<SessionId>,
}

#[derive(Queryable, Selectable)]
#[diesel(table_name = operations)]
pub(super) struct OperationRow {
    pub(super) id: String,
    pub(super) session_id: String,
    subscription: String,
    state: String,
    settled: bool,
    due_at: i64,
    lease_owner: Option<String>,
    lease_until: Option<i64>,
    created_at: i64,
    updated_at: i64,
    body: String,
}

impl OperationRow {
    pub(super) fn new(operation: &Operation, lease: Option<Lease>) -> Result<Self, StoreError> {
        let lease_until = lease.as_ref().map(|lease| micros(lease.until));
        Ok(Self {
            id: operation.id.to_string(),
            session_id: operation.session.to_string(),
            subscription: operation.subscription.to_string(),
            state: operation.state.as_str().to_owned(),
            settled: operation.state.is_settled(),
            due_at: micros(operation.due_at),
            lease_owner: lease.map(|lease| whole("the lease's owner", lease.owner)).transpose()?,
            lease_until,
            created_at: micros(operation.created_at),
            updated_at: micros(operation.updated_at),
            body: json("operations.body", operation)?,
        })
    }

    /// The operation, until when it is held, and whether the columns say what it says; none where the body cannot be
    /// read.
    pub(super) fn inspected(self) -> Result<Option<(Operation, Option<Timestamp>, bool)>, Failure> {
        let held_until = self.lease_until.map(|at| instant("operations.lease_until", at)).transpose()?;
        let (id, session, subscription) =
            (self.id.clone(), self.session_id.clone(), self.subscription.clone());
        let (settled, created_at) = (self.settled, self.created_at);
        let leased = self.lease_owner.is_some() == self.lease_until.is_some();
        let Ok(operation) = self.read() else { return Ok(None) };
        let columns = operation.id.to_string() == id
            && operation.session.to_string() == session
            && operation.subscription.as_str() == subscription
            && operation.state.is_settled() == settled
            && micros(operation.created_at) == created_at
            && leased;
        Ok(Some((operation, held_until, columns)))
    }

    pub(super) fn read(self) -> Result<Operation, Failure> {
        let operation: Operation =
            serde_json::from_str(&self.body).map_err(|error| unreadable("operations.body", &error))?;
        Ok(Operation {
            state: state(&self.state)?,
            due_at: instant("operations.due_at", self.due_at)?,
            updated_at: instant("operations.updated_at", self.updated_at)?,
            ..operation
        })
    }
}

fn state(word: &str) -> Result<OperationState, Failure> {
    parsed("operations.state", word)
}

// The ordinal is what orders operations on one subscription: ids made in one millisecond sort by chance, and processes
// keep different clocks. Two that are written at the same moment by two processes may share one; the id decides then.
one_row!(InsertOperation(OperationRow) =
    "INSERT INTO operations (id, session_id, subscription, state, settled, due_at, lease_owner, lease_until, \
     created_at, updated_at, body, ordinal) VALUES (" id: Text, ", " session_id: Text, ", " subscription: Text,
    ", " state: Text, ", " settled: Bool, ", " due_at: BigInt, ", " lease_owner: Nullable<Text>,
    ", " lease_until: Nullable<BigInt>, ", " created_at: BigInt, ", " updated_at: BigInt, ", " body: Text,
    ", (SELECT COALESCE(MAX(ordinal), 0) + 1 FROM operations WHERE subscription = " subscription: Text; "))");

many_rows!(pub(super) InsertOperations(OperationRow) =
    "INSERT INTO operations (id, session_id, subscription, state, settled, due_at, lease_owner, lease_until, \
     created_at, updated_at, body, ordinal) \
     SELECT id, session_id, r.subscription, state, settled, due_at, lease_owner, lease_until, created_at, updated_at, body, \
     COALESCE((SELECT MAX(o.ordinal) FROM operations AS o WHERE o.subscription = r.subscription), 0) \
     + ROW_NUMBER() OVER (PARTITION BY r.subscription ORDER BY r.place) FROM unnest("
    [id: String => Text, session_id: String => Text, subscription: String => Text, state: String => Text,
     settled: bool => Bool, due_at: i64 => BigInt, lease_owner: Option<String> => Nullable<Text>,
     lease_until: Option<i64> => Nullable<BigInt>, created_at: i64 => BigInt, updated_at: i64 => BigInt,
     body: String => Text]
    ") WITH ORDINALITY AS r (id, session_id, subscription, state, settled, due_at, lease_owner, lease_until, created_at, \
     updated_at, body, place)" returning Text);

pub(super) fn insert(connection: &mut Link, rows: &[&OperationRow]) -> QueryResult<()> {
    if let (Link::Postgres(pg), [_, _, ..]) = (&mut *connection, rows) {
        return InsertOperations::new(rows).execute(pg).map(drop);
    }
    for row in rows {
        each!(connection, |c| InsertOperation(row).execute(c))?;
    }
    Ok(())
}

/// An operation with the owner that must hold it.
pub(super) struct Held<'a> {
    state: &'a str,
    settled: bool,
    due_at: i64,
    lease_owner: Option<&'a str>,
    lease_until: Option<i64>,
    updated_at: i64,
    body: &'a str,
    pub(super) id: &'a str,
    owner: &'a str,
}

one_row!(UpdateHeld(Held<'a>) =
    "UPDATE operations SET state = " state: Text, ", settled = " settled: Bool, ", due_at = " due_at: BigInt,
    ", lease_owner = " lease_owner: Nullable<Text>, ", lease_until = " lease_until: Nullable<BigInt>,
    ", updated_at = " updated_at: BigInt, ", body = " body: Text,
    " WHERE id = " id: Text, " AND lease_owner = " owner: Text; "");

many_rows!(pub(super) UpdateAllHeld(Held<'a>) =
    "UPDATE operations AS o SET state = r.state, settled = r.settled, due_at = r.due_at, lease_owner = r.lease_owner, \
     lease_until = r.lease_until, updated_at = r.updated_at, body = r.body FROM unnest("
    [state: &'a str => Text, settled: bool => Bool, due_at: i64 => BigInt,
     lease_owner: Option<&'a str> => Nullable<Text>, lease_until: Option<i64> => Nullable<BigInt>,
     updated_at: i64 => BigInt, body: &'a str => Text, id: &'a str => Text, owner: &'a str => Text]
    ") AS r (state, settled, due_at, lease_owner, lease_until, updated_at, body, id, owner) \
     WHERE o.id = r.id AND o.lease_owner = r.owner RETURNING o.id" returning Text);

pub(super) fn held((row, owner): &(OperationRow, String)) -> Held<'_> {
    Held {
        state: &row.state,
        settled: row.settled,
        due_at: row.due_at,
        lease_owner: row.lease_owner.as_deref(),
        lease_until: row.lease_until,
        updated_at: row.updated_at,
        body: &row.body,
        id: &row.id,
        owner,
    }
}

/// Updates each operation whose owner still holds it; says of each, in their order, whether it was.
pub(super) fn update_held(
    connection: &mut Link,
    updates: &[&(OperationRow, String)],
) -> QueryResult<Vec<bool>> {
    let ids: HashSet<_> = updates.iter().map(|(row, _)| &row.id).collect();
    // Of two updates of one operation the second has to meet what the first has written.
    if let (Link::Postgres(pg), [_, _, ..], true) = (&mut *connection, updates, ids.len() == updates.len()) {
        let held: Vec<_> = updates.iter().map(|update| held(update)).collect();
        let updated: Vec<String> = UpdateAllHeld::new(&held.iter().collect::<Vec<_>>()).load(pg)?;
        let updated: HashSet<_> = updated.iter().collect();
        return Ok(updates.iter().map(|(row, _)| updated.contains(&row.id)).collect());
    }
    let one = |update: &&(OperationRow, String)| {
        let held = held(update);
        Ok(each!(&mut *connection, |c| UpdateHeld(&held).execute(c))? == 1)
    };
    updates.iter().map(one).collect()
}

impl Store {
    /// An operation.
    ///
    /// # Errors
    /// When the database cannot be asked.
    pub async fn operation(&self, id: OperationId) -> Result<Option<Operation>, StoreError> {
        self.read(move |connection| {
            let query = dsl::operations.find(id.to_string()).select(OperationRow::as_select());
            let row: Option<OperationRow> = query.first(connection).optional()?;
            row.map(OperationRow::read).transpose()
        })
        .await
    }

    /// Operations, the newest first, from behind `cursor`; at most [`MAX_PAGE`].
    ///
    /// # Errors
    /// When the database cannot be asked.
    pub async fn operations(
        &self,
        filter: OperationFilter,
        cursor: Option<OperationId>,
        limit: u32,
    ) -> Result<Vec<Operation>, StoreError> {
        self.read(move |connection| {
            let mut query = dsl::operations.select(OperationRow::as_select()).into_boxed::<AnyBackend>();
            if let Some(state) = filter.state {
                query = query.filter(dsl::state.eq(state.as_str()));
            }
            if let Some(subscription) = &filter.subscription {
                query = query.filter(dsl::subscription.eq(subscription.as_str()));
            }
            if let Some(session) = filter.session {
                query = query.filter(dsl::session_id.eq(session.to_string()));
            }
            if let Some(cursor) = cursor {
                query = query.filter(dsl::id.lt(cursor.to_string()));
            }
            let page = query.order(dsl::id.desc()).limit(limit.min(MAX_PAGE).into());
            page.load(connection)?.into_iter().map(OperationRow::read).collect()
        })
        .await
    }

    /// The due time of the unsettled operation that has waited longest at `now`.
    ///
    /// # Errors
    /// When the database cannot be asked.
    pub async fn oldest_pending(&self, now: Timestamp) -> Result<Option<Timestamp>, StoreError> {
        self.read(move |connection| {
            let due = dsl::operations
                .filter(dsl::settled.eq(false))
                .filter(dsl::due_at.le(micros(now)))
                .order(dsl::due_at)
                .select(dsl::due_at);
            let oldest: Option<i64> = due.first(connection).optional()?;
            oldest.map(|at| instant("operations.due_at", at)).transpose()
        })
        .await
    }
}
