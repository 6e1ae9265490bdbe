//! Signals: which subscriptions are to be looked at, and when each signal was last raised.
//!
//! When a subscription is due stands beside its snapshot, so that a new one is due by itself. Whoever changes what is
//! known of it makes it due; a claim moves it on, so that what changes meanwhile makes it due again.

use std::collections::{BTreeMap, HashMap};

use diesel::prelude::*;
use diesel::sql_types::{BigInt, Bool, Integer, Text};
use jiff::{SignedDuration, Timestamp};

use super::Store;
use super::connection::{AnyBackend, Link, each};
use super::error::{Failure, StoreError, malformed, unreadable};
use super::events::{self, EventRow};
use super::page::MAX_PAGE;
use super::schema::signals::{self, dsl};
use super::schema::{customers, snapshots};
use super::statement::one_row;
use super::text::{json, parsed};
use super::time::{instant, micros};
use crate::domain::event::{EventData, NewEvent, SignalRaised};
use crate::domain::ids::{CustomerId, SignalId, StripeCustomerId, SubscriptionId};
use crate::domain::offer::Key;
use crate::domain::session::FlowRef;

/// A subscription that is to be looked at.
#[derive(Clone, Debug)]
pub struct SignalCheck {
    /// The subscription.
    pub subscription: SubscriptionId,
    /// Whose it is: the app's customer that is linked to it, else Stripe's own id.
    pub customer: CustomerId,
    /// Until when nobody else takes it up.
    pub lease_until: Timestamp,
}

/// A signal whose time has come.
#[derive(Clone, Debug)]
pub struct DueSignal {
    /// The signal's key.
    pub key: Key,
    /// Those of its segments that hold.
    pub segments: Vec<Key>,
    /// How long it must have been quiet.
    pub cooldown: SignedDuration,
}

/// What a look at a subscription has shown.
#[derive(Clone, Debug)]
pub struct SignalLook {
    /// The claim on it.
    pub check: SignalCheck,
    /// Live or test mode.
    pub livemode: bool,
    /// Those of the flow's signals that hold.
    pub signals: Vec<DueSignal>,
    /// When to look again.
    pub next: Timestamp,
}

/// A signal as it was last raised for a subscription.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SignalRecord {
    /// Its id, of this raising.
    pub id: SignalId,
    /// The subscription.
    pub subscription: SubscriptionId,
    /// The signal's key.
    pub key: Key,
    /// Whose subscription it is.
    pub customer: CustomerId,
    /// Live or test mode.
    pub livemode: bool,
    /// The flow that waited for it.
    pub flow: FlowRef,
    /// Those of its segments that held.
    pub segments: Vec<Key>,
    /// When it was raised.
    pub raised_at: Timestamp,
}

/// Which signals to list; what is absent does not matter.
#[derive(Clone, Debug, Default)]
pub struct SignalFilter {
    /// Of this key.
    pub key: Option<Key>,
    /// About this customer.
    pub customer: Option<CustomerId>,
    /// About this subscription.
    pub subscription: Option<SubscriptionId>,
}

#[derive(Queryable, Selectable)]
#[diesel(table_name = signals)]
struct SignalRow {
    id: String,
    subscription: String,
    key: String,
    customer: String,
    livemode: bool,
    flow_key: String,
    flow_version: i32,
    segments: String,
    raised_at: i64,
}

impl SignalRow {
    fn read(self) -> Result<SignalRecord, Failure> {
        let key = parsed("signals.flow_key", &self.flow_key)?;
        Ok(SignalRecord {
            id: parsed("signals.id", &self.id)?,
            subscription: parsed("signals.subscription", &self.subscription)?,
            key: parsed("signals.key", &self.key)?,
            customer: parsed("signals.customer", &self.customer)?,
            livemode: self.livemode,
            flow: FlowRef { key, version: self.flow_version },
            segments: serde_json::from_str(&self.segments)
                .map_err(|error| unreadable("signals.segments", &error))?,
            raised_at: instant("signals.raised_at", self.raised_at)?,
        })
    }
}

/// A row to write unless the one before is of after `quiet_since`.
struct Raising {
    id: String,
    subscription: String,
    key: String,
    customer: String,
    livemode: bool,
    flow_key: String,
    flow_version: i32,
    segments: String,
    raised_at: i64,
    quiet_since: i64,
}

// The row of before is the guard: of two that raise at once, the second waits for it and finds it too young.
one_row!(Raise(Raising) =
    "INSERT INTO signals (id, subscription, key, customer, livemode, flow_key, flow_version, segments, raised_at) \
     VALUES (" id: Text, ", " subscription: Text, ", " key: Text, ", " customer: Text, ", " livemode: Bool,
    ", " flow_key: Text, ", " flow_version: Integer, ", " segments: Text, ", " raised_at: BigInt,
    ") ON CONFLICT (subscription, key) DO UPDATE SET id = excluded.id, customer = excluded.customer, \
     livemode = excluded.livemode, flow_key = excluded.flow_key, flow_version = excluded.flow_version, \
     segments = excluded.segments, raised_at = excluded.raised_at WHERE signals.raised_at <= " quiet_since: BigInt; "");

/// Makes the subscriptions of these Stripe customers due.
pub(super) fn recheck(connection: &mut Link, customers: &[String], now: i64) -> QueryResult<()> {
    let of_them = snapshots::table
        .filter(snapshots::stripe_customer.eq_any(customers))
        .filter(snapshots::signals_due_at.gt(now));
    diesel::update(of_them).set(snapshots::signals_due_at.eq(now)).execute(connection).map(drop)
}

/// Makes a subscription due.
pub(super) fn recheck_one(connection: &mut Link, subscription: &str, now: i64) -> QueryResult<()> {
    let target = snapshots::table.find(subscription).filter(snapshots::signals_due_at.gt(now));
    diesel::update(target).set(snapshots::signals_due_at.eq(now)).execute(connection).map(drop)
}

fn due(connection: &mut Link, now: i64, limit: i64) -> QueryResult<Vec<String>> {
    let query = snapshots::table
        .filter(snapshots::signals_due_at.le(now))
        .order(snapshots::signals_due_at)
        .limit(limit)
        .select(snapshots::subscription);
    match connection {
        Link::Postgres(pg) => query.for_update().skip_locked().load(pg),
        Link::Sqlite(sqlite) => query.load(sqlite),
    }
}

fn claim(connection: &mut Link, now: i64, until: Timestamp, limit: i64) -> Result<Vec<SignalCheck>, Failure> {
    let due = due(connection, now, limit)?;
    let target = snapshots::table
        .filter(snapshots::subscription.eq_any(&due))
        .filter(snapshots::signals_due_at.le(now));
    let update = diesel::update(target).set(snapshots::signals_due_at.eq(micros(until)));
    let claimed: Vec<(String, String)> = each!(connection, |c| {
        update.returning((snapshots::subscription, snapshots::stripe_customer)).get_results(c)
    })?;
    let owners = owners(connection, claimed.iter().map(|(_, stripe)| stripe.as_str()).collect())?;
    let check = |(subscription, stripe): (String, String)| {
        let customer = owners.get(&stripe).unwrap_or(&stripe);
        Ok(SignalCheck {
            subscription: parsed("snapshots.subscription", &subscription)?,
            customer: parsed("snapshots.stripe_customer", customer)?,
            lease_until: until,
        })
    };
    claimed.into_iter().map(check).collect()
}

/// The app's customers that are linked to these Stripe customers; of several the first.
fn owners(connection: &mut Link, stripe: Vec<&str>) -> QueryResult<HashMap<String, String>> {
    let rows: Vec<(Option<String>, String)> = customers::table
        .filter(customers::stripe_customer.eq_any(stripe))
        .order(customers::id.desc())
        .select((customers::stripe_customer, customers::id))
        .load(connection)?;
    Ok(rows.into_iter().filter_map(|(stripe, id)| Some((stripe?, id))).collect())
}

/// The Stripe customers behind these customers of the app's.
pub(super) fn payers(connection: &mut Link, customers: &[&CustomerId]) -> QueryResult<Vec<String>> {
    let ids: Vec<&str> = customers.iter().map(|customer| customer.as_str()).collect();
    let linked: Vec<Option<String>> = customers::table
        .filter(customers::id.eq_any(ids))
        .filter(customers::stripe_customer.is_not_null())
        .select(customers::stripe_customer)
        .load(connection)?;
    let own = customers.iter().filter_map(|customer| customer.as_stripe()).map(|own| own.to_string());
    Ok(linked.into_iter().flatten().chain(own).collect())
}

/// The Stripe customer behind a customer of the app's.
pub(super) fn payer(customer: &CustomerId, linked: Option<&StripeCustomerId>) -> Option<String> {
    linked.map(ToString::to_string).or_else(|| customer.as_stripe().map(|own| own.to_string()))
}

fn raise(connection: &mut Link, record: &SignalRecord, quiet_since: Timestamp) -> Result<bool, Failure> {
    let row = Raising {
        id: record.id.to_string(),
        subscription: record.subscription.to_string(),
        key: record.key.to_string(),
        customer: record.customer.to_string(),
        livemode: record.livemode,
        flow_key: record.flow.key.to_string(),
        flow_version: record.flow.version,
        segments: json("signals.segments", &record.segments).map_err(|_| malformed("signals.segments"))?,
        raised_at: micros(record.raised_at),
        quiet_since: micros(quiet_since),
    };
    if each!(&mut *connection, |c| Raise(&row).execute(c))? == 0 {
        return Ok(false);
    }
    let told = SignalRaised {
        signal: record.id,
        key: record.key.clone(),
        flow: record.flow.clone(),
        segments: record.segments.clone(),
    };
    let event = NewEvent {
        livemode: record.livemode,
        customer: Some(record.customer.clone()),
        subscription: record.subscription.clone(),
        session: None,
        once: None,
        data: EventData::SignalRaised(told),
    };
    let event = EventRow::new(event, record.raised_at).map_err(|_| malformed("events.data"))?;
    events::insert(connection, &[&event])?;
    Ok(true)
}

/// Says when to look again, where the claim still stands. Most looks have the same next time.
fn put_off(connection: &mut Link, looks: &[SignalLook]) -> QueryResult<()> {
    let mut alike: BTreeMap<(i64, i64), Vec<&str>> = BTreeMap::new();
    for SignalLook { check, next, .. } in looks {
        alike
            .entry((micros(check.lease_until), micros(*next)))
            .or_default()
            .push(check.subscription.as_str());
    }
    for ((lease, next), subscriptions) in alike {
        let target = snapshots::table
            .filter(snapshots::subscription.eq_any(subscriptions))
            .filter(snapshots::signals_due_at.eq(lease));
        diesel::update(target).set(snapshots::signals_due_at.eq(next)).execute(connection)?;
    }
    Ok(())
}

impl Store {
    /// Claims subscriptions that are due for a look, the longest due first, at most `limit` and [`MAX_PAGE`].
    ///
    /// # Errors
    /// When it cannot be written.
    pub async fn claim_signal_checks(
        &self,
        now: Timestamp,
        lease_until: Timestamp,
        limit: u32,
    ) -> Result<Vec<SignalCheck>, StoreError> {
        self.write(move |connection| claim(connection, micros(now), lease_until, limit.min(MAX_PAGE).into()))
            .await
    }

    /// Raises the signals of these looks, each with its event, unless it was raised within its cooldown; and says when to
    /// look again, unless something has changed meanwhile. How many were raised.
    ///
    /// # Errors
    /// When it cannot be written.
    pub async fn settle_signal_checks(
        &self,
        looks: Vec<SignalLook>,
        flow: FlowRef,
        now: Timestamp,
    ) -> Result<usize, StoreError> {
        self.write(move |connection| {
            let mut raised = 0;
            for (look, signal) in
                looks.iter().flat_map(|look| look.signals.iter().map(move |one| (look, one)))
            {
                let record = SignalRecord {
                    id: SignalId::generate(now),
                    subscription: look.check.subscription.clone(),
                    key: signal.key.clone(),
                    customer: look.check.customer.clone(),
                    livemode: look.livemode,
                    flow: flow.clone(),
                    segments: signal.segments.clone(),
                    raised_at: now,
                };
                let quiet_since = now.checked_sub(signal.cooldown).unwrap_or(Timestamp::MIN);
                raised += usize::from(raise(connection, &record, quiet_since)?);
            }
            put_off(connection, &looks)?;
            Ok(raised)
        })
        .await
    }

    /// Signals as last raised, the newest first, from behind `cursor`; at most [`MAX_PAGE`].
    ///
    /// # Errors
    /// When the database cannot be asked.
    pub async fn signals(
        &self,
        filter: SignalFilter,
        cursor: Option<SignalId>,
        limit: u32,
    ) -> Result<Vec<SignalRecord>, StoreError> {
        self.read(move |connection| {
            let mut query = dsl::signals.select(SignalRow::as_select()).into_boxed::<AnyBackend>();
            if let Some(key) = &filter.key {
                query = query.filter(dsl::key.eq(key.as_str()));
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
            page.load(connection)?.into_iter().map(SignalRow::read).collect()
        })
        .await
    }
}
