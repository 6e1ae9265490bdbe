//! Up to when the events of an account are known to have been taken in, and who is catching up.

use std::collections::HashSet;

use diesel::prelude::*;
use jiff::Timestamp;

use super::Store;
use super::connection::each;
use super::error::StoreError;
use super::operations::Lease;
use super::schema::{event_marks::dsl, webhook_events};
use super::text::whole;
use super::time::{instant, micros};

impl Store {
    /// Takes up the work of catching up with an account's events: up to when they are known to have been taken in.
    /// That is `now` where nobody has caught up before. None while somebody else holds the work.
    ///
    /// # Errors
    /// When it cannot be written.
    pub async fn claim_event_mark(
        &self,
        account: &'static str,
        lease: Lease,
        now: Timestamp,
    ) -> Result<Option<Timestamp>, StoreError> {
        let (owner, until) = (whole("the lease's owner", lease.owner)?, micros(lease.until));
        self.write(move |connection| {
            let now = micros(now);
            let first = diesel::insert_into(dsl::event_marks)
                .values((dsl::account.eq(account), dsl::seen_until.eq(now)))
                .on_conflict_do_nothing();
            each!(connection, |c| first.execute(c))?;
            let free = dsl::event_marks.filter(dsl::account.eq(account)).filter(
                dsl::lease_until
                    .is_null()
                    .or(dsl::lease_until.le(now).assume_not_null())
                    .or(dsl::lease_owner.eq(&owner).assume_not_null()),
            );
            let claim = diesel::update(free).set((dsl::lease_owner.eq(&owner), dsl::lease_until.eq(until)));
            let mark: Option<i64> =
                each!(connection, |c| claim.returning(dsl::seen_until).get_result(c)).optional()?;
            mark.map(|mark| instant("event_marks.seen_until", mark)).transpose()
        })
        .await
    }

    /// Moves the mark, if `owner` still holds the work; says whether. Without a lease to go on with, gives it up.
    ///
    /// # Errors
    /// When it cannot be written.
    pub async fn move_event_mark(
        &self,
        account: &'static str,
        owner: &str,
        mark: Timestamp,
        lease_until: Option<Timestamp>,
    ) -> Result<bool, StoreError> {
        let owner = whole("the lease's owner", owner.to_owned())?;
        self.write(move |connection| {
            let held = dsl::event_marks
                .filter(dsl::account.eq(account))
                .filter(dsl::lease_owner.eq(&owner).assume_not_null());
            let moved = diesel::update(held).set((
                dsl::seen_until.eq(micros(mark)),
                dsl::lease_owner.eq(lease_until.map(|_| &owner)),
                dsl::lease_until.eq(lease_until.map(micros)),
            ));
            Ok(each!(connection, |c| moved.execute(c))? == 1)
        })
        .await
    }

    /// Which of these events have been taken in.
    ///
    /// # Errors
    /// When the database cannot be asked.
    pub async fn events_seen(&self, ids: Vec<String>) -> Result<HashSet<String>, StoreError> {
        self.read(move |connection| {
            let known =
                webhook_events::table.filter(webhook_events::id.eq_any(&ids)).select(webhook_events::id);
            let known: Vec<String> = each!(connection, |c| known.load(c))?;
            Ok(known.into_iter().collect())
        })
        .await
    }
}
