//! Something in return: what accepted offers ask, and what became of it. A row is written with the session that accepts.

use std::collections::HashMap;

use diesel::prelude::*;
use diesel::sql_types::{BigInt, Bool, Nullable, Text};
use jiff::Timestamp;

use super::Store;
use super::audit::{self, AuditLine, AuditRow};
use super::connection::{AnyBackend, Link, each};
use super::error::{Failure, StoreError, malformed};
use super::events::{self, EventRow};
use super::figures::count;
use super::page::MAX_PAGE;
use super::schema::asks::{self, dsl};
use super::schema::sessions;
use super::sessions::SessionFilter;
use super::statement::one_row;
use super::text::parsed;
use super::time::{instant, micros};
use crate::domain::event::{AskSettled, EventData, NewEvent};
use crate::domain::ids::{AskId, CustomerId, OfferId, SessionId, SubscriptionId};
use crate::domain::offer::{AskState, AskType, Key, OfferState, PresentedAsk, PresentedOffer};
use crate::domain::session::Session;

/// What an accepted offer asks in return, as stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AskRecord {
    /// Its id.
    pub id: AskId,
    /// The session in which the offer was accepted.
    pub session: SessionId,
    /// The offer.
    pub offer: OfferId,
    /// The offer's key in the flow.
    pub offer_key: Key,
    /// Its key in the offer.
    pub key: Key,
    /// Its type.
    pub ask_type: AskType,
    /// What was shown.
    pub label: String,
    /// The app's customer.
    pub customer: CustomerId,
    /// The subscription.
    pub subscription: SubscriptionId,
    /// Live or test mode.
    pub livemode: bool,
    /// What became of it.
    pub state: AskState,
    /// When the offer was accepted.
    pub created_at: Timestamp,
    /// When it was fulfilled, waived or withdrawn.
    pub settled_at: Option<Timestamp>,
}

/// Which asks to list; what is absent does not matter.
#[derive(Clone, Debug, Default)]
pub struct AskFilter {
    /// In this state.
    pub state: Option<AskState>,
    /// Of this type.
    pub ask_type: Option<AskType>,
    /// Of offers with this key.
    pub offer: Option<Key>,
    /// Of this customer.
    pub customer: Option<CustomerId>,
    /// Of this session.
    pub session: Option<SessionId>,
    /// In live or test mode.
    pub livemode: Option<bool>,
    /// Of offers accepted at this instant or later.
    pub created_from: Option<Timestamp>,
    /// Of offers accepted before this instant.
    pub created_to: Option<Timestamp>,
}

/// How many asks of one type are in one state.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AskCount {
    /// Their type.
    pub ask_type: AskType,
    /// Their state.
    pub state: AskState,
    /// How many.
    pub count: u64,
}

#[derive(Queryable, Selectable)]
#[diesel(table_name = asks)]
pub(super) struct AskRow {
    id: String,
    session_id: String,
    offer_id: String,
    offer: String,
    key: String,
    ask_type: String,
    label: String,
    customer: String,
    subscription: String,
    livemode: bool,
    state: String,
    created_at: i64,
    settled_at: Option<i64>,
}

impl AskRow {
    fn read(self) -> Result<AskRecord, Failure> {
        Ok(AskRecord {
            id: parsed("asks.id", &self.id)?,
            session: parsed("asks.session_id", &self.session_id)?,
            offer: parsed("asks.offer_id", &self.offer_id)?,
            offer_key: parsed("asks.offer", &self.offer)?,
            key: parsed("asks.key", &self.key)?,
            ask_type: ask_type(&self.ask_type)?,
            label: self.label,
            customer: parsed("asks.customer", &self.customer)?,
            subscription: parsed("asks.subscription", &self.subscription)?,
            livemode: self.livemode,
            state: state(&self.state)?,
            created_at: instant("asks.created_at", self.created_at)?,
            settled_at: self.settled_at.map(|at| instant("asks.settled_at", at)).transpose()?,
        })
    }
}

fn ask_type(word: &str) -> Result<AskType, Failure> {
    parsed("asks.type", word)
}

fn state(word: &str) -> Result<AskState, Failure> {
    parsed("asks.state", word)
}

// Written again with every change of the session; what operations have said of it stays, but a refused offer asks for
// nothing.
one_row!(PutAsk(AskRow) =
    "INSERT INTO asks (id, session_id, offer_id, offer, key, type, label, customer, subscription, livemode, state, \
     created_at, settled_at) VALUES (" id: Text, ", " session_id: Text, ", " offer_id: Text, ", " offer: Text,
    ", " key: Text, ", " ask_type: Text, ", " label: Text, ", " customer: Text, ", " subscription: Text,
    ", " livemode: Bool, ", " state: Text, ", " created_at: BigInt, ", " settled_at: Nullable<BigInt>;
    ") ON CONFLICT (offer_id, key) DO UPDATE SET state = excluded.state, settled_at = excluded.settled_at \
     WHERE excluded.state = 'withdrawn' AND asks.state <> 'withdrawn'");

/// What the accepted offers of a session ask in return; what refused ones did is withdrawn.
pub(super) fn rows(session: &Session, now: Timestamp) -> Vec<AskRow> {
    let of_offer = |offer: &PresentedOffer, ask: &PresentedAsk| {
        let withdrawn = offer.state == OfferState::Rejected;
        let state = match ask.agreed {
            _ if withdrawn => AskState::Withdrawn,
            Some(true) => AskState::Agreed,
            Some(false) | None => AskState::Refused,
        };
        AskRow {
            id: AskId::generate(now).to_string(),
            session_id: session.id.to_string(),
            offer_id: offer.id.to_string(),
            offer: offer.key.to_string(),
            key: ask.key.to_string(),
            ask_type: ask.ask_type.as_str().to_owned(),
            label: ask.label.clone(),
            customer: session.customer.to_string(),
            subscription: session.subscription.to_string(),
            livemode: session.livemode,
            state: state.as_str().to_owned(),
            created_at: micros(offer.decided_at.unwrap_or(now)),
            settled_at: withdrawn.then(|| micros(now)),
        }
    };
    let taken = |offer: &&PresentedOffer| matches!(offer.state, OfferState::Accepted | OfferState::Rejected);
    let offers = session.offers.iter().filter(taken);
    offers.flat_map(|offer| offer.asks.iter().map(move |ask| of_offer(offer, ask))).collect()
}

pub(super) fn put(connection: &mut Link, rows: &[AskRow]) -> QueryResult<()> {
    for row in rows {
        each!(&mut *connection, |c| PutAsk(row).execute(c))?;
    }
    Ok(())
}

/// How many asks of each type are in each state, of the sessions under a filter.
pub(super) fn counts(connection: &mut Link, filter: &SessionFilter) -> Result<Vec<AskCount>, Failure> {
    let rows: Vec<(String, String, i64)> = asks::table
        .inner_join(sessions::table)
        .filter(filter.on_asks())
        .group_by((dsl::ask_type, dsl::state))
        .order((dsl::ask_type, dsl::state))
        .select((dsl::ask_type, dsl::state, diesel::dsl::count_star()))
        .load(connection)?;
    let read = |(kind, word, number): (String, String, i64)| {
        Ok(AskCount { ask_type: ask_type(&kind)?, state: state(&word)?, count: count(number) })
    };
    rows.into_iter().map(read).collect()
}

/// Says whose the asks of an erased customer's session are, which is nobody's.
pub(super) fn erase(connection: &mut Link, session: SessionId, nobody: &str) -> QueryResult<usize> {
    let of_session = dsl::asks.filter(dsl::session_id.eq(session.to_string()));
    diesel::update(of_session).set(dsl::customer.eq(nobody)).execute(connection)
}

/// What each ask is in, by offer and key, of these sessions.
pub(super) fn states(
    connection: &mut Link,
    sessions: &[&str],
) -> QueryResult<HashMap<(String, String), String>> {
    let query = dsl::asks.filter(dsl::session_id.eq_any(sessions));
    let rows: Vec<(String, String, String)> =
        query.select((dsl::offer_id, dsl::key, dsl::state)).load(connection)?;
    Ok(rows.into_iter().map(|(offer, key, state)| ((offer, key), state)).collect())
}

impl AskRow {
    /// What makes it the same, and the state that its session gives it.
    pub(super) fn told(&self) -> ((String, String), &str) {
        ((self.offer_id.clone(), self.key.clone()), &self.state)
    }
}

fn settle(
    connection: &mut Link,
    id: AskId,
    to: AskState,
    line: AuditLine,
    now: Timestamp,
) -> Result<Option<AskRecord>, Failure> {
    let agreed = dsl::asks.find(id.to_string()).filter(dsl::state.eq(AskState::Agreed.as_str()));
    let set = (dsl::state.eq(to.as_str()), dsl::settled_at.eq(Some(micros(now))));
    let moved = diesel::update(agreed).set(set).execute(connection)? == 1;
    let query = dsl::asks.find(id.to_string()).select(AskRow::as_select());
    let Some(row) = query.first(connection).optional()? else { return Ok(None) };
    let record: AskRecord = AskRow::read(row)?;
    if moved {
        let line = AuditRow::new(line, Some(record.session), now).map_err(|_| malformed("audit_lines"))?;
        audit::insert(connection, &[&line])?;
        let told = EventRow::new(event(&record, now), now).map_err(|_| malformed("events.data"))?;
        events::insert(connection, &[&told])?;
    }
    Ok(Some(record))
}

fn event(record: &AskRecord, now: Timestamp) -> NewEvent {
    let data = AskSettled {
        ask: record.id,
        key: record.key.clone(),
        ask_type: record.ask_type,
        offer: record.offer,
        offer_key: record.offer_key.clone(),
        agreed_at: record.created_at,
        settled_at: now,
    };
    NewEvent {
        livemode: record.livemode,
        customer: Some(record.customer.clone()),
        subscription: record.subscription.clone(),
        session: Some(record.session),
        once: Some(format!("ask/{}", record.id)),
        data: match record.state {
            AskState::Waived => EventData::AskWaived(data),
            _ => EventData::AskFulfilled(data),
        },
    }
}

impl Store {
    /// Takes an ask that was agreed to as fulfilled or waived, with the audit line and the event; any other stays as it
    /// is. The ask as it is then; none where there is none.
    ///
    /// # Errors
    /// When it cannot be written.
    pub async fn settle_ask(
        &self,
        id: AskId,
        to: AskState,
        line: AuditLine,
        now: Timestamp,
    ) -> Result<Option<AskRecord>, StoreError> {
        self.write(move |connection| settle(connection, id, to, line.clone(), now)).await
    }

    /// Asks, the newest first, from behind `cursor`; at most [`MAX_PAGE`].
    ///
    /// # Errors
    /// When the database cannot be asked.
    pub async fn asks(
        &self,
        filter: AskFilter,
        cursor: Option<AskId>,
        limit: u32,
    ) -> Result<Vec<AskRecord>, StoreError> {
        self.read(move |connection| {
            let mut query = dsl::asks.select(AskRow::as_select()).into_boxed::<AnyBackend>();
            if let Some(state) = filter.state {
                query = query.filter(dsl::state.eq(state.as_str()));
            }
            if let Some(ask_type) = filter.ask_type {
                query = query.filter(dsl::ask_type.eq(ask_type.as_str()));
            }
            if let Some(offer) = &filter.offer {
                query = query.filter(dsl::offer.eq(offer.as_str()));
            }
            if let Some(customer) = &filter.customer {
                query = query.filter(dsl::customer.eq(customer.as_str()));
            }
            if let Some(session) = filter.session {
                query = query.filter(dsl::session_id.eq(session.to_string()));
            }
            if let Some(livemode) = filter.livemode {
                query = query.filter(dsl::livemode.eq(livemode));
            }
            if let Some(from) = filter.created_from {
                query = query.filter(dsl::created_at.ge(micros(from)));
            }
            if let Some(to) = filter.created_to {
                query = query.filter(dsl::created_at.lt(micros(to)));
            }
            if let Some(cursor) = cursor {
                query = query.filter(dsl::id.lt(cursor.to_string()));
            }
            let page = query.order(dsl::id.desc()).limit(limit.min(MAX_PAGE).into());
            page.load(connection)?.into_iter().map(AskRow::read).collect()
        })
        .await
    }
}
