//! Events for the app: an outbox, appended with the change that each speaks of, read in pages, forgotten by age.
//!
//! A row is written in the transaction of what it tells, so that neither is there without the other. Its id follows the
//! clock of the process that wrote it, not the order of commits: whoever delivers events must keep what is delivered by
//! event, not by the last id seen.

use diesel::prelude::*;
use diesel::sql_types::{BigInt, Bool, Nullable, Text};
use jiff::Timestamp;

use super::Store;
use super::connection::{AnyBackend, Link, each};
use super::error::{Failure, StoreError, malformed, unreadable};
use super::page::MAX_PAGE;
use super::schema::events::{self, dsl};
use super::statement::{many_rows, one_row};
use super::text::{json, parsed, whole};
use super::time::{instant, micros};
use crate::domain::event::{Event, EventType, NewEvent};
use crate::domain::ids::{CustomerId, EventId, SubscriptionId};

/// Which events to list; what is absent does not matter.
#[derive(Clone, Debug, Default)]
pub struct EventFilter {
    /// Of this type.
    pub event_type: Option<EventType>,
    /// About this customer of the app's.
    pub customer: Option<CustomerId>,
    /// About this subscription.
    pub subscription: Option<SubscriptionId>,
}

#[derive(Queryable, Selectable)]
#[diesel(table_name = events)]
pub(super) struct EventRow {
    id: String,
    event_type: String,
    created_at: i64,
    livemode: bool,
    customer: Option<String>,
    subscription: String,
    session_id: Option<String>,
    once: Option<String>,
    data: String,
}

impl EventRow {
    pub(super) fn new(event: NewEvent, now: Timestamp) -> Result<Self, StoreError> {
        Ok(Self {
            id: EventId::generate(now).to_string(),
            event_type: event.data.event_type().as_str().to_owned(),
            created_at: micros(now),
            livemode: event.livemode,
            customer: event.customer.map(|customer| customer.to_string()),
            subscription: event.subscription.to_string(),
            session_id: event.session.map(|session| session.to_string()),
            once: event.once.map(|once| whole("the event's sameness", once)).transpose()?,
            data: json("events.data", &event.data)?,
        })
    }

    fn read(self) -> Result<Event, Failure> {
        let customer = self.customer.map(|customer| customer.parse()).transpose();
        let session = self.session_id.map(|session| session.parse()).transpose();
        Ok(Event {
            id: parsed("events.id", &self.id)?,
            created_at: instant("events.created_at", self.created_at)?,
            livemode: self.livemode,
            customer: customer.map_err(|_| malformed("events.customer"))?,
            subscription: parsed("events.subscription", &self.subscription)?,
            session: session.map_err(|_| malformed("events.session_id"))?,
            data: serde_json::from_str(&self.data).map_err(|error| unreadable("events.data", &error))?,
        })
    }
}

one_row!(InsertEvent(EventRow) =
    "INSERT INTO events (id, type, created_at, livemode, customer, subscription, session_id, once, data) VALUES ("
    id: Text, ", " event_type: Text, ", " created_at: BigInt, ", " livemode: Bool, ", " customer: Nullable<Text>,
    ", " subscription: Text, ", " session_id: Nullable<Text>, ", " once: Nullable<Text>, ", " data: Text;
    ") ON CONFLICT DO NOTHING");

many_rows!(pub(super) InsertEvents(EventRow) =
    "INSERT INTO events (id, type, created_at, livemode, customer, subscription, session_id, once, data) \
     SELECT * FROM unnest("
    [id: String => Text, event_type: String => Text, created_at: i64 => BigInt, livemode: bool => Bool,
     customer: Option<String> => Nullable<Text>, subscription: String => Text,
     session_id: Option<String> => Nullable<Text>, once: Option<String> => Nullable<Text>, data: String => Text]
    ") ON CONFLICT DO NOTHING" returning Text);

/// Appends events; those that may be told only once and have been are left out.
pub(super) fn insert(connection: &mut Link, rows: &[&EventRow]) -> QueryResult<()> {
    if let (Link::Postgres(pg), [_, _, ..]) = (&mut *connection, rows) {
        return InsertEvents::new(rows).execute(pg).map(drop);
    }
    for row in rows {
        each!(connection, |c| InsertEvent(row).execute(c))?;
    }
    Ok(())
}

impl Store {
    /// Events, the newest first, from behind `cursor`; at most [`MAX_PAGE`].
    ///
    /// # Errors
    /// When the database cannot be asked.
    pub async fn events(
        &self,
        filter: EventFilter,
        cursor: Option<EventId>,
        limit: u32,
    ) -> Result<Vec<Event>, StoreError> {
        self.read(move |connection| {
            let mut query = dsl::events.select(EventRow::as_select()).into_boxed::<AnyBackend>();
            if let Some(event_type) = filter.event_type {
                query = query.filter(dsl::event_type.eq(event_type.as_str()));
            }
            if let Some(customer) = &filter.customer {
                query = query.filter(dsl::customer.eq(customer.as_str()));
            }
            if let Some(subscription) = &filter.subscription {
                query = query.filter(dsl::subscription.eq(subscription.as_str()));
            }
            if let Some(cursor) = cursor {
                query = query.filter(dsl::id.lt(cursor.to_string()));
            }
            let page = query.order(dsl::id.desc()).limit(limit.min(MAX_PAGE).into());
            page.load(connection)?.into_iter().map(EventRow::read).collect()
        })
        .await
    }

    /// Forgets events written before `before`; how many.
    ///
    /// # Errors
    /// When it cannot be written.
    pub async fn purge_events(&self, before: Timestamp) -> Result<usize, StoreError> {
        let before = EventId::least_at(before).to_string();
        self.write(move |connection| {
            Ok(diesel::delete(dsl::events.filter(dsl::id.lt(&before))).execute(connection)?)
        })
        .await
    }
}
