//! What refers to something else: whether that is there.

use std::collections::HashSet;

use diesel::prelude::*;
use serde_json::Value;

use super::{Inspection, PAGE, readable};
use crate::domain::drift::DriftState;
use crate::domain::event::EventData;
use crate::domain::verify::{Invariant, Violation};
use crate::store::connection::Link;
use crate::store::error::{Failure, StoreError};
use crate::store::schema::{audit_lines, drifts, events, idempotency_keys, operations, sessions};

impl Inspection {
    /// Saved answers, audit lines, events and differences that refer to what is not there.
    ///
    /// # Errors
    /// When the database cannot be asked.
    pub fn references(&mut self) -> Result<Vec<Violation>, StoreError> {
        let mut found = Vec::new();
        self.saved_answers(&mut found)?;
        self.audit_trail(&mut found)?;
        self.events(&mut found)?;
        self.drifts(&mut found)?;
        Ok(found)
    }

    /// Keys are the callers' own texts and may tell of a person, so that the answer is named by what it speaks of.
    fn saved_answers(&mut self, found: &mut Vec<Violation>) -> Result<(), Failure> {
        use idempotency_keys::dsl;
        let mut after = (String::new(), String::new());
        loop {
            let behind = dsl::caller.gt(&after.0).or(dsl::caller.eq(&after.0).and(dsl::key.gt(&after.1)));
            let query = dsl::idempotency_keys.filter(behind).order((dsl::caller, dsl::key)).limit(PAGE);
            let rows: Vec<(String, String, String)> =
                query.select((dsl::caller, dsl::key, dsl::body)).load(&mut self.connection)?;
            let Some((caller, key, _)) = rows.last() else { return Ok(()) };
            after = (caller.clone(), key.clone());
            let mut speaks = Vec::new();
            for (caller, _, body) in &rows {
                let Some(body) = readable::<Value>(body, "idempotency_keys.body", caller, found) else {
                    continue;
                };
                speaks.extend(body.get("id").and_then(Value::as_str).map(str::to_owned));
            }
            self.missing(speaks, "idempotency_keys.body", found)?;
        }
    }

    fn audit_trail(&mut self, found: &mut Vec<Violation>) -> Result<(), Failure> {
        use audit_lines::dsl;
        let mut after = String::new();
        loop {
            let query = dsl::audit_lines.filter(dsl::id.gt(&after)).order(dsl::id).limit(PAGE);
            let rows: Vec<(String, Option<String>)> =
                query.select((dsl::id, dsl::session_id)).load(&mut self.connection)?;
            let Some((last, _)) = rows.last() else { return Ok(()) };
            after.clone_from(last);
            let speaks = rows.into_iter().filter_map(|(_, session)| session).collect();
            self.missing(speaks, "audit_lines.session_id", found)?;
        }
    }

    fn events(&mut self, found: &mut Vec<Violation>) -> Result<(), Failure> {
        use events::dsl;
        let mut after = String::new();
        loop {
            let query = dsl::events.filter(dsl::id.gt(&after)).order(dsl::id).limit(PAGE);
            let rows: Vec<(String, String, Option<String>, String)> = query
                .select((dsl::id, dsl::event_type, dsl::session_id, dsl::data))
                .load(&mut self.connection)?;
            let Some((last, ..)) = rows.last() else { return Ok(()) };
            after.clone_from(last);
            for (id, word, _, data) in &rows {
                let read = readable::<EventData>(data, "events.data", id, found);
                if read.is_some_and(|data| data.event_type().as_str() != word) {
                    found.push(Violation::new(Invariant::Columns, "events", id));
                }
            }
            let speaks = rows.into_iter().filter_map(|(_, _, session, _)| session).collect();
            self.missing(speaks, "events.session_id", found)?;
        }
    }

    fn drifts(&mut self, found: &mut Vec<Violation>) -> Result<(), Failure> {
        use drifts::dsl;
        let closed = [DriftState::Repaired, DriftState::Resolved].map(DriftState::as_str);
        let mut after = String::new();
        loop {
            let query = dsl::drifts.filter(dsl::id.gt(&after)).order(dsl::id).limit(PAGE);
            let rows: Vec<(String, String, Option<String>, Option<i64>)> = query
                .select((dsl::id, dsl::state, dsl::repair_id, dsl::closed_at))
                .load(&mut self.connection)?;
            let Some((last, ..)) = rows.last() else { return Ok(()) };
            after.clone_from(last);
            for (id, state, repair, closed_at) in &rows {
                let repairing = state == DriftState::Repairing.as_str();
                if (repairing && repair.is_none())
                    || (closed.contains(&state.as_str()) && closed_at.is_none())
                {
                    found.push(Violation::new(Invariant::Columns, "drifts", id));
                }
            }
            let speaks = rows.into_iter().filter_map(|(_, _, repair, _)| repair).collect();
            self.missing(speaks, "drifts.repair_id", found)?;
        }
    }

    /// Those of our ids, of sessions and operations, that are not there.
    fn missing(
        &mut self,
        ids: Vec<String>,
        what: &'static str,
        found: &mut Vec<Violation>,
    ) -> Result<(), Failure> {
        let (sessions, others): (Vec<_>, Vec<_>) = ids.into_iter().partition(|id| id.starts_with("ses_"));
        let operations: Vec<_> = others.into_iter().filter(|id| id.starts_with("bop_")).collect();
        let there = known(&mut self.connection, &sessions, &operations)?;
        let mut missing: Vec<_> =
            sessions.into_iter().chain(operations).filter(|id| !there.contains(id)).collect();
        missing.sort();
        missing.dedup();
        found.extend(missing.into_iter().map(|id| Violation::new(Invariant::Refers, what, id)));
        Ok(())
    }
}

fn known(
    connection: &mut Link,
    of_sessions: &[String],
    of_operations: &[String],
) -> QueryResult<HashSet<String>> {
    let query = sessions::table.filter(sessions::id.eq_any(of_sessions)).select(sessions::id);
    let mut known: HashSet<String> = query.load(connection)?.into_iter().collect();
    let query = operations::table.filter(operations::id.eq_any(of_operations)).select(operations::id);
    known.extend(query.load::<String>(connection)?);
    Ok(known)
}
