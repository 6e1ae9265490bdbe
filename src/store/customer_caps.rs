//! Caps on what one customer accepts, counted where the accepted offers are: exact to the second, and free again by
//! itself when an acceptance comes to nothing.

use std::collections::BTreeSet;

use diesel::dsl::count_star;
use diesel::prelude::*;
use diesel::sql_query;
use diesel::sql_types::Text;
use jiff::Timestamp;

use super::connection::{AnyBackend, Link};
use super::schema::{session_offers, sessions};
use super::time::micros;
use crate::domain::ids::CustomerId;
use crate::domain::offer::{OfferState, OfferType};

/// A cap that a customer must be below to accept one more offer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CustomerCap {
    /// The customer.
    pub customer: CustomerId,
    /// Offers of these types count; of all where none is named.
    pub offer_types: Vec<OfferType>,
    /// Those accepted after this instant count; all where it is none.
    pub since: Option<Timestamp>,
    /// The most that may have been accepted, the new one included.
    pub max: u32,
}

/// Whether each customer is below the caps, and stays so until this transaction ends: nobody else accepts for the same
/// customer meanwhile.
pub(super) fn hold(connection: &mut Link, caps: &[&CustomerCap]) -> QueryResult<bool> {
    let customers: BTreeSet<_> = caps.iter().map(|cap| cap.customer.as_str()).collect();
    // SQLite has one writer.
    if let Link::Postgres(pg) = &mut *connection {
        for customer in customers {
            sql_query("SELECT 1 FROM (SELECT pg_advisory_xact_lock(hashtextextended($1, 0))) AS turn")
                .bind::<Text, _>(format!("customer/{customer}"))
                .execute(pg)?;
        }
    }
    for cap in caps {
        if accepted(connection, cap)? >= i64::from(cap.max) {
            return Ok(false);
        }
    }
    Ok(true)
}

fn accepted(connection: &mut Link, cap: &CustomerCap) -> QueryResult<i64> {
    let mut offers = session_offers::table
        .inner_join(sessions::table)
        .filter(sessions::customer.eq(cap.customer.as_str()))
        .filter(session_offers::state.eq(OfferState::Accepted.as_str()))
        .select(count_star())
        .into_boxed::<AnyBackend>();
    if let Some(since) = cap.since {
        offers = offers.filter(session_offers::decided_at.gt(micros(since)));
    }
    if !cap.offer_types.is_empty() {
        let words: Vec<_> = cap.offer_types.iter().map(|offer_type| offer_type.as_str()).collect();
        offers = offers.filter(session_offers::offer_type.eq_any(words));
    }
    offers.first(connection)
}
