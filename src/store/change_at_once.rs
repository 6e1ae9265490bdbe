//! Changes as one statement: guards and rows in a single trip to PostgreSQL, however many the changes are.

use std::collections::HashSet;

use diesel::pg::{Pg, PgConnection};
use diesel::prelude::*;
use diesel::query_builder::{AstPass, QueryFragment};
use diesel::sql_types::BigInt;

use super::audit::InsertLines;
use super::change::Prepared;
use super::decisions::InsertDecisions;
use super::events::InsertEvents;
use super::exposures::InsertExposures;
use super::offers::PutOffers;
use super::operations::{Held, InsertOperations, UpdateAllHeld, held};
use super::saved_answers::{InsertAnswers, OverwriteAnswers};
use super::session_rows::UpdateSessions;
use super::snapshots::{self, PutSnapshots};
use super::statement::answers;

/// Writes the rows of changes that are nothing but these ([`Prepared::is_plain`]). Says whether every guard of theirs
/// held; where one did not, what else was written stands, so the transaction must be given up. None holds where two of
/// the changes are about one session or one operation: the second must meet what the first has written.
pub(super) fn write(pg: &mut PgConnection, changes: &[&Prepared]) -> QueryResult<bool> {
    let sessions = changes.iter().filter_map(|change| change.session.as_ref());
    let updates: Vec<_> = changes.iter().filter_map(|change| change.operation.as_ref()).map(held).collect();
    if !differ(sessions.map(|row| row.id.as_str())) || !differ(updates.iter().map(|row| row.id)) {
        return Ok(false);
    }
    let statement = AtOnce::new(changes, &updates);
    let expected = statement.expected;
    Ok(statement.get_result::<i64>(pg)? == expected)
}

fn differ<'a>(mut ids: impl Iterator<Item = &'a str>) -> bool {
    let mut seen = HashSet::new();
    ids.all(|id| seen.insert(id))
}

type Part<'a> = Box<dyn QueryFragment<Pg> + 'a>;

/// Statements as parts of one, which answers how many rows the guards among them have let through.
struct AtOnce<'a> {
    guards: Vec<Part<'a>>,
    rows: Vec<Part<'a>>,
    expected: i64,
}

impl<'a> AtOnce<'a> {
    fn new(changes: &[&'a Prepared], updates: &'a [Held<'a>]) -> Self {
        let changes = || changes.iter().copied();
        let mut this = Self { guards: Vec::new(), rows: Vec::new(), expected: 0 };
        let answers: Vec<_> = changes().filter_map(|change| change.saved.as_ref()).collect();
        this.guard(&answers, |rows| Box::new(InsertAnswers::new(rows)));

        let sessions: Vec<_> = changes().filter_map(|change| change.session.as_ref()).collect();
        this.guard(&sessions, |rows| Box::new(UpdateSessions::new(rows)));

        this.guard(&updates.iter().collect::<Vec<_>>(), |rows| Box::new(UpdateAllHeld::new(rows)));

        let rows: Vec<_> = changes().flat_map(|change| &change.new_operations).collect();
        this.rows(&rows, |rows| Box::new(InsertOperations::new(rows)));
        let rows = snapshots::newest(changes().filter_map(|change| change.snapshot.as_ref()).collect());
        this.rows(&rows, |rows| Box::new(PutSnapshots::new(rows)));
        let rows: Vec<_> = changes().flat_map(|change| &change.offers).collect();
        this.rows(&rows, |rows| Box::new(PutOffers::new(rows)));
        let rows: Vec<_> = changes().filter_map(|change| change.update_saved.as_ref()).collect();
        this.rows(&rows, |rows| Box::new(OverwriteAnswers::new(rows)));
        let rows: Vec<_> = changes().filter_map(|change| change.decision.as_ref()).collect();
        this.rows(&rows, |rows| Box::new(InsertDecisions::new(rows)));
        let rows: Vec<_> = changes().flat_map(|change| &change.exposures).collect();
        this.rows(&rows, |rows| Box::new(InsertExposures::new(rows)));
        let rows: Vec<_> = changes().filter_map(|change| change.audit.as_ref()).collect();
        this.rows(&rows, |rows| Box::new(InsertLines::new(rows)));
        let rows: Vec<_> = changes().flat_map(|change| &change.events).collect();
        this.rows(&rows, |rows| Box::new(InsertEvents::new(rows)));
        this
    }

    fn guard<R>(&mut self, rows: &[R], part: impl FnOnce(&[R]) -> Part<'a>) {
        if !rows.is_empty() {
            self.guards.push(part(rows));
            self.expected = self.expected.saturating_add(i64::try_from(rows.len()).unwrap_or(i64::MAX));
        }
    }

    fn rows<R>(&mut self, rows: &[R], part: impl FnOnce(&[R]) -> Part<'a>) {
        if !rows.is_empty() {
            self.rows.push(part(rows));
        }
    }
}

// Its words follow which parts there are.
answers!(AtOnce<'_>, AtOnce<'static> => BigInt, always_the_same: false);
impl QueryFragment<Pg> for AtOnce<'_> {
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, Pg>) -> QueryResult<()> {
        let mut before = "WITH ";
        for (number, part) in self.guards.iter().chain(&self.rows).enumerate() {
            out.push_sql(&format!("{before}part_{number} AS ("));
            part.walk_ast(out.reborrow())?;
            out.push_sql(")");
            before = ", ";
        }
        out.push_sql(" SELECT CAST(0 AS BIGINT)");
        for number in 0..self.guards.len() {
            out.push_sql(&format!(" + (SELECT COUNT(*) FROM part_{number})"));
        }
        Ok(())
    }
}
