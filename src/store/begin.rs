//! Begin: a new session with its offers, its decision and the saved answer, one durable write.

use std::collections::HashSet;

use diesel::prelude::*;

use super::budgets::{self, BudgetTake};
use super::change::Changed;
use super::connection::Link;
use super::decisions::{self, DecisionRecord, DecisionRow};
use super::error::{Failure, StoreError, malformed};
use super::exposures::{self, ExposureRow};
use super::offers::{self, OfferRow};
use super::saved_answers::{self, SavedAnswer, SavedRow};
use super::schema::sessions::dsl;
use super::session_rows::{self, SessionRow};
use super::stop::Stop;
use super::text::whole;
use crate::domain::experiment::Exposure;
use crate::domain::ids::{OfferId, SessionId};
use crate::domain::offer::Key;
use crate::domain::session::{Session, Status};

/// A new session with all that belongs to it.
#[derive(Clone, Debug)]
pub struct Begin {
    /// The session, with the presented offers frozen in it; stored at version 1.
    pub session: Session,
    /// The segments that hold.
    pub segments: Vec<Key>,
    /// What each presented offer would cost at most, in minor units of the subscription's currency.
    pub costs: Vec<(OfferId, i64)>,
    /// The arms of experiments that the customer is in.
    pub exposures: Vec<Exposure>,
    /// The first decision.
    pub decision: DecisionRecord,
    /// A digest of the customer token's `jti`, so that a replayed token gets the same session.
    pub token_id: Option<String>,
    /// What to set aside in budgets for the presented offers.
    pub budget: Vec<BudgetTake>,
    /// The answer to save with it.
    pub saved: Option<SavedAnswer>,
    /// Whether to wait where the queue is full.
    pub patient: bool,
}

/// What became of a [`Begin`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Begun {
    /// Written.
    Created,
    /// Not written: a budget does not hold what is to be set aside.
    BudgetSpent,
    /// Not written: this session of the subscription is in progress.
    Open(SessionId),
    /// Not written: the token has begun this session of the subscription already.
    SameToken(SessionId),
    /// Not written: the key has this answer already, perhaps to another request (compare the fingerprint).
    Replayed(SavedAnswer),
}

/// A [`Begin`] as rows.
pub(super) struct Prepared {
    id: SessionId,
    reentry_of: Option<SessionId>,
    pub(super) session: SessionRow,
    pub(super) offers: Vec<OfferRow>,
    pub(super) exposures: Vec<ExposureRow>,
    pub(super) decision: DecisionRow,
    budget: Vec<BudgetTake>,
    saved: Option<SavedRow>,
}

impl Prepared {
    pub(super) fn new(begin: Begin) -> Result<Self, StoreError> {
        let session = &begin.session;
        let token = begin.token_id.map(|token| whole("the token's id", token)).transpose()?;
        Ok(Self {
            id: session.id,
            reentry_of: session.reentry_of,
            offers: offers::rows(session, &begin.costs, true),
            exposures: exposures::rows(session.id, &begin.exposures, session.created_at)?,
            decision: DecisionRow::new(session.id, begin.decision)?,
            session: SessionRow::new(session, 1)?.begun(&begin.segments, token),
            budget: begin.budget,
            saved: begin.saved.map(SavedRow::new).transpose()?,
        })
    }

    pub(super) fn subscription(&self) -> &str {
        &self.session.subscription
    }

    /// Whether it is nothing but new rows, none of which anybody but another session can refuse.
    pub(super) fn is_plain(&self) -> bool {
        self.saved.is_none() && self.budget.is_empty() && self.reentry_of.is_none()
    }
}

/// Carries out begins together; what became of each, in their order.
pub(super) fn execute(connection: &mut Link, begins: &[&Prepared]) -> Result<Vec<Begun>, Stop> {
    let mut answers: Vec<_> = begins.iter().filter_map(|begin| begin.saved.as_ref()).collect();
    let mut saved = saved_answers::insert(connection, &mut answers)?;
    let (live, replayed) = begins
        .iter()
        .copied()
        .partition::<Vec<_>, _>(|begin| begin.saved.as_ref().is_none_or(|row| saved.remove(&row.id())));

    let mut rows: Vec<_> = live.iter().map(|begin| &begin.session).collect();
    let created = session_rows::insert(connection, &mut rows)?;
    let written = |begin: &&&Prepared| created.contains(&begin.session.id);
    let takes: Vec<_> = live.iter().filter(written).flat_map(|begin| &begin.budget).collect();
    if budgets::take(connection, &takes)?.is_some() {
        // Alone, this is the answer; together, nobody knows yet whose it is.
        return Err(Stop::Refused(Box::new(Changed::BudgetSpent(0))));
    }
    let rows: Vec<_> = live.iter().filter(written).flat_map(|begin| &begin.offers).collect();
    offers::put(connection, &rows)?;
    for earlier in live.iter().filter(written).filter_map(|begin| begin.reentry_of) {
        let target = dsl::sessions.find(earlier.to_string());
        diesel::update(target).set(dsl::reentered.eq(true)).execute(connection)?;
    }
    let rows: Vec<_> = live.iter().filter(written).map(|begin| &begin.decision).collect();
    decisions::insert(connection, &rows)?;
    let rows: Vec<_> = live.iter().filter(written).flat_map(|begin| &begin.exposures).collect();
    exposures::insert(connection, &rows)?;

    let replayed: HashSet<_> = replayed.iter().map(|begin| begin.id).collect();
    let answer = |begin: &&Prepared| {
        if replayed.contains(&begin.id) {
            replay(connection, begin)
        } else if created.contains(&begin.session.id) {
            Ok(Begun::Created)
        } else {
            refuse(connection, begin)
        }
    };
    Ok(begins.iter().map(answer).collect::<Result<_, Failure>>()?)
}

fn replay(connection: &mut Link, begin: &Prepared) -> Result<Begun, Failure> {
    let row = begin.saved.as_ref().ok_or(Failure::Again)?;
    let found = saved_answers::find(connection, &row.caller, &row.key)?;
    // Gone again: whoever held the key was refused in the meantime.
    found.map(Begun::Replayed).ok_or(Failure::Again)
}

/// Frees the key of a begin that met another session, and names that session.
fn refuse(connection: &mut Link, begin: &Prepared) -> Result<Begun, Failure> {
    let itself = dsl::sessions.find(&begin.session.id);
    if diesel::select(diesel::dsl::exists(itself)).get_result(connection)? {
        // It was written before, and the answer was lost with the connection.
        return Ok(Begun::Created);
    }
    if let Some(row) = &begin.saved {
        saved_answers::delete(connection, row)?;
    }
    let row = &begin.session;
    let of_subscription = dsl::sessions.filter(dsl::subscription.eq(&row.subscription)).select(dsl::id);
    if let Some(token) = &row.token_id {
        let same = of_subscription.filter(dsl::token_id.eq(token)).first(connection).optional()?;
        if let Some(id) = same {
            return parse(id).map(Begun::SameToken);
        }
    }
    let in_progress = dsl::status.eq(Status::InProgress.as_str());
    let open: Option<String> = of_subscription.filter(in_progress).first(connection).optional()?;
    // Closed in the meantime: there is room now.
    parse(open.ok_or(Failure::Again)?).map(Begun::Open)
}

fn parse(id: String) -> Result<SessionId, Failure> {
    id.parse().map_err(|_| malformed("sessions.id"))
}
