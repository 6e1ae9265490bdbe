//! Webhook events that have been handled, so that none is handled twice.

use diesel::prelude::*;
use jiff::Timestamp;

use super::Store;
use super::connection::{Link, each};
use super::error::StoreError;
use super::schema::webhook_events::dsl;
use super::time::micros;

/// Takes note of an event; says whether it is new.
pub(super) fn insert(connection: &mut Link, id: &str, at: Timestamp) -> QueryResult<bool> {
    let insert = diesel::insert_into(dsl::webhook_events)
        .values((dsl::id.eq(id), dsl::received_at.eq(micros(at))))
        .on_conflict_do_nothing();
    Ok(each!(connection, |c| insert.execute(c))? == 1)
}

impl Store {
    /// Forgets events received before `before`; how many.
    ///
    /// # Errors
    /// When it cannot be written.
    pub async fn purge_webhook_events(&self, before: Timestamp) -> Result<usize, StoreError> {
        let before = micros(before);
        self.write(move |connection| {
            let old = dsl::webhook_events.filter(dsl::received_at.lt(before));
            Ok(diesel::delete(old).execute(connection)?)
        })
        .await
    }
}
