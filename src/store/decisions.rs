//! Decisions: what a session was offered, and why, as JSON.

use std::collections::HashMap;

use diesel::prelude::*;
use diesel::sql_types::{BigInt, Integer, Text};
use jiff::Timestamp;

use super::Store;
use super::connection::{Link, each};
use super::error::{Failure, StoreError};
use super::schema::session_decisions::{self, dsl};
use super::statement::{many_rows, one_row};
use super::text::{parsed, whole};
use super::time::{instant, micros};
use crate::domain::ids::SessionId;

/// One decision of a session.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DecisionRecord {
    /// Its number in the session, from 0.
    pub ordinal: i32,
    /// When it was made.
    pub at: Timestamp,
    /// The decision with its trace, a JSON document.
    pub body: String,
}

#[derive(Queryable, Selectable)]
#[diesel(table_name = session_decisions)]
pub(super) struct DecisionRow {
    session_id: String,
    ordinal: i32,
    at: i64,
    body: String,
}

impl DecisionRow {
    pub(super) fn new(session: SessionId, decision: DecisionRecord) -> Result<Self, StoreError> {
        Ok(Self {
            session_id: session.to_string(),
            ordinal: decision.ordinal,
            at: micros(decision.at),
            body: whole("the decision", decision.body)?,
        })
    }

    fn read(self) -> Result<DecisionRecord, Failure> {
        let at = instant("session_decisions.at", self.at)?;
        Ok(DecisionRecord { ordinal: self.ordinal, at, body: self.body })
    }
}

one_row!(InsertDecision(DecisionRow) =
    "INSERT INTO session_decisions (session_id, ordinal, at, body) VALUES (" session_id: Text, ", " ordinal: Integer,
    ", " at: BigInt, ", " body: Text; ")");

many_rows!(pub(super) InsertDecisions(DecisionRow) =
    "INSERT INTO session_decisions (session_id, ordinal, at, body) SELECT * FROM unnest("
    [session_id: String => Text, ordinal: i32 => Integer, at: i64 => BigInt, body: String => Text]
    ")" returning Text);

one_row!(pub(super) DecisionValues(DecisionRow) =
    "(" session_id: Text, ", " ordinal: Integer, ", " at: BigInt, ", " body: Text; ")");

many_rows!(pub(super) DecisionsOfBegun(DecisionRow) =
    "INSERT INTO session_decisions (session_id, ordinal, at, body) SELECT r.* FROM unnest("
    [session_id: String => Text, ordinal: i32 => Integer, at: i64 => BigInt, body: String => Text]
    ") AS r (session_id, ordinal, at, body) WHERE r.session_id IN (SELECT id FROM begun)" returning Text);

pub(super) fn insert(connection: &mut Link, rows: &[&DecisionRow]) -> QueryResult<()> {
    if let (Link::Postgres(pg), [_, _, ..]) = (&mut *connection, rows) {
        return InsertDecisions::new(rows).execute(pg).map(drop);
    }
    for row in rows {
        each!(connection, |c| InsertDecision(row).execute(c))?;
    }
    Ok(())
}

/// The last decision of each of these sessions; erased ones have none.
pub(super) fn last_of(
    connection: &mut Link,
    sessions: impl Iterator<Item = SessionId>,
) -> Result<HashMap<SessionId, DecisionRecord>, Failure> {
    let ids: Vec<String> = sessions.map(|id| id.to_string()).collect();
    let rows: Vec<DecisionRow> = dsl::session_decisions
        .filter(dsl::session_id.eq_any(ids))
        .order((dsl::session_id, dsl::ordinal))
        .select(DecisionRow::as_select())
        .load(connection)?;
    let mut last = HashMap::new();
    for row in rows {
        let id = parsed("session_decisions.session_id", &row.session_id)?;
        last.insert(id, row.read()?);
    }
    Ok(last)
}

impl Store {
    /// The decisions of a session, in order.
    ///
    /// # Errors
    /// When the database cannot be asked.
    pub async fn decisions(&self, session: SessionId) -> Result<Vec<DecisionRecord>, StoreError> {
        self.read(move |connection| {
            let rows: Vec<DecisionRow> = dsl::session_decisions
                .filter(dsl::session_id.eq(session.to_string()))
                .order(dsl::ordinal)
                .select(DecisionRow::as_select())
                .load(connection)?;
            rows.into_iter().map(DecisionRow::read).collect()
        })
        .await
    }
}
