//! The arms that customers were in, one row for each session and experiment.

use diesel::prelude::*;
use diesel::sql_types::{BigInt, Integer, Text};
use jiff::Timestamp;

use super::Store;
use super::connection::{Link, each};
use super::error::{Failure, StoreError, malformed, unreadable};
use super::schema::{session_experiments, sessions};
use super::statement::{many_rows, one_row};
use super::text::{json, parsed};
use super::time::micros;
use crate::domain::experiment::{Assignment, Exposure, Share};
use crate::domain::ids::{CustomerId, SessionId};
use crate::domain::offer::Key;

pub(super) struct ExposureRow {
    session_id: String,
    experiment: String,
    arm: String,
    propensity: i32,
    shares: String,
    exposed_at: i64,
}

/// The rows of a session's exposures.
pub(super) fn rows(
    session: SessionId,
    exposures: &[Exposure],
    now: Timestamp,
) -> Result<Vec<ExposureRow>, StoreError> {
    let row = |Exposure { assignment, shares }: &Exposure| {
        Ok(ExposureRow {
            session_id: session.to_string(),
            experiment: assignment.experiment.to_string(),
            arm: assignment.arm.to_string(),
            propensity: i32::try_from(assignment.propensity.millionths()).unwrap_or(i32::MAX),
            shares: json("session_experiments.shares", shares)?,
            exposed_at: micros(now),
        })
    };
    exposures.iter().map(row).collect()
}

one_row!(InsertExposure(ExposureRow) =
    "INSERT INTO session_experiments (session_id, experiment, arm, propensity, shares, exposed_at) VALUES ("
    session_id: Text, ", " experiment: Text, ", " arm: Text, ", " propensity: Integer, ", " shares: Text,
    ", " exposed_at: BigInt; ") ON CONFLICT (session_id, experiment) DO NOTHING");

many_rows!(pub(super) InsertExposures(ExposureRow) =
    "INSERT INTO session_experiments (session_id, experiment, arm, propensity, shares, exposed_at) \
     SELECT * FROM unnest("
    [session_id: String => Text, experiment: String => Text, arm: String => Text, propensity: i32 => Integer,
     shares: String => Text, exposed_at: i64 => BigInt]
    ") ON CONFLICT (session_id, experiment) DO NOTHING" returning Text);

one_row!(pub(super) ExposureValues(ExposureRow) =
    "(" session_id: Text, ", " experiment: Text, ", " arm: Text, ", " propensity: Integer, ", " shares: Text,
    ", " exposed_at: BigInt; ")");

many_rows!(pub(super) ExposuresOfBegun(ExposureRow) =
    "INSERT INTO session_experiments (session_id, experiment, arm, propensity, shares, exposed_at) \
     SELECT r.* FROM unnest("
    [session_id: String => Text, experiment: String => Text, arm: String => Text, propensity: i32 => Integer,
     shares: String => Text, exposed_at: i64 => BigInt]
    ") AS r (session_id, experiment, arm, propensity, shares, exposed_at) \
     WHERE r.session_id IN (SELECT id FROM begun)" returning Text);

/// Inserts those that are new to their sessions.
pub(super) fn insert(connection: &mut Link, rows: &[&ExposureRow]) -> QueryResult<()> {
    if let (Link::Postgres(pg), [_, _, ..]) = (&mut *connection, rows) {
        return InsertExposures::new(rows).execute(pg).map(drop);
    }
    for row in rows {
        each!(connection, |c| InsertExposure(row).execute(c))?;
    }
    Ok(())
}

/// What was recorded of a customer in a flow, the oldest first.
pub(super) fn find(
    connection: &mut Link,
    customer: &CustomerId,
    flow: &Key,
) -> Result<Vec<Exposure>, Failure> {
    use session_experiments as exposures;
    let rows: Vec<(String, String, i32, String)> = exposures::table
        .inner_join(sessions::table)
        .filter(sessions::customer.eq(customer.as_str()))
        .filter(sessions::flow_key.eq(flow.as_str()))
        .order((exposures::exposed_at, exposures::session_id))
        .select((exposures::experiment, exposures::arm, exposures::propensity, exposures::shares))
        .load(connection)?;
    rows.into_iter().map(read).collect()
}

fn read((experiment, arm, propensity, shares): (String, String, i32, String)) -> Result<Exposure, Failure> {
    let key = |text: &str| parsed("session_experiments.experiment", text);
    let propensity = u32::try_from(propensity).map_err(|_| malformed("session_experiments.propensity"))?;
    Ok(Exposure {
        assignment: Assignment {
            experiment: key(&experiment)?,
            arm: key(&arm)?,
            propensity: Share::of_millionths(propensity),
        },
        shares: serde_json::from_str(&shares)
            .map_err(|error| unreadable("session_experiments.shares", &error))?,
    })
}

impl Store {
    /// The arms of experiments that were recorded of a customer in a flow, the oldest first.
    ///
    /// # Errors
    /// When the database cannot be asked.
    pub async fn exposures(&self, customer: &CustomerId, flow: &Key) -> Result<Vec<Exposure>, StoreError> {
        let (customer, flow) = (customer.clone(), flow.clone());
        self.read(move |connection| find(connection, &customer, &flow)).await
    }
}
