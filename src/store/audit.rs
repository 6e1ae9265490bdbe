//! The audit trail: who did what, appended with the change it speaks of.

use diesel::prelude::*;
use diesel::sql_types::{BigInt, Nullable, Text};
use jiff::Timestamp;
use ulid::Ulid;

use super::Store;
use super::connection::{Link, each};
use super::error::StoreError;
use super::page::MAX_PAGE;
use super::schema::audit_lines::{self, dsl};
use super::statement::{many_rows, one_row};
use super::text::whole;
use super::time::{instant, micros};
use crate::domain::ids::SessionId;

/// A line of the audit trail, to be written. Personal data does not belong in it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AuditLine {
    /// Who: `customer`, the id of an API key, `stripe`, `system`.
    pub actor: String,
    /// What: `session.accept`, `flow.publish`.
    pub action: String,
    /// The particulars, a JSON document or words.
    pub detail: String,
}

/// A line of the audit trail, as written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AuditEntry {
    /// Its id, sortable by time.
    pub id: String,
    /// When.
    pub at: Timestamp,
    /// The session it is about, if it is about one.
    pub session: Option<String>,
    /// What it says.
    pub line: AuditLine,
}

#[derive(Queryable, Selectable)]
#[diesel(table_name = audit_lines)]
pub(super) struct AuditRow {
    id: String,
    at: i64,
    actor: String,
    action: String,
    detail: String,
    session_id: Option<String>,
}

one_row!(InsertLine(AuditRow) =
    "INSERT INTO audit_lines (id, at, actor, action, detail, session_id) VALUES (" id: Text, ", " at: BigInt,
    ", " actor: Text, ", " action: Text, ", " detail: Text, ", " session_id: Nullable<Text>; ")");

many_rows!(pub(super) InsertLines(AuditRow) =
    "INSERT INTO audit_lines (id, at, actor, action, detail, session_id) SELECT * FROM unnest("
    [id: String => Text, at: i64 => BigInt, actor: String => Text, action: String => Text, detail: String => Text,
     session_id: Option<String> => Nullable<Text>]
    ")" returning Text);

impl AuditRow {
    pub(super) fn new(
        line: AuditLine,
        session: Option<SessionId>,
        now: Timestamp,
    ) -> Result<Self, StoreError> {
        let millis = u64::try_from(now.as_millisecond()).unwrap_or(0);
        Ok(Self {
            id: Ulid::from_parts(millis, rand::random()).to_string(),
            at: micros(now),
            actor: whole("the audit line's actor", line.actor)?,
            action: whole("the audit line's action", line.action)?,
            detail: whole("the audit line's detail", line.detail)?,
            session_id: session.map(|id| id.to_string()),
        })
    }
}

pub(super) fn insert(connection: &mut Link, rows: &[&AuditRow]) -> QueryResult<()> {
    if let (Link::Postgres(pg), [_, _, ..]) = (&mut *connection, rows) {
        return InsertLines::new(rows).execute(pg).map(drop);
    }
    for row in rows {
        each!(connection, |c| InsertLine(row).execute(c))?;
    }
    Ok(())
}

impl Store {
    /// Appends a line that goes with no other write.
    ///
    /// # Errors
    /// When it cannot be written.
    pub async fn audit(&self, line: AuditLine, now: Timestamp) -> Result<(), StoreError> {
        let row = AuditRow::new(line, None, now)?;
        self.write(move |connection| Ok(insert(connection, &[&row])?)).await
    }

    /// The audit trail, the newest first, from behind the line `cursor`; at most [`MAX_PAGE`].
    ///
    /// # Errors
    /// When the database cannot be asked.
    pub async fn audit_trail(
        &self,
        cursor: Option<String>,
        limit: u32,
    ) -> Result<Vec<AuditEntry>, StoreError> {
        self.read(move |connection| {
            let mut query = dsl::audit_lines
                .order(dsl::id.desc())
                .limit(limit.min(MAX_PAGE).into())
                .select(AuditRow::as_select())
                .into_boxed();
            if let Some(cursor) = &cursor {
                query = query.filter(dsl::id.lt(cursor));
            }
            let read = |row: AuditRow| {
                Ok(AuditEntry {
                    id: row.id,
                    at: instant("audit_lines.at", row.at)?,
                    session: row.session_id,
                    line: AuditLine { actor: row.actor, action: row.action, detail: row.detail },
                })
            };
            query.load(connection)?.into_iter().map(read).collect()
        })
        .await
    }
}
