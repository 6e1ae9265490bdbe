//! Claiming operations: each is worked on by one process at a time, those of one subscription in their order.

use diesel::dsl::{exists, not};
use diesel::prelude::*;
use jiff::Timestamp;

use super::Store;
use super::connection::{Link, each};
use super::error::{Failure, StoreError};
use super::operations::{Lease, OperationRow};
use super::page::MAX_PAGE;
use super::schema::operations::{self, dsl};
use super::text::whole;
use super::time::micros;
use crate::domain::ids::{OperationId, SubscriptionId};
use crate::domain::operation::{Operation, OperationState};

diesel::alias!(operations as earlier: Earlier);

/// Due, its lease free or run out, and behind no earlier operation of its subscription that is due or under way.
///
/// A macro since each database has its own type of query, and both the choice and the update must say all of it:
/// PostgreSQL updates what was chosen before somebody else changed it.
macro_rules! claimable {
    ($now:expr) => {{
        let ahead = earlier
            .filter(earlier.field(dsl::subscription).eq(dsl::subscription))
            .filter(earlier.field(dsl::settled).eq(false))
            .filter(
                earlier
                    .field(dsl::ordinal)
                    .lt(dsl::ordinal)
                    .or(earlier.field(dsl::ordinal).eq(dsl::ordinal).and(earlier.field(dsl::id).lt(dsl::id))),
            )
            .filter(
                earlier
                    .field(dsl::due_at)
                    .le($now)
                    .or(earlier.field(dsl::state).eq(OperationState::Applying.as_str())),
            );
        dsl::settled
            .eq(false)
            .and(dsl::due_at.le($now))
            .and(dsl::lease_until.is_null().or(dsl::lease_until.le($now).assume_not_null()))
            .and(not(exists(ahead)))
    }};
}

/// What a claim sets.
#[derive(AsChangeset)]
#[diesel(table_name = operations)]
struct Claim {
    state: &'static str,
    lease_owner: String,
    lease_until: i64,
    updated_at: i64,
}

impl Claim {
    fn new(lease: &Lease, now: Timestamp) -> Self {
        Self {
            state: OperationState::Applying.as_str(),
            lease_owner: lease.owner.clone(),
            lease_until: micros(lease.until),
            updated_at: micros(now),
        }
    }
}

fn due(connection: &mut Link, now: i64, limit: i64) -> QueryResult<Vec<String>> {
    let query =
        dsl::operations.filter(claimable!(now)).order((dsl::due_at, dsl::id)).limit(limit).select(dsl::id);
    match connection {
        Link::Postgres(pg) => query.for_update().skip_locked().load(pg),
        Link::Sqlite(sqlite) => query.load(sqlite),
    }
}

fn claim(
    connection: &mut Link,
    id: &str,
    lease: &Lease,
    now: Timestamp,
) -> Result<Option<Operation>, Failure> {
    let at = micros(now);
    let target = dsl::operations.filter(dsl::id.eq(id)).filter(claimable!(at));
    let update = diesel::update(target).set(Claim::new(lease, now));
    let row: Option<OperationRow> =
        each!(connection, |c| update.returning(OperationRow::as_returning()).get_result(c)).optional()?;
    row.map(OperationRow::read).transpose()
}

impl Store {
    /// Claims operations that are due, the longest due first, at most `limit` and [`MAX_PAGE`]. They are `applying`
    /// from now on.
    ///
    /// # Errors
    /// When it cannot be written.
    pub async fn claim_operations(
        &self,
        owner: &str,
        now: Timestamp,
        lease_until: Timestamp,
        limit: u32,
    ) -> Result<Vec<Operation>, StoreError> {
        let owner = whole("the lease's owner", owner.to_owned())?;
        let lease = Lease { owner, until: lease_until };
        self.write(move |connection| {
            let ids = due(connection, micros(now), limit.min(MAX_PAGE).into())?;
            let claimed = ids.iter().map(|id| claim(connection, id, &lease, now));
            Ok(claimed.collect::<Result<Vec<_>, _>>()?.into_iter().flatten().collect())
        })
        .await
    }

    /// Claims this operation, if it is its turn and nobody holds it.
    ///
    /// # Errors
    /// When it cannot be written.
    pub async fn claim_operation(
        &self,
        id: OperationId,
        owner: &str,
        now: Timestamp,
        lease_until: Timestamp,
    ) -> Result<Option<Operation>, StoreError> {
        let owner = whole("the lease's owner", owner.to_owned())?;
        let lease = Lease { owner, until: lease_until };
        self.write(move |connection| claim(connection, &id.to_string(), &lease, now)).await
    }

    /// The operations on a subscription that are not settled, in their order; at most [`MAX_PAGE`].
    ///
    /// # Errors
    /// When the database cannot be asked.
    pub async fn unsettled_on(&self, subscription: &SubscriptionId) -> Result<Vec<Operation>, StoreError> {
        let subscription = subscription.to_string();
        self.read(move |connection| {
            let query = dsl::operations
                .filter(dsl::subscription.eq(&subscription))
                .filter(dsl::settled.eq(false))
                .order((dsl::ordinal, dsl::id))
                .limit(MAX_PAGE.into())
                .select(OperationRow::as_select());
            query.load(connection)?.into_iter().map(OperationRow::read).collect()
        })
        .await
    }

    /// Makes an operation due now that waits for a later time, and that nobody is working on. Says whether it did.
    ///
    /// # Errors
    /// When it cannot be written.
    pub async fn hasten_operation(&self, id: OperationId, now: Timestamp) -> Result<bool, StoreError> {
        let now = micros(now);
        self.write(move |connection| {
            let waiting = dsl::operations
                .filter(dsl::id.eq(id.to_string()))
                .filter(dsl::settled.eq(false))
                .filter(dsl::due_at.gt(now))
                .filter(dsl::lease_until.is_null().or(dsl::lease_until.le(now).assume_not_null()));
            let update = diesel::update(waiting).set((dsl::due_at.eq(now), dsl::updated_at.eq(now)));
            Ok(each!(connection, |c| update.execute(c))? == 1)
        })
        .await
    }

    /// Makes an operation that needs attention pending and due again; none where there is no such operation or it
    /// does not need attention.
    ///
    /// # Errors
    /// When it cannot be written.
    pub async fn retry_operation(
        &self,
        id: OperationId,
        now: Timestamp,
    ) -> Result<Option<Operation>, StoreError> {
        self.write(move |connection| {
            let target = dsl::operations
                .filter(dsl::id.eq(id.to_string()))
                .filter(dsl::state.eq(OperationState::NeedsAttention.as_str()));
            let update = diesel::update(target).set((
                dsl::state.eq(OperationState::Pending.as_str()),
                dsl::settled.eq(false),
                dsl::due_at.eq(micros(now)),
                dsl::lease_owner.eq(None::<String>),
                dsl::lease_until.eq(None::<i64>),
                dsl::updated_at.eq(micros(now)),
            ));
            let row: Option<OperationRow> =
                each!(connection, |c| update.returning(OperationRow::as_returning()).get_result(c))
                    .optional()?;
            row.map(OperationRow::read).transpose()
        })
        .await
    }
}
