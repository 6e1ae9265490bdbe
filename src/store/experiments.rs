//! What became of the customers of experiments.

use diesel::dsl::{self, min};
use diesel::prelude::*;
use diesel::sql_types::{BigInt, Bool, Integer, Nullable, Text};
use jiff::{SignedDuration, Timestamp};

use super::Store;
use super::connection::each;
use super::error::{Failure, StoreError, malformed, unreadable};
use super::figures::count;
use super::save_checks::verdict;
use super::schema::{session_experiments, sessions};
use super::summary::status;
use super::text::parsed;
use super::time::{instant, micros};
use crate::domain::offer::Key;
use crate::domain::statistics::{Found, Outcome};
use crate::domain::validation::Horizon;

/// How many customers an arm has.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ArmCount {
    /// The experiment.
    pub experiment: Key,
    /// The arm.
    pub arm: Key,
    /// Its customers.
    pub customers: u64,
    /// When the first came to it.
    pub since: Timestamp,
}

/// Of each customer the first session in which the experiment could matter (of those that count as one, the last), and those of them to whom the same happened
/// as one row. Grouped here, since of plans, costs and outcomes there are few kinds.
const OUTCOMES: &str = "WITH firsts AS (\
    SELECT e.session_id, e.arm, e.shares, s.status, s.currency, s.expires_at, \
        ROW_NUMBER() OVER (PARTITION BY s.customer ORDER BY e.exposed_at, e.session_id) AS place \
    FROM session_experiments AS e INNER JOIN sessions AS s ON s.id = e.session_id \
    WHERE e.experiment = $1 AND s.flow_key = $2 AND s.livemode = $3 AND NOT s.reentered), \
told AS (\
    SELECT f.arm, f.shares, f.status, f.currency, \
        CASE WHEN f.expires_at > $4 THEN 0 WHEN f.expires_at > $5 THEN 1 WHEN f.expires_at > $6 THEN 2 \
            WHEN f.expires_at > $7 THEN 3 ELSE 4 END AS age, \
        COALESCE((SELECT CAST(SUM(o.cost) AS BIGINT) FROM session_offers AS o \
            WHERE o.session_id = f.session_id AND o.state = 'accepted'), 0) AS cost, \
        a.verdict AS verdict_30, a.mrr AS mrr_30, b.verdict AS verdict_60, b.mrr AS mrr_60, \
        c.verdict AS verdict_90, c.mrr AS mrr_90 \
    FROM firsts AS f \
    LEFT JOIN save_checks AS a ON a.session_id = f.session_id AND a.horizon = 30 \
    LEFT JOIN save_checks AS b ON b.session_id = f.session_id AND b.horizon = 60 \
    LEFT JOIN save_checks AS c ON c.session_id = f.session_id AND c.horizon = 90 \
    WHERE f.place = 1) \
SELECT arm, shares, status, currency, age, cost, verdict_30, mrr_30, verdict_60, mrr_60, verdict_90, mrr_90, \
    COUNT(*) AS customers FROM told \
GROUP BY arm, shares, status, currency, age, cost, verdict_30, mrr_30, verdict_60, mrr_60, verdict_90, mrr_90";

#[derive(QueryableByName)]
struct OutcomeRow {
    #[diesel(sql_type = Text)]
    arm: String,
    #[diesel(sql_type = Text)]
    shares: String,
    #[diesel(sql_type = Text)]
    status: String,
    #[diesel(sql_type = Nullable<Text>)]
    currency: Option<String>,
    #[diesel(sql_type = Integer)]
    age: i32,
    #[diesel(sql_type = BigInt)]
    cost: i64,
    #[diesel(sql_type = Nullable<Text>)]
    verdict_30: Option<String>,
    #[diesel(sql_type = Nullable<BigInt>)]
    mrr_30: Option<i64>,
    #[diesel(sql_type = Nullable<Text>)]
    verdict_60: Option<String>,
    #[diesel(sql_type = Nullable<BigInt>)]
    mrr_60: Option<i64>,
    #[diesel(sql_type = Nullable<Text>)]
    verdict_90: Option<String>,
    #[diesel(sql_type = Nullable<BigInt>)]
    mrr_90: Option<i64>,
    #[diesel(sql_type = BigInt)]
    customers: i64,
}

impl OutcomeRow {
    fn read(self) -> Result<Outcome, Failure> {
        let found = |word: Option<String>, mrr: Option<i64>| {
            Ok::<_, Failure>(match word.map(|word| verdict(&word)).transpose()? {
                None => Found::Waiting,
                Some(None) => Found::Unknown,
                Some(Some(false)) => Found::Lost,
                Some(Some(true)) => Found::Held(mrr.unwrap_or(0)),
            })
        };
        let currency = self.currency.map(|text| parsed("sessions.currency", &text));
        Ok(Outcome {
            arm: parsed("session_experiments.arm", &self.arm)?,
            shares: serde_json::from_str(&self.shares)
                .map_err(|error| unreadable("session_experiments.shares", &error))?,
            customers: count(self.customers),
            status: status(&self.status)?,
            over: self.age >= 1,
            reached: usize::try_from(self.age - 1).unwrap_or(0),
            found: [
                found(self.verdict_30, self.mrr_30)?,
                found(self.verdict_60, self.mrr_60)?,
                found(self.verdict_90, self.mrr_90)?,
            ],
            cost: self.cost,
            currency: currency.transpose()?,
        })
    }
}

impl Store {
    /// What had become of the customers of an experiment by `now`, each with the first session in which it could matter.
    ///
    /// # Errors
    /// When the database cannot be asked.
    pub async fn experiment_outcomes(
        &self,
        flow: &Key,
        experiment: &Key,
        livemode: bool,
        now: Timestamp,
    ) -> Result<Vec<Outcome>, StoreError> {
        let (flow, experiment) = (flow.to_string(), experiment.to_string());
        let before = |horizon: Horizon| {
            let days = SignedDuration::from_hours(24 * i64::from(horizon.days()));
            micros(now.checked_sub(days).unwrap_or(Timestamp::MIN))
        };
        let [first, second, third] = Horizon::ALL.map(before);
        self.read(move |connection| {
            // In the order of their numbers, by which PostgreSQL knows them and in which SQLite counts them.
            let rows: Vec<OutcomeRow> = each!(connection, |c| diesel::sql_query(OUTCOMES)
                .bind::<Text, _>(&experiment)
                .bind::<Text, _>(&flow)
                .bind::<Bool, _>(livemode)
                .bind::<BigInt, _>(micros(now))
                .bind::<BigInt, _>(first)
                .bind::<BigInt, _>(second)
                .bind::<BigInt, _>(third)
                .load(c))?;
            rows.into_iter().map(OutcomeRow::read).collect()
        })
        .await
    }

    /// How many customers each arm of each experiment of a flow has.
    ///
    /// # Errors
    /// When the database cannot be asked.
    pub async fn experiment_arms(&self, flow: &Key, livemode: bool) -> Result<Vec<ArmCount>, StoreError> {
        use session_experiments as exposures;
        let flow = flow.to_string();
        self.read(move |connection| {
            let rows: Vec<(String, String, i64, Option<i64>)> = exposures::table
                .inner_join(sessions::table)
                .filter(sessions::flow_key.eq(&flow))
                .filter(sessions::livemode.eq(livemode))
                .group_by((exposures::experiment, exposures::arm))
                .order((exposures::experiment, exposures::arm))
                .select((
                    exposures::experiment,
                    exposures::arm,
                    dsl::count(sessions::customer).aggregate_distinct(),
                    min(exposures::exposed_at),
                ))
                .load(connection)?;
            let read = |(experiment, arm, customers, since): (String, String, i64, Option<i64>)| {
                Ok(ArmCount {
                    experiment: experiment
                        .parse()
                        .map_err(|_| malformed("session_experiments.experiment"))?,
                    arm: parsed("session_experiments.arm", &arm)?,
                    customers: count(customers),
                    since: instant("session_experiments.exposed_at", since.unwrap_or_default())?,
                })
            };
            rows.into_iter().map(read).collect()
        })
        .await
    }
}
