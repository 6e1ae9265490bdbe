//! Caps on what one customer accepts, counted where the accepted offers are: exact to the second, and free again by
//! itself when an acceptance comes to nothing.

use std::collections::BTreeSet;

use diesel::dsl::count_star;
use diesel::pg::PgConnection;
use diesel::prelude::*;
use diesel::sql_types::{BigInt, Nullable, Text};
use diesel::sqlite::SqliteConnection;
use jiff::Timestamp;

use super::connection::Link;
use super::schema::{session_offers, sessions};
use super::statement::many_rows;
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
    match connection {
        Link::Postgres(pg) => {
            take_turns(pg, caps)?;
            all_below(pg, caps)
        }
        // It has one writer.
        Link::Sqlite(sqlite) => {
            for cap in caps {
                if accepted(sqlite, cap)? >= i64::from(cap.max) {
                    return Ok(false);
                }
            }
            Ok(true)
        }
    }
}

/// Something that is locked by its name.
struct Turn {
    name: String,
}

many_rows!(TakeTurns(Turn) =
    "SELECT COUNT(pg_advisory_xact_lock(hashtextextended(r.name, 0))) FROM unnest("
    [name: String => Text]
    ") AS r (name)" returning BigInt);

/// Holds the customers, in one order, so that writers do not wait for each other in a ring. A statement of its own: what
/// it has waited for is seen by the next one only.
fn take_turns(pg: &mut PgConnection, caps: &[&CustomerCap]) -> QueryResult<()> {
    let customers: BTreeSet<_> = caps.iter().map(|cap| cap.customer.as_str()).collect();
    let turns: Vec<_> =
        customers.into_iter().map(|customer| Turn { name: format!("customer/{customer}") }).collect();
    TakeTurns::new(&turns.iter().collect::<Vec<_>>()).execute(pg).map(drop)
}

/// A cap as a statement takes it.
struct Asked<'a> {
    customer: &'a str,
    offer_types: Option<String>,
    since: Option<i64>,
    max: i64,
}

many_rows!(CountReached(Asked<'a>) =
    "SELECT COUNT(*) FROM unnest("
    [customer: &'a str => Text, offer_types: Option<String> => Nullable<Text>, since: Option<i64> => Nullable<BigInt>,
     max: i64 => BigInt]
    ") AS r (customer, offer_types, since, max) WHERE r.max <= (SELECT COUNT(*) FROM sessions AS s \
     JOIN session_offers AS o ON o.session_id = s.id WHERE s.customer = r.customer AND o.state = 'accepted' \
     AND (r.since IS NULL OR o.decided_at > r.since) \
     AND (r.offer_types IS NULL OR o.offer_type = ANY (string_to_array(r.offer_types, ','))))" returning BigInt);

fn all_below(pg: &mut PgConnection, caps: &[&CustomerCap]) -> QueryResult<bool> {
    let asked = caps.iter().map(|cap| Asked {
        customer: cap.customer.as_str(),
        offer_types: (!cap.offer_types.is_empty()).then(|| words(cap).join(",")),
        since: cap.since.map(micros),
        max: i64::from(cap.max),
    });
    let asked: Vec<_> = asked.collect();
    let reached: i64 = CountReached::new(&asked.iter().collect::<Vec<_>>()).get_result(pg)?;
    Ok(reached == 0)
}

fn words(cap: &CustomerCap) -> Vec<&'static str> {
    cap.offer_types.iter().map(|offer_type| offer_type.as_str()).collect()
}

fn accepted(sqlite: &mut SqliteConnection, cap: &CustomerCap) -> QueryResult<i64> {
    let mut offers = session_offers::table
        .inner_join(sessions::table)
        .filter(sessions::customer.eq(cap.customer.as_str()))
        .filter(session_offers::state.eq(OfferState::Accepted.as_str()))
        .select(count_star())
        .into_boxed();
    if let Some(since) = cap.since {
        offers = offers.filter(session_offers::decided_at.gt(micros(since)));
    }
    if !cap.offer_types.is_empty() {
        offers = offers.filter(session_offers::offer_type.eq_any(words(cap)));
    }
    offers.first(sqlite)
}
