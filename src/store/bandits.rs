//! The shares of bandits, one row for each day.

use diesel::prelude::*;

use super::Store;
use super::connection::each;
use super::error::{Failure, StoreError, unreadable};
use super::schema::bandit_shares::{self, dsl};
use super::text::{json, parsed};
use crate::domain::experiment::{Bandits, Shares};
use crate::domain::flow::limits::MAX_EXPERIMENTS;
use crate::domain::offer::Key;

type Row = (String, String);

fn read((experiment, shares): Row) -> Result<(Key, Shares), Failure> {
    let shares = serde_json::from_str(&shares).map_err(|error| unreadable("bandit_shares.shares", &error))?;
    Ok((key(&experiment)?, shares))
}

fn key(text: &str) -> Result<Key, Failure> {
    parsed("bandit_shares.experiment", text)
}

impl Store {
    /// The latest shares of a flow's bandits.
    ///
    /// # Errors
    /// When the database cannot be asked.
    pub async fn bandit_shares(&self, flow: &Key) -> Result<Bandits, StoreError> {
        let flow = flow.to_string();
        // Twice as many rows as a flow has experiments hold its last day, also where it had others the day before.
        let limit = i64::try_from(2 * MAX_EXPERIMENTS).unwrap_or(i64::MAX);
        self.read(move |connection| {
            let rows: Vec<Row> = dsl::bandit_shares
                .filter(dsl::flow_key.eq(&flow))
                .order((dsl::day.desc(), dsl::experiment))
                .limit(limit)
                .select((dsl::experiment, dsl::shares))
                .load(connection)?;
            // Of each the latest stays, which goes in last.
            rows.into_iter().rev().map(read).collect()
        })
        .await
    }

    /// The bandits of a flow whose shares of a day (`2027-03-04`, UTC) are there.
    ///
    /// # Errors
    /// When the database cannot be asked.
    pub async fn bandits_of_day(&self, flow: &Key, day: &str) -> Result<Vec<Key>, StoreError> {
        let (flow, day) = (flow.to_string(), day.to_owned());
        self.read(move |connection| {
            let rows: Vec<String> = dsl::bandit_shares
                .filter(dsl::flow_key.eq(&flow))
                .filter(dsl::day.eq(&day))
                .select(dsl::experiment)
                .load(connection)?;
            rows.iter().map(|text| key(text)).collect()
        })
        .await
    }

    /// Keeps the shares of a bandit for a day, unless another process was first. Says whether this one was.
    ///
    /// # Errors
    /// When it cannot be written.
    pub async fn put_bandit_shares(
        &self,
        flow: &Key,
        experiment: &Key,
        day: &str,
        shares: &Shares,
    ) -> Result<bool, StoreError> {
        let (flow, experiment, day) = (flow.to_string(), experiment.to_string(), day.to_owned());
        let shares = json("bandit_shares.shares", shares)?;
        self.write(move |connection| {
            let row = (
                dsl::flow_key.eq(&flow),
                dsl::experiment.eq(&experiment),
                dsl::day.eq(&day),
                dsl::shares.eq(&shares),
            );
            let insert = diesel::insert_into(bandit_shares::table).values(row);
            Ok(each!(connection, |c| insert.on_conflict_do_nothing().execute(c))? == 1)
        })
        .await
    }
}
