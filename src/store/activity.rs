//! Activity: on which days each customer was active, a few bytes a customer.
//!
//! A row is read, added to and written back under its version, so that two processes that tell of different days lose
//! none of them.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use diesel::prelude::*;
use diesel::sql_types::{BigInt, Binary, Integer, Text};
use jiff::Timestamp;

use super::Store;
use super::connection::{Link, each};
use super::error::{Failure, StoreError, malformed};
use super::schema::activity::{self, dsl};
use super::signals;
use super::statement::{many_rows, one_row};
use super::time::{instant, micros};
use crate::domain::ids::CustomerId;
use crate::domain::usage::{Day, Usage};

/// Days to add, by customer.
pub type ActiveDays = BTreeMap<CustomerId, BTreeSet<Day>>;

#[derive(Queryable, Selectable)]
#[diesel(table_name = activity)]
struct ActivityRow {
    customer: String,
    first_day: i32,
    last_day: i32,
    days: Vec<u8>,
    updated_at: i64,
    version: i64,
}

/// The columns that say what a customer's usage is.
#[derive(Queryable, Selectable)]
#[diesel(table_name = activity)]
pub(super) struct FoundActivity {
    first_day: i32,
    last_day: i32,
    days: Vec<u8>,
    updated_at: i64,
}

one_row!(PutActivity(ActivityRow) =
    "INSERT INTO activity (customer, first_day, last_day, days, updated_at, version) VALUES (" customer: Text,
    ", " first_day: Integer, ", " last_day: Integer, ", " days: Binary, ", " updated_at: BigInt, ", " version: BigInt;
    ") ON CONFLICT (customer) DO UPDATE SET first_day = excluded.first_day, last_day = excluded.last_day, \
     days = excluded.days, updated_at = excluded.updated_at, version = excluded.version \
     WHERE activity.version = excluded.version - 1");

many_rows!(PutActivities(ActivityRow) =
    "INSERT INTO activity (customer, first_day, last_day, days, updated_at, version) SELECT * FROM unnest("
    [customer: String => Text, first_day: i32 => Integer, last_day: i32 => Integer, days: Vec<u8> => Binary,
     updated_at: i64 => BigInt, version: i64 => BigInt]
    ") ON CONFLICT (customer) DO UPDATE SET first_day = excluded.first_day, last_day = excluded.last_day, \
     days = excluded.days, updated_at = excluded.updated_at, version = excluded.version \
     WHERE activity.version = excluded.version - 1" returning Text);

impl FoundActivity {
    pub(super) fn read(self) -> Result<Usage, Failure> {
        let days: [u8; 16] = self.days.try_into().map_err(|_| malformed("activity.days"))?;
        Ok(Usage {
            first: Day::numbered(self.first_day),
            last: Day::numbered(self.last_day),
            days: u128::from_be_bytes(days),
            updated_at: instant("activity.updated_at", self.updated_at)?,
        })
    }
}

impl ActivityRow {
    fn new(customer: &CustomerId, usage: &Usage, version: i64) -> Self {
        Self {
            customer: customer.to_string(),
            first_day: usage.first.number(),
            last_day: usage.last.number(),
            days: usage.days.to_be_bytes().to_vec(),
            updated_at: micros(usage.updated_at),
            version,
        }
    }

    fn read(self) -> Result<(String, Usage, i64), Failure> {
        let Self { customer, first_day, last_day, days, updated_at, version } = self;
        let found = FoundActivity { first_day, last_day, days, updated_at };
        Ok((customer, found.read()?, version))
    }
}

/// The columns of a customer who may have no activity.
pub(super) type Joined = (Option<i32>, Option<i32>, Option<Vec<u8>>, Option<i64>);

pub(super) fn joined((first, last, days, updated_at): Joined) -> Option<FoundActivity> {
    let (first_day, last_day) = first.zip(last)?;
    Some(FoundActivity { first_day, last_day, days: days?, updated_at: updated_at? })
}

pub(super) fn find_row(connection: &mut Link, customer: &CustomerId) -> QueryResult<Option<FoundActivity>> {
    dsl::activity.find(customer.as_str()).select(FoundActivity::as_select()).first(connection).optional()
}

fn add(connection: &mut Link, days: &ActiveDays, now: Timestamp) -> Result<(), Failure> {
    let customers: Vec<&str> = days.keys().map(CustomerId::as_str).collect();
    let found: Vec<ActivityRow> = dsl::activity
        .filter(dsl::customer.eq_any(customers))
        .select(ActivityRow::as_select())
        .load(connection)?;
    let mut known: HashMap<String, (Usage, i64)> = HashMap::new();
    for row in found {
        let (customer, usage, version) = row.read()?;
        known.insert(customer, (usage, version));
    }
    let mut rows = Vec::new();
    for (customer, days) in days {
        let known = known.remove(customer.as_str());
        let Some((usage, version)) = added(known, days, now) else { continue };
        rows.push(ActivityRow::new(customer, &usage, version));
    }
    write(connection, &rows.iter().collect::<Vec<_>>())?;
    // What a signal waits for may be so now.
    let payers = signals::payers(connection, &days.keys().collect::<Vec<_>>())?;
    signals::recheck(connection, &payers, micros(now))?;
    Ok(())
}

/// What is known with these days added; none where they tell nothing new.
fn added(known: Option<(Usage, i64)>, days: &BTreeSet<Day>, now: Timestamp) -> Option<(Usage, i64)> {
    let first = days.first()?;
    let new = known.is_none();
    let (mut usage, version) = known.unwrap_or_else(|| (Usage::starting(*first, now), 0));
    let changes = days.iter().filter(|day| usage.add(**day, now)).count();
    (new || changes > 0).then(|| (usage, version.saturating_add(1)))
}

/// Writes rows that stand in the order of their customers, so that writers do not wait for each other in a circle.
fn write(connection: &mut Link, rows: &[&ActivityRow]) -> Result<(), Failure> {
    let written = match (&mut *connection, rows) {
        (Link::Postgres(pg), [_, _, ..]) => PutActivities::new(rows).execute(pg)?,
        _ => {
            let one = |row: &&ActivityRow| each!(&mut *connection, |c| PutActivity(row).execute(c));
            rows.iter().map(one).sum::<QueryResult<usize>>()?
        }
    };
    // Somebody added to one of them in between; from the start, then.
    if written == rows.len() { Ok(()) } else { Err(Failure::Again) }
}

impl Store {
    /// On which days a customer was active.
    ///
    /// # Errors
    /// When the database cannot be asked.
    pub async fn usage_of(&self, customer: &CustomerId) -> Result<Option<Usage>, StoreError> {
        let customer = customer.clone();
        self.read(move |connection| find_row(connection, &customer)?.map(FoundActivity::read).transpose())
            .await
    }

    /// Those of the days that are not known yet.
    ///
    /// # Errors
    /// When the database cannot be asked.
    pub async fn new_active_days(&self, days: ActiveDays) -> Result<ActiveDays, StoreError> {
        self.read(move |connection| {
            let customers: Vec<&str> = days.keys().map(CustomerId::as_str).collect();
            let found: Vec<ActivityRow> = dsl::activity
                .filter(dsl::customer.eq_any(customers))
                .select(ActivityRow::as_select())
                .load(connection)?;
            let mut new = days.clone();
            for row in found {
                let (customer, usage, _) = row.read()?;
                if let Ok(customer) = customer.parse::<CustomerId>()
                    && let Some(days) = new.get_mut(&customer)
                {
                    days.retain(|day| !usage.knows(*day));
                }
            }
            new.retain(|_, days| !days.is_empty());
            Ok(new)
        })
        .await
    }

    /// Adds active days; those that are known already change nothing.
    ///
    /// # Errors
    /// When it cannot be written.
    pub async fn add_active_days(&self, days: ActiveDays, now: Timestamp) -> Result<(), StoreError> {
        self.write(move |connection| add(connection, &days, now)).await
    }
}
