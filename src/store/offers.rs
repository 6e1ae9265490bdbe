//! The offers of sessions as rows, for lists, figures and histories; the session itself holds them whole.

use std::collections::HashMap;

use diesel::prelude::*;
use diesel::sql_types::{BigInt, Integer, Nullable, Text};

use super::connection::{Link, each};
use super::schema::session_offers::dsl;
use super::statement::{many_rows, one_row};
use super::time::micros;
use crate::domain::ids::OfferId;
use crate::domain::offer::OfferState;
use crate::domain::session::Session;

/// Presented, then replaced before anybody answered.
pub(super) const WITHDRAWN: &str = "withdrawn";

pub(super) struct OfferRow {
    pub(super) id: String,
    session_id: String,
    ordinal: i32,
    key: String,
    offer_type: String,
    pub(super) state: String,
    presented_at: i64,
    decided_at: Option<i64>,
    cost: Option<i64>,
}

/// The rows of a session's offers. Offers nobody has answered are rows already, unless a decision has just been made.
pub(super) fn rows(session: &Session, costs: &[(OfferId, i64)], decided_anew: bool) -> Vec<OfferRow> {
    let costs: HashMap<_, _> = costs.iter().copied().collect();
    let numbered = (0_i32..).zip(&session.offers);
    numbered
        .filter(|(_, offer)| decided_anew || offer.state != OfferState::Presented)
        .map(|(ordinal, offer)| OfferRow {
            id: offer.id.to_string(),
            session_id: session.id.to_string(),
            ordinal,
            key: offer.key.to_string(),
            offer_type: offer.terms.offer_type().as_str().to_owned(),
            state: offer.state.as_str().to_owned(),
            presented_at: micros(offer.presented_at),
            decided_at: offer.decided_at.map(micros),
            cost: costs.get(&offer.id).copied(),
        })
        .collect()
}

one_row!(PutOffer(OfferRow) =
    "INSERT INTO session_offers (id, session_id, ordinal, key, offer_type, state, presented_at, decided_at, cost) \
     VALUES (" id: Text, ", " session_id: Text, ", " ordinal: Integer, ", " key: Text, ", " offer_type: Text,
    ", " state: Text, ", " presented_at: BigInt, ", " decided_at: Nullable<BigInt>, ", " cost: Nullable<BigInt>;
    ") ON CONFLICT (id) DO UPDATE SET ordinal = excluded.ordinal, state = excluded.state, \
     decided_at = excluded.decided_at, cost = COALESCE(excluded.cost, session_offers.cost)");

many_rows!(pub(super) PutOffers(OfferRow) =
    "INSERT INTO session_offers (id, session_id, ordinal, key, offer_type, state, presented_at, decided_at, cost) \
     SELECT * FROM unnest("
    [id: String => Text, session_id: String => Text, ordinal: i32 => Integer, key: String => Text,
     offer_type: String => Text, state: String => Text, presented_at: i64 => BigInt,
     decided_at: Option<i64> => Nullable<BigInt>, cost: Option<i64> => Nullable<BigInt>]
    ") ON CONFLICT (id) DO UPDATE SET ordinal = excluded.ordinal, state = excluded.state, \
     decided_at = excluded.decided_at, cost = COALESCE(excluded.cost, session_offers.cost)"
    returning Text);

one_row!(pub(super) OfferValues(OfferRow) =
    "(" id: Text, ", " session_id: Text, ", " ordinal: Integer, ", " key: Text, ", " offer_type: Text, ", " state: Text,
    ", " presented_at: BigInt, ", " decided_at: Nullable<BigInt>, ", " cost: Nullable<BigInt>; ")");

many_rows!(pub(super) OffersOfBegun(OfferRow) =
    "INSERT INTO session_offers (id, session_id, ordinal, key, offer_type, state, presented_at, decided_at, cost) \
     SELECT r.* FROM unnest("
    [id: String => Text, session_id: String => Text, ordinal: i32 => Integer, key: String => Text,
     offer_type: String => Text, state: String => Text, presented_at: i64 => BigInt,
     decided_at: Option<i64> => Nullable<BigInt>, cost: Option<i64> => Nullable<BigInt>]
    ") AS r (id, session_id, ordinal, key, offer_type, state, presented_at, decided_at, cost) \
     WHERE r.session_id IN (SELECT id FROM begun)" returning Text);

/// Inserts new offers and brings known ones up to date; a cost that is not given stays.
pub(super) fn put(connection: &mut Link, rows: &[&OfferRow]) -> QueryResult<()> {
    if let (Link::Postgres(pg), [_, _, ..]) = (&mut *connection, rows) {
        return PutOffers::new(rows).execute(pg).map(drop);
    }
    for row in rows {
        each!(connection, |c| PutOffer(row).execute(c))?;
    }
    Ok(())
}

/// Marks what the session no longer holds: offers replaced before anybody answered.
pub(super) fn withdraw(connection: &mut Link, session: &str, kept: &[OfferRow]) -> QueryResult<usize> {
    let shown = dsl::session_offers
        .filter(dsl::session_id.eq(session))
        .filter(dsl::state.eq(OfferState::Presented.as_str()));
    let ids: Vec<String> = shown.select(dsl::id).load(connection)?;
    let gone = ids.iter().filter(|id| kept.iter().all(|row| row.id != **id));
    let mut count = 0;
    for id in gone {
        count +=
            diesel::update(dsl::session_offers.find(id)).set(dsl::state.eq(WITHDRAWN)).execute(connection)?;
    }
    Ok(count)
}
