//! What earlier sessions of a customer came to.

use diesel::dsl::{count_star, max};
use diesel::prelude::*;

use super::Store;
use super::connection::Link;
use super::error::{Failure, StoreError, malformed};
use super::schema::{session_offers, sessions};
use super::text::parsed;
use super::time::instant;
use crate::domain::history::{History, MAX_REMEMBERED_OFFERS};
use crate::domain::ids::CustomerId;
use crate::domain::money::{Currency, Money};
use crate::domain::offer::{Key, OfferState, OfferType};
use crate::domain::session::Status;
use jiff::Timestamp;

type Remembered = (OfferType, Key, Timestamp);
/// An answered offer with what it costs at most.
type Answered = (Remembered, Option<Money>);

pub(super) fn find(connection: &mut Link, customer: &CustomerId) -> Result<History, Failure> {
    let ended: Vec<(String, i64, Option<i64>)> = sessions::table
        .filter(sessions::customer.eq(customer.as_str()))
        .filter(sessions::reentered.eq(false))
        .group_by(sessions::status)
        .select((sessions::status, count_star(), max(sessions::closed_at)))
        .load(connection)?;
    let mut history = History::default();
    // Nobody begins without having a session, so a newcomer costs one query.
    if ended.is_empty() {
        return Ok(history);
    }
    for (status, count, last) in ended {
        let count = u32::try_from(count).unwrap_or(u32::MAX);
        history.sessions = history.sessions.saturating_add(count);
        if status == Status::Saved.as_str() {
            history.saves = count;
            history.last_save_at = last.map(|at| instant("sessions.closed_at", at)).transpose()?;
        }
    }
    for ((of, key, at), cost) in offers(connection, customer, OfferState::Accepted)? {
        history.discounts.extend(cost.filter(|_| of == OfferType::Discount).map(|cost| (at, cost)));
        history.accepted.push((of, key, at));
    }
    let declined = offers(connection, customer, OfferState::Declined)?;
    history.declined = declined.into_iter().map(|(remembered, _)| remembered).collect();
    Ok(history)
}

fn offers(connection: &mut Link, customer: &CustomerId, state: OfferState) -> Result<Vec<Answered>, Failure> {
    let limit = i64::try_from(MAX_REMEMBERED_OFFERS).unwrap_or(i64::MAX);
    let rows: Vec<Row> = session_offers::table
        .inner_join(sessions::table)
        .filter(sessions::customer.eq(customer.as_str()))
        .filter(session_offers::state.eq(state.as_str()))
        .filter(session_offers::decided_at.is_not_null())
        .order(session_offers::decided_at.desc())
        .limit(limit)
        .select((
            session_offers::offer_type,
            session_offers::key,
            session_offers::decided_at,
            session_offers::cost,
            sessions::currency,
        ))
        .load(connection)?;
    rows.into_iter().map(answered).collect()
}

type Row = (String, String, Option<i64>, Option<i64>, Option<String>);

fn answered((kind, key, at, cost, currency): Row) -> Result<Answered, Failure> {
    let remembered = (
        offer_type(&kind)?,
        parsed("session_offers.key", &key)?,
        instant("session_offers.decided_at", at.unwrap_or_default())?,
    );
    let currency = currency.map(|currency| currency.parse()).transpose();
    let currency: Option<Currency> = currency.map_err(|_| malformed("sessions.currency"))?;
    Ok((remembered, cost.zip(currency).map(|(amount, currency)| Money { amount, currency })))
}

pub(super) fn offer_type(word: &str) -> Result<OfferType, Failure> {
    parsed("session_offers.offer_type", word)
}

impl Store {
    /// What earlier sessions of a customer came to.
    ///
    /// # Errors
    /// When the database cannot be asked.
    pub async fn history(&self, customer: &CustomerId) -> Result<History, StoreError> {
        let customer = customer.clone();
        self.read(move |connection| find(connection, &customer)).await
    }
}
