//! Snapshots: the last known state of each subscription in Stripe.

use diesel::prelude::*;
use diesel::sql_types::{BigInt, Text};
use jiff::Timestamp;

use super::Store;
use super::connection::{Link, each};
use super::error::{Failure, StoreError, unreadable};
use super::schema::snapshots::dsl;
use super::statement::{many_rows, one_row};
use super::text::json;
use super::time::{instant, micros};
use crate::domain::ids::SubscriptionId;
use crate::domain::subscription::Subscription;

pub(super) struct SnapshotRow {
    subscription: String,
    stripe_customer: String,
    body: String,
    fetched_at: i64,
}

impl SnapshotRow {
    pub(super) fn new(snapshot: &Subscription, fetched_at: Timestamp) -> Result<Self, StoreError> {
        Ok(Self {
            subscription: snapshot.id.to_string(),
            stripe_customer: snapshot.customer.to_string(),
            body: json("snapshots.body", snapshot)?,
            fetched_at: micros(fetched_at),
        })
    }
}

one_row!(PutSnapshot(SnapshotRow) =
    "INSERT INTO snapshots (subscription, stripe_customer, body, fetched_at) VALUES (" subscription: Text,
    ", " stripe_customer: Text, ", " body: Text, ", " fetched_at: BigInt;
    ") ON CONFLICT (subscription) DO UPDATE SET stripe_customer = excluded.stripe_customer, body = excluded.body, \
     fetched_at = excluded.fetched_at WHERE snapshots.fetched_at <= excluded.fetched_at");

many_rows!(pub(super) PutSnapshots(SnapshotRow) =
    "INSERT INTO snapshots (subscription, stripe_customer, body, fetched_at) SELECT * FROM unnest("
    [subscription: String => Text, stripe_customer: String => Text, body: String => Text, fetched_at: i64 => BigInt]
    ") ON CONFLICT (subscription) DO UPDATE SET stripe_customer = excluded.stripe_customer, body = excluded.body, \
     fetched_at = excluded.fetched_at WHERE snapshots.fetched_at <= excluded.fetched_at" returning Text);

/// In one order, so that writers do not wait for each other in a circle; of several of one subscription the newest,
/// and of the newest the last, since PostgreSQL takes no row twice.
pub(super) fn newest(mut rows: Vec<&SnapshotRow>) -> Vec<&SnapshotRow> {
    rows.reverse();
    rows.sort_by(|a, b| (&a.subscription, b.fetched_at).cmp(&(&b.subscription, a.fetched_at)));
    rows.dedup_by(|later, first| later.subscription == first.subscription);
    rows
}

/// Stores snapshots, of each subscription unless a newer one is stored; says how many.
pub(super) fn put(connection: &mut Link, rows: Vec<&SnapshotRow>) -> QueryResult<usize> {
    let rows = newest(rows);
    if let (Link::Postgres(pg), [_, _, ..]) = (&mut *connection, &*rows) {
        return PutSnapshots::new(&rows).execute(pg);
    }
    rows.into_iter().map(|row| each!(&mut *connection, |c| PutSnapshot(row).execute(c))).sum()
}

/// A snapshot's body, and when it was fetched.
pub(super) type FoundSnapshot = (String, i64);

pub(super) fn find_row(
    connection: &mut Link,
    subscription: &SubscriptionId,
) -> QueryResult<Option<FoundSnapshot>> {
    let query = dsl::snapshots.find(subscription.as_str()).select((dsl::body, dsl::fetched_at));
    query.first(connection).optional()
}

pub(super) fn read((body, fetched_at): FoundSnapshot) -> Result<(Subscription, Timestamp), Failure> {
    let snapshot = serde_json::from_str(&body).map_err(|error| unreadable("snapshots.body", &error))?;
    Ok((snapshot, instant("snapshots.fetched_at", fetched_at)?))
}

impl Store {
    /// The snapshot of a subscription, and when it was fetched.
    ///
    /// # Errors
    /// When the database cannot be asked.
    pub async fn snapshot(
        &self,
        subscription: &SubscriptionId,
    ) -> Result<Option<(Subscription, Timestamp)>, StoreError> {
        let subscription = subscription.clone();
        self.read(move |connection| find_row(connection, &subscription)?.map(read).transpose()).await
    }

    /// Stores a snapshot unless a newer one is stored; says whether it did.
    ///
    /// # Errors
    /// When it cannot be written.
    pub async fn put_snapshot(
        &self,
        snapshot: &Subscription,
        fetched_at: Timestamp,
    ) -> Result<bool, StoreError> {
        let row = SnapshotRow::new(snapshot, fetched_at)?;
        self.write(move |connection| Ok(put(connection, vec![&row])? == 1)).await
    }
}
