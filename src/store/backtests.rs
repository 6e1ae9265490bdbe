//! Backtests: drafts tried on recorded sessions, how far each has come, and what each session would have been offered.

use diesel::dsl::count_star;
use diesel::prelude::*;
use jiff::Timestamp;

use super::Store;
use super::connection::{AnyBackend, Link};
use super::decisions::{self, DecisionRecord};
use super::error::{Failure, StoreError, malformed, unreadable};
use super::operations::Lease;
use super::page::MAX_PAGE;
use super::schema::{backtest_sessions, backtests, backtests::dsl, sessions};
use super::sessions::{Stored, read};
use super::text::{json, parsed, whole};
use super::time::{instant, micros};
use crate::domain::backtest::{Backtested, Tally};
use crate::domain::ids::{BacktestId, SessionId};
use crate::domain::offer::Key;

/// A draft tried on the sessions of a period.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Backtest {
    /// Its id.
    pub id: BacktestId,
    /// The flow whose sessions are decided again.
    pub flow: Key,
    /// The published version that is tried; none for a draft.
    pub version: Option<i32>,
    /// What is tried, as canonical JSON.
    pub document: String,
    /// Sessions begun at this instant or later.
    pub from: Timestamp,
    /// Sessions begun before this instant.
    pub to: Timestamp,
    /// How many those were when it was asked for.
    pub total: u64,
    /// The last session that was decided again.
    pub cursor: Option<SessionId>,
    /// What it has come to so far.
    pub tally: Tally,
    /// Who asked for it.
    pub actor: String,
    /// When it was asked for.
    pub created_at: Timestamp,
    /// When it came to its end.
    pub finished_at: Option<Timestamp>,
}

#[derive(Queryable, Selectable, Insertable)]
#[diesel(table_name = backtests)]
struct BacktestRow {
    id: String,
    flow_key: String,
    version: Option<i32>,
    document: String,
    created_from: i64,
    created_to: i64,
    total: i64,
    cursor: Option<String>,
    tally: String,
    actor: String,
    created_at: i64,
    finished_at: Option<i64>,
}

impl BacktestRow {
    fn new(backtest: Backtest) -> Result<Self, StoreError> {
        Ok(Self {
            id: backtest.id.to_string(),
            flow_key: backtest.flow.to_string(),
            version: backtest.version,
            document: whole("the document", backtest.document)?,
            created_from: micros(backtest.from),
            created_to: micros(backtest.to),
            total: i64::try_from(backtest.total).unwrap_or(i64::MAX),
            cursor: backtest.cursor.map(|cursor| cursor.to_string()),
            tally: json("backtests.tally", &backtest.tally)?,
            actor: whole("the actor", backtest.actor)?,
            created_at: micros(backtest.created_at),
            finished_at: backtest.finished_at.map(micros),
        })
    }

    fn read(self) -> Result<Backtest, Failure> {
        let cursor = self.cursor.map(|cursor| cursor.parse()).transpose();
        Ok(Backtest {
            id: parsed("backtests.id", &self.id)?,
            flow: parsed("backtests.flow_key", &self.flow_key)?,
            version: self.version,
            document: self.document,
            from: instant("backtests.created_from", self.created_from)?,
            to: instant("backtests.created_to", self.created_to)?,
            total: u64::try_from(self.total).unwrap_or(0),
            cursor: cursor.map_err(|_| malformed("backtests.cursor"))?,
            tally: serde_json::from_str(&self.tally)
                .map_err(|error| unreadable("backtests.tally", &error))?,
            actor: self.actor,
            created_at: instant("backtests.created_at", self.created_at)?,
            finished_at: self.finished_at.map(|at| instant("backtests.finished_at", at)).transpose()?,
        })
    }
}

/// What a step of a backtest came to.
#[derive(Clone, Debug)]
pub struct BacktestStep {
    /// The backtest.
    pub id: BacktestId,
    /// Who is at it, and until when from now on.
    pub lease: Lease,
    /// The last session of the step; none where there were no more.
    pub cursor: Option<SessionId>,
    /// What all steps together came to.
    pub tally: Tally,
    /// The step's sessions.
    pub sessions: Vec<Backtested>,
    /// When the whole came to its end, if this was the last step.
    pub finished_at: Option<Timestamp>,
}

/// The sessions of a flow begun in a period, as a condition: of those that go on with each other the last. Their ids follow
/// their beginnings, and ids are indexed.
macro_rules! of_period {
    ($flow:expr, $from:expr, $to:expr) => {
        sessions::flow_key
            .eq($flow.as_str())
            .and(sessions::id.ge(SessionId::least_at($from).to_string()))
            .and(sessions::created_at.ge(micros($from)))
            .and(sessions::created_at.lt(micros($to)))
            .and(sessions::reentered.eq(false))
    };
}

fn step(connection: &mut Link, step: &BacktestStep, tally: &str, bodies: &[String]) -> Result<bool, Failure> {
    let held = dsl::backtests
        .find(step.id.to_string())
        .filter(dsl::lease_owner.eq(&step.lease.owner))
        .filter(dsl::finished_at.is_null());
    let lease = step.finished_at.is_none().then(|| (step.lease.owner.clone(), micros(step.lease.until)));
    let (owner, until) = lease.unzip();
    let update = diesel::update(held).set((
        dsl::tally.eq(tally),
        dsl::finished_at.eq(step.finished_at.map(micros)),
        dsl::lease_owner.eq(owner),
        dsl::lease_until.eq(until),
    ));
    if update.execute(connection)? == 0 {
        return Ok(false);
    }
    if let Some(cursor) = step.cursor {
        diesel::update(dsl::backtests.find(step.id.to_string()))
            .set(dsl::cursor.eq(cursor.to_string()))
            .execute(connection)?;
    }
    for (session, body) in step.sessions.iter().zip(bodies) {
        diesel::insert_into(backtest_sessions::table)
            .values((
                backtest_sessions::backtest_id.eq(step.id.to_string()),
                backtest_sessions::session_id.eq(session.session.to_string()),
                backtest_sessions::changed.eq(session.is_changed()),
                backtest_sessions::body.eq(body),
            ))
            .execute(connection)?;
    }
    Ok(true)
}

impl Store {
    /// Keeps a new backtest; its `total` is counted here.
    ///
    /// # Errors
    /// When it cannot be written.
    pub async fn add_backtest(&self, backtest: Backtest) -> Result<Backtest, StoreError> {
        let Backtest { flow, from, to, .. } = backtest.clone();
        let total: i64 = self
            .read(move |connection| {
                let sessions = sessions::table.filter(of_period!(flow, from, to));
                Ok(sessions.select(count_star()).first(connection)?)
            })
            .await?;
        let backtest = Backtest { total: u64::try_from(total).unwrap_or(0), ..backtest };
        let row = BacktestRow::new(backtest.clone())?;
        self.write(move |connection| {
            diesel::insert_into(backtests::table).values(&row).execute(connection)?;
            Ok(())
        })
        .await?;
        Ok(backtest)
    }

    /// A backtest.
    ///
    /// # Errors
    /// When the database cannot be asked.
    pub async fn backtest(&self, id: BacktestId) -> Result<Option<Backtest>, StoreError> {
        self.read(move |connection| {
            let query = dsl::backtests.find(id.to_string()).select(BacktestRow::as_select());
            query.first(connection).optional()?.map(BacktestRow::read).transpose()
        })
        .await
    }

    /// Backtests of a flow, the newest first, from behind `cursor`; at most [`MAX_PAGE`].
    ///
    /// # Errors
    /// When the database cannot be asked.
    pub async fn backtests(
        &self,
        flow: Key,
        cursor: Option<BacktestId>,
        limit: u32,
    ) -> Result<Vec<Backtest>, StoreError> {
        self.read(move |connection| {
            let mut query = dsl::backtests.filter(dsl::flow_key.eq(flow.as_str())).into_boxed::<AnyBackend>();
            if let Some(cursor) = cursor {
                query = query.filter(dsl::id.lt(cursor.to_string()));
            }
            let query = query.order(dsl::id.desc()).limit(limit.min(MAX_PAGE).into());
            query
                .select(BacktestRow::as_select())
                .load(connection)?
                .into_iter()
                .map(BacktestRow::read)
                .collect()
        })
        .await
    }

    /// How many backtests are not finished.
    ///
    /// # Errors
    /// When the database cannot be asked.
    pub async fn unfinished_backtests(&self) -> Result<u64, StoreError> {
        self.read(|connection| {
            let query = dsl::backtests.filter(dsl::finished_at.is_null()).select(count_star());
            let count: i64 = query.first(connection)?;
            Ok(u64::try_from(count).unwrap_or(0))
        })
        .await
    }

    /// Claims the oldest backtest that is not finished and that nobody is at.
    ///
    /// # Errors
    /// When it cannot be written.
    pub async fn claim_backtest(&self, lease: Lease, now: Timestamp) -> Result<Option<Backtest>, StoreError> {
        let lease = Lease { owner: whole("the lease's owner", lease.owner)?, ..lease };
        self.write(move |connection| {
            let at = micros(now);
            macro_rules! free {
                () => {
                    dsl::finished_at
                        .is_null()
                        .and(dsl::lease_until.is_null().or(dsl::lease_until.le(at).assume_not_null()))
                };
            }
            let oldest = dsl::backtests.filter(free!()).order(dsl::id).select(dsl::id);
            let Some(id) = oldest.first::<String>(connection).optional()? else { return Ok(None) };
            // The whole condition again: another process may have been quicker.
            let claim = diesel::update(dsl::backtests.find(&id).filter(free!()))
                .set((dsl::lease_owner.eq(&lease.owner), dsl::lease_until.eq(micros(lease.until))));
            if claim.execute(connection)? == 0 {
                return Ok(None);
            }
            let claimed = dsl::backtests.find(&id).select(BacktestRow::as_select());
            claimed.first(connection)?.read().map(Some)
        })
        .await
    }

    /// The flow's sessions of a period, the oldest first, from behind `cursor`, each with its last decision; at most
    /// [`MAX_PAGE`]. Of an erased session there is no decision.
    ///
    /// # Errors
    /// When the database cannot be asked.
    pub async fn decided_sessions(
        &self,
        backtest: &Backtest,
        cursor: Option<SessionId>,
        limit: u32,
    ) -> Result<Vec<(Stored, Option<DecisionRecord>)>, StoreError> {
        let Backtest { flow, from, to, .. } = backtest.clone();
        self.read(move |connection| {
            let query = sessions::table
                .filter(of_period!(flow, from, to))
                .filter(sessions::id.gt(cursor.map(|cursor| cursor.to_string()).unwrap_or_default()))
                .order(sessions::id)
                .limit(limit.min(MAX_PAGE).into())
                .select((sessions::body, sessions::version));
            let found: Vec<Stored> =
                query.load(connection)?.into_iter().map(read).collect::<Result<_, Failure>>()?;
            let mut last = decisions::last_of(connection, found.iter().map(|stored| stored.session.id))?;
            Ok(found
                .into_iter()
                .map(|stored| {
                    let decision = last.remove(&stored.session.id);
                    (stored, decision)
                })
                .collect())
        })
        .await
    }

    /// Takes down a step of a backtest, if the lease still holds; says whether.
    ///
    /// # Errors
    /// When it cannot be written.
    pub async fn record_backtest(&self, done: BacktestStep) -> Result<bool, StoreError> {
        let tally = json("backtests.tally", &done.tally)?;
        let bodies = done.sessions.iter().map(|session| json("backtest_sessions.body", session));
        let bodies = bodies.collect::<Result<Vec<_>, _>>()?;
        self.write(move |connection| step(connection, &done, &tally, &bodies)).await
    }

    /// Leaves a backtest off, for whoever comes next.
    ///
    /// # Errors
    /// When it cannot be written.
    pub async fn release_backtest(&self, id: BacktestId, owner: &str) -> Result<(), StoreError> {
        let owner = whole("the lease's owner", owner.to_owned())?;
        self.write(move |connection| {
            diesel::update(dsl::backtests.find(id.to_string()).filter(dsl::lease_owner.eq(&owner)))
                .set((dsl::lease_owner.eq(None::<String>), dsl::lease_until.eq(None::<i64>)))
                .execute(connection)?;
            Ok(())
        })
        .await
    }

    /// What sessions would have been offered, the oldest session first, from behind `cursor`; with `changed` only those
    /// that would have been offered something else (or only the others). At most [`MAX_PAGE`].
    ///
    /// # Errors
    /// When the database cannot be asked.
    pub async fn backtested_sessions(
        &self,
        id: BacktestId,
        changed: Option<bool>,
        cursor: Option<SessionId>,
        limit: u32,
    ) -> Result<Vec<Backtested>, StoreError> {
        self.read(move |connection| {
            let mut query = backtest_sessions::table
                .filter(backtest_sessions::backtest_id.eq(id.to_string()))
                .into_boxed::<AnyBackend>();
            if let Some(cursor) = cursor {
                query = query.filter(backtest_sessions::session_id.gt(cursor.to_string()));
            }
            if let Some(changed) = changed {
                query = query.filter(backtest_sessions::changed.eq(changed));
            }
            let query = query.order(backtest_sessions::session_id).limit(limit.min(MAX_PAGE).into());
            let bodies: Vec<String> = query.select(backtest_sessions::body).load(connection)?;
            let read = |body: &String| serde_json::from_str(body);
            let unreadable = |error| unreadable("backtest_sessions.body", &error);
            bodies.iter().map(read).collect::<Result<_, _>>().map_err(unreadable)
        })
        .await
    }

    /// Forgets backtests asked for before `before`.
    ///
    /// # Errors
    /// When it cannot be written.
    pub async fn purge_backtests(&self, before: Timestamp) -> Result<(), StoreError> {
        self.write(move |connection| {
            let old = BacktestId::least_at(before).to_string();
            diesel::delete(dsl::backtests.filter(dsl::id.lt(old))).execute(connection)?;
            Ok(())
        })
        .await
    }
}
