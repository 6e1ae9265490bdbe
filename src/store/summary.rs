//! Figures over sessions.

use diesel::dsl::{count_star, sql};
use diesel::prelude::*;
use diesel::sql_types::BigInt;
use jiff::Timestamp;

use super::Store;
use super::asks::{self, AskCount};
use super::connection::Link;
use super::error::{Failure, StoreError, malformed};
use super::figures::{count, money};
use super::history::offer_type;
use super::schema::{session_offers, sessions, sessions::dsl};
use super::sessions::SessionFilter;
use super::summary_of_saves::{self, Saves};
use super::text::parsed;
use crate::domain::money::Money;
use crate::domain::offer::{Key, OfferState, OfferType};
use crate::domain::session::Status;

/// Figures over the sessions under a filter.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Summary {
    /// Sessions by status.
    pub by_status: Vec<(Status, u64)>,
    /// Sessions by reason and status; no reason where none was given.
    pub by_reason: Vec<(Option<Key>, Status, u64)>,
    /// Offers by key, type and what became of them.
    pub offers: Vec<OfferCount>,
    /// Monthly recurring revenue of the subscriptions, by status of the session and currency.
    pub mrr: Vec<MrrSum>,
    /// What accepted offers cost at most, by type and currency.
    pub costs: Vec<OfferCost>,
    /// What accepted offers asked in return, by type and what became of it.
    pub asks: Vec<AskCount>,
    /// What became of the saves.
    pub saves: Saves,
}

/// How many offers of one key and type came to one end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OfferCount {
    /// The offer's key.
    pub key: Key,
    /// Its type.
    pub offer_type: OfferType,
    /// What became of it; none for those replaced before anybody answered.
    pub state: Option<OfferState>,
    /// How many.
    pub count: u64,
}

/// Monthly recurring revenue.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MrrSum {
    /// Of sessions with this status.
    pub status: Status,
    /// The sum.
    pub sum: Money,
}

/// What accepted offers cost.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OfferCost {
    /// Of this type.
    pub offer_type: OfferType,
    /// The sum, at most.
    pub sum: Money,
}

pub(super) fn status(word: &str) -> Result<Status, Failure> {
    parsed("sessions.status", word)
}

fn state(word: &str) -> Result<Option<OfferState>, Failure> {
    if word == super::offers::WITHDRAWN {
        return Ok(None);
    }
    word.parse().map(Some).map_err(|_| malformed("session_offers.state"))
}

fn key(text: &str) -> Result<Key, Failure> {
    parsed("a key", text)
}

const SUM_OF_MRR: &str = "CAST(SUM(sessions.mrr) AS BIGINT)";
const SUM_OF_COSTS: &str = "CAST(SUM(session_offers.cost) AS BIGINT)";

fn sessions_of(connection: &mut Link, filter: &SessionFilter, summary: &mut Summary) -> Result<(), Failure> {
    let rows: Vec<(Option<String>, String, i64)> = dsl::sessions
        .filter(filter.on_sessions())
        .group_by((dsl::reason, dsl::status))
        .order((dsl::status, dsl::reason))
        .select((dsl::reason, dsl::status, count_star()))
        .load(connection)?;
    for (reason, word, number) in rows {
        let (status, number) = (status(&word)?, count(number));
        match summary.by_status.iter_mut().find(|(known, _)| *known == status) {
            Some((_, total)) => *total += number,
            None => summary.by_status.push((status, number)),
        }
        let reason = reason.map(|reason| key(&reason)).transpose()?;
        summary.by_reason.push((reason, status, number));
    }
    // The databases put no reason at different ends.
    summary.by_reason.sort_by(|a, b| (&a.0, a.1.as_str()).cmp(&(&b.0, b.1.as_str())));
    let rows: Vec<(String, Option<String>, i64)> = dsl::sessions
        .filter(filter.on_sessions())
        .filter(dsl::mrr.is_not_null())
        .group_by((dsl::status, dsl::currency))
        .order((dsl::status, dsl::currency))
        .select((dsl::status, dsl::currency, sql::<BigInt>(SUM_OF_MRR)))
        .load(connection)?;
    for (word, currency, amount) in rows {
        let sum = money(amount, &currency.unwrap_or_default())?;
        summary.mrr.push(MrrSum { status: status(&word)?, sum });
    }
    Ok(())
}

fn offers_of(connection: &mut Link, filter: &SessionFilter, summary: &mut Summary) -> Result<(), Failure> {
    use session_offers as offers;
    let rows: Vec<(String, String, String, i64)> = offers::table
        .inner_join(sessions::table)
        .filter(filter.on_offers())
        .group_by((offers::key, offers::offer_type, offers::state))
        .order((offers::key, offers::offer_type, offers::state))
        .select((offers::key, offers::offer_type, offers::state, count_star()))
        .load(connection)?;
    for (text, kind, word, number) in rows {
        summary.offers.push(OfferCount {
            key: key(&text)?,
            offer_type: offer_type(&kind)?,
            state: state(&word)?,
            count: count(number),
        });
    }
    let rows: Vec<(String, Option<String>, i64)> = offers::table
        .inner_join(sessions::table)
        .filter(filter.on_offers())
        .filter(offers::state.eq(OfferState::Accepted.as_str()))
        .filter(offers::cost.is_not_null())
        .filter(dsl::currency.is_not_null())
        .group_by((offers::offer_type, dsl::currency))
        .order((offers::offer_type, dsl::currency))
        .select((offers::offer_type, dsl::currency, sql::<BigInt>(SUM_OF_COSTS)))
        .load(connection)?;
    for (kind, currency, amount) in rows {
        let sum = money(amount, &currency.unwrap_or_default())?;
        summary.costs.push(OfferCost { offer_type: offer_type(&kind)?, sum });
    }
    Ok(())
}

impl Store {
    /// Figures over the sessions under a filter; of saves, those that have reached a horizon by `now` count.
    ///
    /// # Errors
    /// When the database cannot be asked.
    pub async fn summary(&self, filter: SessionFilter, now: Timestamp) -> Result<Summary, StoreError> {
        self.read(move |connection| {
            let mut summary = Summary::default();
            sessions_of(connection, &filter, &mut summary)?;
            offers_of(connection, &filter, &mut summary)?;
            summary.asks = asks::counts(connection, &filter)?;
            summary.saves = summary_of_saves::find(connection, &filter, now)?;
            Ok(summary)
        })
        .await
    }
}
