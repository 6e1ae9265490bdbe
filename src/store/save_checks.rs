//! The watch over saves: a row for each save and horizon, claimed when it is due, settled once.

use diesel::dsl::{not, sql};
use diesel::prelude::*;
use diesel::sql_types::Bool;
use jiff::Timestamp;

use super::Store;
use super::connection::{Link, each};
use super::error::{Failure, StoreError, malformed, unreadable};
use super::events::{self, EventRow};
use super::page::MAX_PAGE;
use super::schema::save_checks::{self, dsl};
use super::schema::sessions;
use super::session_rows::{self, SessionRow};
use super::sessions::{Stored, read};
use super::text::{json, parsed, whole};
use super::time::{instant, micros};
use crate::domain::event::{EventData, NewEvent, SaveChecked};
use crate::domain::ids::{SessionId, SubscriptionId};
use crate::domain::session::Session;
use crate::domain::validation::{Evidence, Finding, Horizon};

/// One look at one save.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SaveCheck {
    /// The session that ended in the save.
    pub session: SessionId,
    /// How long after it.
    pub horizon: Horizon,
    /// The subscription.
    pub subscription: SubscriptionId,
    /// When the save reaches the horizon.
    pub due_at: Timestamp,
    /// How often it was tried in vain.
    pub attempts: u32,
    /// When billing was asked, once it was.
    pub checked_at: Option<Timestamp>,
    /// Whether the save had held; none before it was checked, and where that could not be told.
    pub validated: Option<bool>,
    /// What billing showed.
    pub evidence: Option<Evidence>,
}

#[derive(Queryable, Selectable)]
#[diesel(table_name = save_checks)]
struct CheckRow {
    session_id: String,
    horizon: i32,
    subscription: String,
    due_at: i64,
    attempts: i32,
    checked_at: Option<i64>,
    verdict: Option<String>,
    evidence: Option<String>,
}

pub(super) const VALIDATED: &str = "validated";
const NOT_VALIDATED: &str = "not_validated";
const UNKNOWN: &str = "unknown";

pub(super) fn horizon(days: i32) -> Result<Horizon, Failure> {
    let known = Horizon::ALL.into_iter().find(|horizon| i32::from(horizon.days()) == days);
    known.ok_or_else(|| malformed("save_checks.horizon"))
}

/// The verdict as the judgement that it stands for.
pub(super) fn verdict(word: &str) -> Result<Option<bool>, Failure> {
    match word {
        VALIDATED => Ok(Some(true)),
        NOT_VALIDATED => Ok(Some(false)),
        UNKNOWN => Ok(None),
        _ => Err(malformed("save_checks.verdict")),
    }
}

impl CheckRow {
    fn read(self) -> Result<SaveCheck, Failure> {
        let evidence = self.evidence.map(|body| {
            serde_json::from_str(&body).map_err(|error| unreadable("save_checks.evidence", &error))
        });
        Ok(SaveCheck {
            session: parsed("save_checks.session_id", &self.session_id)?,
            horizon: horizon(self.horizon)?,
            subscription: parsed("save_checks.subscription", &self.subscription)?,
            due_at: instant("save_checks.due_at", self.due_at)?,
            attempts: u32::try_from(self.attempts).unwrap_or(0),
            checked_at: self.checked_at.map(|at| instant("save_checks.checked_at", at)).transpose()?,
            validated: self.verdict.map(|word| verdict(&word)).transpose()?.flatten(),
            evidence: evidence.transpose()?,
        })
    }
}

/// Not looked at yet, due, and held by nobody. A macro, as both the choice and the update must say all of it.
macro_rules! claimable {
    ($now:expr, $livemode:expr) => {
        dsl::settled
            .eq(false)
            .and(dsl::next_at.le($now))
            .and(dsl::livemode.eq($livemode))
            .and(dsl::lease_until.is_null().or(dsl::lease_until.le($now).assume_not_null()))
    };
}

fn due(connection: &mut Link, now: i64, livemode: bool, limit: i64) -> QueryResult<Vec<(String, i32)>> {
    let query = dsl::save_checks
        .filter(claimable!(now, livemode))
        .order((dsl::next_at, dsl::session_id, dsl::horizon))
        .limit(limit)
        .select((dsl::session_id, dsl::horizon));
    match connection {
        Link::Postgres(pg) => query.for_update().skip_locked().load(pg),
        Link::Sqlite(sqlite) => query.load(sqlite),
    }
}

fn watch(connection: &mut Link, limit: i64) -> Result<usize, Failure> {
    // In literals, so that both databases see that the partial index serves.
    let unwatched = sql::<Bool>("sessions.status = 'saved' AND NOT sessions.watched");
    let found: Vec<(String, String, bool, Option<i64>)> = sessions::table
        .filter(unwatched)
        .order(sessions::id)
        .limit(limit)
        .select((sessions::id, sessions::subscription, sessions::livemode, sessions::closed_at))
        .load(connection)?;
    for (id, subscription, livemode, closed_at) in &found {
        let saved_at =
            instant("sessions.closed_at", closed_at.ok_or_else(|| malformed("sessions.closed_at"))?)?;
        for horizon in Horizon::ALL {
            let due = micros(horizon.of(saved_at));
            let insert = diesel::insert_into(dsl::save_checks)
                .values((
                    (dsl::session_id.eq(id), dsl::horizon.eq(i32::from(horizon.days()))),
                    (dsl::subscription.eq(subscription), dsl::livemode.eq(livemode)),
                    (dsl::due_at.eq(due), dsl::next_at.eq(due), dsl::attempts.eq(0), dsl::settled.eq(false)),
                ))
                .on_conflict_do_nothing();
            each!(connection, |c| insert.execute(c))?;
        }
        diesel::update(sessions::table.find(id)).set(sessions::watched.eq(true)).execute(connection)?;
    }
    Ok(found.len())
}

fn told(check: &SaveCheck, finding: &Finding, saved: &Session) -> NewEvent {
    NewEvent {
        livemode: saved.livemode,
        customer: Some(saved.customer.clone()),
        subscription: check.subscription.clone(),
        session: Some(check.session),
        // A judgement is written once, and this with it.
        once: None,
        data: EventData::SaveChecked(SaveChecked {
            days: check.horizon.days(),
            validated: finding.validated,
            evidence: finding.evidence.clone(),
        }),
    }
}

/// Writes a judgement where none stands yet, and takes it down in the session. Says whether it did.
fn settle(
    connection: &mut Link,
    check: &SaveCheck,
    finding: &Finding,
    evidence: &str,
    now: Timestamp,
) -> Result<bool, Failure> {
    let session = check.session.to_string();
    let target =
        dsl::save_checks.find((&session, i32::from(check.horizon.days()))).filter(dsl::settled.eq(false));
    let verdict = match finding.validated {
        Some(true) => VALIDATED,
        Some(false) => NOT_VALIDATED,
        None => UNKNOWN,
    };
    let shown = &finding.evidence;
    let update = diesel::update(target).set((
        (dsl::settled.eq(true), dsl::checked_at.eq(micros(now)), dsl::verdict.eq(verdict)),
        (
            dsl::mrr.eq(shown.mrr.map(|mrr| mrr.amount)),
            dsl::discounts.eq(shown.discounts.map(|off| off.amount)),
        ),
        (dsl::currency.eq(shown.mrr.map(|mrr| mrr.currency.to_string())), dsl::evidence.eq(evidence)),
        (dsl::lease_owner.eq(None::<String>), dsl::lease_until.eq(None::<i64>)),
    ));
    if update.execute(connection)? == 0 {
        return Ok(false);
    }
    let query = sessions::table.find(&session).select((sessions::body, sessions::version));
    let found: Option<(String, i64)> = query.first(connection).optional()?;
    let Some(Stored { session: mut saved, version }) = found.map(read).transpose()? else { return Ok(false) };
    saved.validated.set(check.horizon, finding.validated);
    saved.updated_at = now;
    let row = SessionRow::new(&saved, version + 1).map_err(|_| malformed("sessions.body"))?;
    if session_rows::update(connection, &mut [&row])?.is_empty() {
        // Somebody changed it in between; from the start, then.
        return Err(Failure::Again);
    }
    let event = EventRow::new(told(check, finding, &saved), now).map_err(|_| malformed("events.data"))?;
    events::insert(connection, &[&event])?;
    Ok(true)
}

impl Store {
    /// Takes up saves that nobody watches yet: a check for each horizon. How many saves, at most `limit` and
    /// [`MAX_PAGE`].
    ///
    /// # Errors
    /// When it cannot be written.
    pub async fn watch_saves(&self, limit: u32) -> Result<usize, StoreError> {
        self.write(move |connection| watch(connection, limit.min(MAX_PAGE).into())).await
    }

    /// Claims checks that are due in this mode, the longest due first, at most `limit` and [`MAX_PAGE`].
    ///
    /// # Errors
    /// When it cannot be written.
    pub async fn claim_save_checks(
        &self,
        livemode: bool,
        owner: &str,
        now: Timestamp,
        lease_until: Timestamp,
        limit: u32,
    ) -> Result<Vec<SaveCheck>, StoreError> {
        let owner = whole("the lease's owner", owner.to_owned())?;
        self.write(move |connection| {
            let at = micros(now);
            let mut claimed = Vec::new();
            for (session, days) in due(connection, at, livemode, limit.min(MAX_PAGE).into())? {
                let target = dsl::save_checks
                    .filter(dsl::session_id.eq(session).and(dsl::horizon.eq(days)))
                    .filter(claimable!(at, livemode));
                let update = diesel::update(target)
                    .set((dsl::lease_owner.eq(&owner), dsl::lease_until.eq(micros(lease_until))));
                let row: Option<CheckRow> =
                    each!(connection, |c| update.returning(CheckRow::as_returning()).get_result(c))
                        .optional()?;
                claimed.extend(row.map(CheckRow::read).transpose()?);
            }
            Ok(claimed)
        })
        .await
    }

    /// The checks of a subscription that are still to come.
    ///
    /// # Errors
    /// When the database cannot be asked.
    pub async fn save_checks_to_come(
        &self,
        subscription: &SubscriptionId,
    ) -> Result<Vec<SaveCheck>, StoreError> {
        let subscription = subscription.to_string();
        self.read(move |connection| {
            let query = dsl::save_checks
                .filter(dsl::subscription.eq(&subscription))
                .filter(not(dsl::settled))
                .order((dsl::session_id, dsl::horizon))
                .select(CheckRow::as_select());
            query.load(connection)?.into_iter().map(CheckRow::read).collect()
        })
        .await
    }

    /// Every check of a save, the nearest horizon first; none where the session is no save, or not watched yet.
    ///
    /// # Errors
    /// When the database cannot be asked.
    pub async fn save_checks(&self, session: SessionId) -> Result<Vec<SaveCheck>, StoreError> {
        self.read(move |connection| {
            let query = dsl::save_checks.filter(dsl::session_id.eq(session.to_string())).order(dsl::horizon);
            query.select(CheckRow::as_select()).load(connection)?.into_iter().map(CheckRow::read).collect()
        })
        .await
    }

    /// Writes a judgement, and takes it down in the session. Says whether it did: what has been judged stays.
    ///
    /// # Errors
    /// When it cannot be written.
    pub async fn settle_save_check(
        &self,
        check: SaveCheck,
        finding: Finding,
        now: Timestamp,
    ) -> Result<bool, StoreError> {
        let evidence = json("save_checks.evidence", &finding.evidence)?;
        self.write(move |connection| settle(connection, &check, &finding, &evidence, now)).await
    }

    /// Puts a check that could not be made back for later.
    ///
    /// # Errors
    /// When it cannot be written.
    pub async fn postpone_save_check(&self, check: SaveCheck, next_at: Timestamp) -> Result<(), StoreError> {
        self.write(move |connection| {
            let session = check.session.to_string();
            let target = dsl::save_checks
                .find((&session, i32::from(check.horizon.days())))
                .filter(dsl::settled.eq(false));
            let update = diesel::update(target).set((
                dsl::next_at.eq(micros(next_at)),
                dsl::attempts.eq(dsl::attempts + 1),
                dsl::lease_owner.eq(None::<String>),
                dsl::lease_until.eq(None::<i64>),
            ));
            update.execute(connection)?;
            Ok(())
        })
        .await
    }
}
