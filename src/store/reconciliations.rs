//! How far the comparison of all subscriptions with billing has come, and who is at it.

use diesel::prelude::*;
use jiff::{SignedDuration, Timestamp};

use super::Store;
use super::connection::{Link, each};
use super::error::{Failure, StoreError};
use super::operations::{Lease, OperationRow};
use super::page::MAX_PAGE;
use super::schema::operations as ops;
use super::schema::reconciliations::dsl;
use super::text::{parsed, whole};
use super::time::micros;
use crate::domain::ids::SubscriptionId;
use crate::domain::operation::Operation;

/// The one row.
const ALL: &str = "all";

/// Takes note that a subscription is compared, if the lease still holds; says whether.
pub(super) fn advance(
    connection: &mut Link,
    lease: &Lease,
    subscription: &str,
    found: usize,
) -> QueryResult<bool> {
    let target = dsl::reconciliations.find(ALL).filter(dsl::lease_owner.eq(&lease.owner));
    let update = diesel::update(target).set((
        dsl::cursor.eq(subscription),
        dsl::compared.eq(dsl::compared + 1),
        dsl::found.eq(dsl::found + i64::try_from(found).unwrap_or(i64::MAX)),
        dsl::lease_until.eq(micros(lease.until)),
    ));
    Ok(update.execute(connection)? == 1)
}

/// Takes up the comparison that was left off, else begins one where the last is old enough.
fn claim(
    connection: &mut Link,
    lease: &Lease,
    now: Timestamp,
    every: SignedDuration,
) -> Result<Option<Option<String>>, Failure> {
    let row = diesel::insert_into(dsl::reconciliations)
        .values((dsl::name.eq(ALL), dsl::compared.eq(0), dsl::found.eq(0)))
        .on_conflict_do_nothing();
    each!(connection, |c| row.execute(c))?;
    let at = micros(now);
    macro_rules! free {
        () => {
            dsl::lease_until.is_null().or(dsl::lease_until.le(at).assume_not_null())
        };
    }
    let held = (dsl::lease_owner.eq(&lease.owner), dsl::lease_until.eq(micros(lease.until)));
    let unfinished = dsl::reconciliations
        .find(ALL)
        .filter(free!())
        .filter(dsl::started_at.is_not_null())
        .filter(dsl::finished_at.is_null());
    let resumed = diesel::update(unfinished).set(held);
    let found: Option<Option<String>> =
        each!(connection, |c| resumed.returning(dsl::cursor).get_result(c)).optional()?;
    if found.is_some() {
        return Ok(found);
    }
    let before = now.checked_sub(every).map_or(i64::MIN, micros);
    let due = dsl::reconciliations.find(ALL).filter(free!()).filter(
        dsl::started_at
            .is_null()
            .or(dsl::finished_at.is_not_null().and(dsl::started_at.le(before).assume_not_null())),
    );
    let begun = diesel::update(due).set((
        (dsl::lease_owner.eq(&lease.owner), dsl::lease_until.eq(micros(lease.until))),
        (dsl::cursor.eq(None::<String>), dsl::started_at.eq(at), dsl::finished_at.eq(None::<i64>)),
        (dsl::compared.eq(0), dsl::found.eq(0)),
    ));
    Ok((begun.execute(connection)? == 1).then_some(None))
}

impl Store {
    /// Claims the comparison of all subscriptions: one that was left off, else a new one, at the earliest `every` after
    /// the last began. Answers the last subscription compared, if any; none where it is not due or somebody is at it.
    ///
    /// # Errors
    /// When it cannot be written.
    pub async fn claim_reconciliation(
        &self,
        lease: Lease,
        now: Timestamp,
        every: SignedDuration,
    ) -> Result<Option<Option<SubscriptionId>>, StoreError> {
        let lease = Lease { owner: whole("the lease's owner", lease.owner)?, ..lease };
        self.write(move |connection| {
            let claimed = claim(connection, &lease, now, every)?;
            let read = |cursor: String| parsed("reconciliations.cursor", &cursor);
            claimed.map(|cursor| cursor.map(read).transpose()).transpose()
        })
        .await
    }

    /// Gives the comparison up: finished, or left off for whoever comes next.
    ///
    /// # Errors
    /// When it cannot be written.
    pub async fn release_reconciliation(
        &self,
        owner: &str,
        finished_at: Option<Timestamp>,
    ) -> Result<(), StoreError> {
        let owner = whole("the lease's owner", owner.to_owned())?;
        self.write(move |connection| {
            let target = dsl::reconciliations.find(ALL).filter(dsl::lease_owner.eq(&owner));
            let update = diesel::update(target).set((
                dsl::finished_at.eq(finished_at.map(micros)),
                dsl::lease_owner.eq(None::<String>),
                dsl::lease_until.eq(None::<i64>),
            ));
            update.execute(connection)?;
            Ok(())
        })
        .await
    }

    /// Subscriptions that have operations, in the order of their ids, from behind `after`; at most [`MAX_PAGE`].
    ///
    /// # Errors
    /// When the database cannot be asked.
    pub async fn operated_subscriptions(
        &self,
        after: Option<SubscriptionId>,
        limit: u32,
    ) -> Result<Vec<SubscriptionId>, StoreError> {
        self.read(move |connection| {
            let after = after.as_ref().map_or("", SubscriptionId::as_str);
            let query = ops::table
                .filter(ops::subscription.gt(after))
                .select(ops::subscription)
                .distinct()
                .order(ops::subscription)
                .limit(limit.min(MAX_PAGE).into());
            let ids: Vec<String> = query.load(connection)?;
            ids.iter().map(|id| parsed("operations.subscription", id)).collect()
        })
        .await
    }

    /// Every operation on a subscription, the oldest first; at most [`MAX_PAGE`].
    ///
    /// # Errors
    /// When the database cannot be asked.
    pub async fn operations_on(&self, subscription: &SubscriptionId) -> Result<Vec<Operation>, StoreError> {
        let subscription = subscription.to_string();
        self.read(move |connection| {
            let query = ops::table
                .filter(ops::subscription.eq(&subscription))
                .order((ops::ordinal, ops::id))
                .limit(MAX_PAGE.into())
                .select(OperationRow::as_select());
            query.load(connection)?.into_iter().map(OperationRow::read).collect()
        })
        .await
    }
}
