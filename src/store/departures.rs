//! Departures: who left for the lack of which feature, and who has been told that it is there.

use std::collections::HashMap;

use diesel::prelude::*;
use diesel::sql_types::{BigInt, Bool, Text};
use jiff::Timestamp;

use super::Store;
use super::connection::{Link, each};
use super::customers::CustomerRow;
use super::error::{Failure, StoreError, malformed};
use super::events::{self, EventRow};
use super::page::MAX_PAGE;
use super::schema::departures::dsl;
use super::schema::{customers, shipped_features};
use super::statement::one_row;
use super::text::parsed;
use super::time::{instant, micros};
use crate::domain::attribute::{DO_NOT_CONTACT, qualified};
use crate::domain::event::{EventData, FeatureShipped, NewEvent};
use crate::domain::facts::Value;
use crate::domain::feature::FeatureTag;
use crate::domain::ids::{CustomerId, SessionId, SubscriptionId};
use crate::domain::session::{Session, Status};

/// Told that the feature is there.
const TOLD: &str = "told";
/// Left out, having asked not to be contacted.
const LEFT_OUT: &str = "left_out";

/// Somebody who left for the lack of a feature.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Departure {
    /// Who.
    pub customer: CustomerId,
    /// The session in which they left.
    pub session: SessionId,
    /// The subscription that they left.
    pub subscription: SubscriptionId,
    /// When.
    pub left_at: Timestamp,
}

/// One page of those who left for the lack of a feature that is there now.
#[derive(Clone, Debug)]
pub struct ShippedPage {
    /// When it was first said to be there.
    pub shipped_at: Timestamp,
    /// Those who are told.
    pub told: Vec<Departure>,
    /// How many on this page asked not to be contacted.
    pub left_out: usize,
    /// The last customer of the page, where there are more.
    pub next: Option<CustomerId>,
}

/// The row as it is written with the session that ends.
pub(super) struct DepartureRow {
    tag: String,
    customer: String,
    session_id: String,
    subscription: String,
    livemode: bool,
    left_at: i64,
    do_not_contact: bool,
}

/// In the order of the columns that are asked for.
#[derive(Queryable)]
struct FoundRow {
    customer: String,
    session_id: String,
    subscription: String,
    livemode: bool,
    left_at: i64,
    do_not_contact: bool,
    mark: Option<String>,
}

one_row!(PutDeparture(DepartureRow) =
    "INSERT INTO departures (tag, customer, session_id, subscription, livemode, left_at, do_not_contact) VALUES ("
    tag: Text, ", " customer: Text, ", " session_id: Text, ", " subscription: Text, ", " livemode: Bool,
    ", " left_at: BigInt, ", " do_not_contact: Bool;
    ") ON CONFLICT (tag, customer) DO UPDATE SET session_id = excluded.session_id, \
     subscription = excluded.subscription, livemode = excluded.livemode, left_at = excluded.left_at, \
     do_not_contact = excluded.do_not_contact WHERE departures.mark IS NULL");

/// What a session says of features that were missed, once it is canceled.
pub(super) fn rows(session: &Session) -> Vec<DepartureRow> {
    let left_at = session.closed_at.filter(|_| session.status() == Status::Canceled);
    let row = |tag: &FeatureTag, left_at| DepartureRow {
        tag: tag.to_string(),
        customer: session.customer.to_string(),
        session_id: session.id.to_string(),
        subscription: session.subscription.to_string(),
        livemode: session.livemode,
        left_at: micros(left_at),
        do_not_contact: session.answers.do_not_contact.unwrap_or_default(),
    };
    left_at.map_or_else(Vec::new, |at| session.answers.feature_tags.iter().map(|tag| row(tag, at)).collect())
}

pub(super) fn put(connection: &mut Link, rows: &[DepartureRow]) -> QueryResult<()> {
    for row in rows {
        each!(&mut *connection, |c| PutDeparture(row).execute(c))?;
    }
    Ok(())
}

impl FoundRow {
    fn read(&self) -> Result<Departure, Failure> {
        Ok(Departure {
            customer: parsed("departures.customer", &self.customer)?,
            session: parsed("departures.session_id", &self.session_id)?,
            subscription: parsed("departures.subscription", &self.subscription)?,
            left_at: instant("departures.left_at", self.left_at)?,
        })
    }
}

/// Takes note of a feature that is there; when it was first said to be.
fn shipped(connection: &mut Link, tag: &FeatureTag, now: Timestamp) -> Result<Timestamp, Failure> {
    let row = (shipped_features::tag.eq(tag.as_str()), shipped_features::shipped_at.eq(micros(now)));
    let insert = diesel::insert_into(shipped_features::table).values(row).on_conflict_do_nothing();
    each!(&mut *connection, |c| insert.execute(c))?;
    let query = shipped_features::table.find(tag.as_str()).select(shipped_features::shipped_at);
    instant("shipped_features.shipped_at", query.first(connection)?)
}

/// One more than `limit` tells whether there are more.
fn page(
    connection: &mut Link,
    tag: &FeatureTag,
    shipped_at: Timestamp,
    after: Option<&CustomerId>,
    limit: i64,
) -> QueryResult<Vec<FoundRow>> {
    let query = dsl::departures
        .filter(dsl::tag.eq(tag.as_str()))
        .filter(dsl::left_at.le(micros(shipped_at)))
        .filter(dsl::customer.gt(after.map_or("", CustomerId::as_str)))
        .order(dsl::customer)
        .limit(limit.saturating_add(1))
        .select((
            dsl::customer,
            dsl::session_id,
            dsl::subscription,
            dsl::livemode,
            dsl::left_at,
            dsl::do_not_contact,
            dsl::mark,
        ));
    match connection {
        // Of two who ask for the same page at once, the second finds it marked.
        Link::Postgres(pg) => query.for_update().load(pg),
        Link::Sqlite(sqlite) => query.load(sqlite),
    }
}

/// Which of these customers asked, by their profile, not to be contacted.
fn silent(connection: &mut Link, ids: Vec<&str>) -> Result<HashMap<String, bool>, Failure> {
    let rows: Vec<CustomerRow> = customers::table
        .filter(customers::id.eq_any(ids))
        .select(CustomerRow::as_select())
        .load(connection)?;
    let read = |row: CustomerRow| {
        let profile = row.read()?;
        let mut attributes = profile.attributes.iter();
        let silent = attributes
            .any(|(name, value)| qualified(name) == DO_NOT_CONTACT && *value == Value::Boolean(true));
        Ok((profile.id.to_string(), silent))
    };
    rows.into_iter().map(read).collect()
}

fn mark(
    connection: &mut Link,
    tag: &FeatureTag,
    shipped_at: Timestamp,
    rows: &mut [FoundRow],
    now: Timestamp,
) -> Result<(), Failure> {
    let unmarked = || rows.iter().filter(|row| row.mark.is_none()).map(|row| row.customer.as_str());
    let silent = silent(connection, unmarked().collect())?;
    let mut told = Vec::new();
    for row in rows.iter_mut().filter(|row| row.mark.is_none()) {
        let leave_out = row.do_not_contact || silent.get(&row.customer).copied().unwrap_or_default();
        let word = if leave_out { LEFT_OUT } else { TOLD };
        let target = dsl::departures.find((tag.as_str(), &row.customer)).filter(dsl::mark.is_null());
        if diesel::update(target).set(dsl::mark.eq(word)).execute(connection)? == 0 {
            // Erased in between, or marked by somebody else; from the start, then.
            return Err(Failure::Again);
        }
        row.mark = Some(word.to_owned());
        if !leave_out {
            told.push(event(tag, shipped_at, row, now)?);
        }
    }
    events::insert(connection, &told.iter().collect::<Vec<_>>())?;
    Ok(())
}

fn event(
    tag: &FeatureTag,
    shipped_at: Timestamp,
    row: &FoundRow,
    now: Timestamp,
) -> Result<EventRow, Failure> {
    let Departure { customer, session, subscription, left_at } = row.read()?;
    let told = FeatureShipped { feature: tag.clone(), shipped_at, left_at };
    let event = NewEvent {
        livemode: row.livemode,
        customer: Some(customer),
        subscription,
        session: Some(session),
        once: None,
        data: EventData::FeatureShipped(told),
    };
    EventRow::new(event, now).map_err(|_| malformed("events.data"))
}

impl Store {
    /// One page, by customer, of those who left for the lack of a feature before it was first said to be there. Who has
    /// not been told yet is marked, and told by an event, unless they asked not to be contacted. At most `limit` and
    /// [`MAX_PAGE`].
    ///
    /// # Errors
    /// When it cannot be written.
    pub async fn ship_feature(
        &self,
        tag: FeatureTag,
        after: Option<CustomerId>,
        limit: u32,
        now: Timestamp,
    ) -> Result<ShippedPage, StoreError> {
        let limit = limit.min(MAX_PAGE);
        self.write(move |connection| {
            let shipped_at = shipped(connection, &tag, now)?;
            let mut rows = page(connection, &tag, shipped_at, after.as_ref(), limit.into())?;
            let whole = usize::try_from(limit).unwrap_or(usize::MAX);
            let more = rows.len() > whole;
            rows.truncate(whole);
            mark(connection, &tag, shipped_at, &mut rows, now)?;
            let is_told = |row: &&FoundRow| row.mark.as_deref() == Some(TOLD);
            let told: Vec<_> = rows.iter().filter(is_told).map(FoundRow::read).collect::<Result<_, _>>()?;
            let left_out = rows.len().saturating_sub(told.len());
            let last = rows.last().filter(|_| more).map(|row| row.customer.parse());
            let next = last.transpose().map_err(|_| malformed("departures.customer"))?;
            Ok(ShippedPage { shipped_at, told, left_out, next })
        })
        .await
    }
}
