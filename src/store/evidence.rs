//! Evidence whose time may be over.

use diesel::prelude::*;
use jiff::Timestamp;

use super::Store;
use super::error::StoreError;
use super::page::MAX_PAGE;
use super::schema::sessions::dsl;
use super::sessions::{Stored, read};
use super::snapshots;
use super::time::micros;
use crate::domain::ids::SessionId;
use crate::domain::session::Status;
use crate::domain::subscription::Subscription;

/// A session with the subscription as billing showed it last, and when.
type WithSubscription = (Stored, Option<(Subscription, Timestamp)>);

impl Store {
    /// Sessions with an outcome whose evidence is to be looked at by `now`, the longest due first, at most `limit`.
    ///
    /// # Errors
    /// When the database cannot be asked.
    pub async fn evidence_due(
        &self,
        now: Timestamp,
        limit: u32,
    ) -> Result<Vec<WithSubscription>, StoreError> {
        self.read(move |connection| {
            let query = dsl::sessions
                .filter(dsl::evidence_until.le(micros(now)))
                .filter(dsl::status.ne(Status::InProgress.as_str()))
                .order(dsl::evidence_until)
                .limit(limit.min(MAX_PAGE).into())
                .select((dsl::body, dsl::version));
            let rows: Vec<(String, i64)> = query.load(connection)?;
            let sessions = rows.into_iter().map(|row| {
                let stored = read(row)?;
                let seen = snapshots::find_row(connection, &stored.session.subscription)?;
                Ok((stored, seen.map(snapshots::read).transpose()?))
            });
            sessions.collect()
        })
        .await
    }

    /// Looks at the evidence of these sessions again at another time, or never; a session that has another version by
    /// now has its own time.
    ///
    /// # Errors
    /// When it cannot be written.
    pub async fn put_off_evidence(
        &self,
        sessions: Vec<(SessionId, i64, Option<Timestamp>)>,
    ) -> Result<(), StoreError> {
        self.write(move |connection| {
            for (id, version, until) in &sessions {
                let target = dsl::sessions.find(id.to_string()).filter(dsl::version.eq(version));
                let set = dsl::evidence_until.eq(until.map(micros));
                diesel::update(target).set(set).execute(connection)?;
            }
            Ok(())
        })
        .await
    }
}
