//! Try a draft on recorded sessions: decide each again from what its last decision was made from, and compare.
//!
//! A backtest is done by one process at a time, some sessions a step. A step's results and how far it has come are one
//! write, guarded by the lease: whoever takes over a backtest that was left off goes on behind its last step.

use std::collections::BTreeSet;

use jiff::{SignedDuration, Timestamp};
use serde::Serialize;
use utoipa::ToSchema;

use super::app::App;
use super::decide::Kept;
use super::error::{Cause, ServiceError};
use super::page::Page;
use super::preview;
use crate::domain::backtest::{Backtested, Cost, Presented, Tally, dearest};
use crate::domain::decide::{decide, decide_unseen};
use crate::domain::flow::{self, CompiledFlow, FlowDocument, Format};
use crate::domain::ids::{BacktestId, SessionId};
use crate::domain::money::Currency;
use crate::domain::offer::Key;
use crate::domain::session::Session;
use crate::store::{Backtest, BacktestStep, DecisionRecord, Stored};

/// Sessions decided again in one step.
const STEP: u32 = 200;
/// Backtests that may wait or run at a time.
pub const MAX_UNFINISHED: u64 = 10;
/// Days for which a backtest is kept.
const KEPT_DAYS: i64 = 90;

/// What to try, and on which sessions.
#[derive(Clone, Copy, Debug)]
pub struct Wanted {
    /// Sessions begun at this instant or later.
    pub from: Timestamp,
    /// Sessions begun before this instant; those begun after now are none.
    pub to: Timestamp,
    /// A published version; the draft where it is left out.
    pub version: Option<i32>,
}

/// A backtest: how far it has come, and what it has found so far.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[schema(as = Backtest)]
pub struct BacktestView {
    /// Its id.
    pub id: BacktestId,
    /// The flow.
    pub flow: Key,
    /// The published version that is tried; null for the draft as it was when this was asked for.
    pub version: Option<i32>,
    /// Sessions begun at this instant or later.
    pub from: Timestamp,
    /// Sessions begun before this instant.
    pub to: Timestamp,
    /// How far it has come.
    pub progress: Progress,
    /// Sessions in which something else would have been offered.
    pub changed: u64,
    /// Sessions left out, since their decisions have been erased.
    pub left_out: u64,
    /// In how many sessions each rule counts, by rank.
    pub rules: Vec<RuleFired>,
    /// Rules, counted from 0, that counted in no session.
    pub rules_never_fired: Vec<usize>,
    /// Sessions in which no rule fits.
    pub no_rule: u64,
    /// How often each offer was presented, and would have been.
    pub offers: Vec<OfferPresented>,
    /// Offers that no session would have been presented.
    pub offers_never_presented: BTreeSet<Key>,
    /// What the offers could have cost at most, had the dearest of each session been accepted.
    pub costs: Vec<CostAtMost>,
    /// Who asked for it.
    pub asked_by: String,
    /// When it was asked for.
    pub created_at: Timestamp,
    /// When it came to its end; null until then.
    pub finished_at: Option<Timestamp>,
}

/// How far a backtest has come.
#[derive(Clone, Copy, Debug, Serialize, ToSchema)]
#[schema(as = BacktestProgress)]
pub struct Progress {
    /// Sessions looked at.
    pub done: u64,
    /// Sessions of the period.
    pub total: u64,
}

/// In how many sessions a rule counts.
#[derive(Clone, Copy, Debug, Serialize, ToSchema)]
#[schema(as = BacktestRule)]
pub struct RuleFired {
    /// The rule, counted from 0.
    pub rule: usize,
    /// Sessions.
    pub sessions: u64,
}

/// How often an offer was presented, and would have been.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[schema(as = BacktestOfferPresented)]
pub struct OfferPresented {
    /// Its key.
    pub offer: Key,
    /// The sessions.
    #[serde(flatten)]
    pub presented: Presented,
}

/// What the offers could have cost at most in one currency.
#[derive(Clone, Copy, Debug, Serialize, ToSchema)]
#[schema(as = BacktestCostAtMost)]
pub struct CostAtMost {
    /// The currency.
    pub currency: Currency,
    /// Minor units.
    #[serde(flatten)]
    pub cost: Cost,
}

/// Asks for a backtest.
///
/// # Errors
/// When the period is none, there is no such draft or version, it has problems, or too many backtests are waiting.
pub async fn ask(app: &App, key: &Key, wanted: Wanted, actor: &str) -> Result<BacktestView, ServiceError> {
    let now = app.clock.now();
    let to = wanted.to.min(now);
    if wanted.from >= wanted.to {
        return Err(ServiceError::invalid("/to", "invalid_period", "give an instant after `from`"));
    }
    if app.store.unfinished_backtests().await? >= MAX_UNFINISHED {
        return Err(ServiceError::Conflict {
            code: "too_many_backtests",
            detail: format!("{MAX_UNFINISHED} backtests are not finished; wait for one of them"),
            state: None,
        });
    }
    let tried = preview::flow(app, key, wanted.version).await?;
    let document = tried.document().to_json().map_err(|error| ServiceError::Internal(Cause::new(error)))?;
    let backtest = Backtest {
        id: BacktestId::generate(now),
        flow: key.clone(),
        version: wanted.version,
        document,
        from: wanted.from,
        to,
        total: 0,
        cursor: None,
        tally: Tally::default(),
        actor: actor.to_owned(),
        created_at: now,
        finished_at: None,
    };
    view(app.store.add_backtest(backtest).await?)
}

/// A backtest.
///
/// # Errors
/// When there is no such one.
pub async fn get(app: &App, id: BacktestId) -> Result<BacktestView, ServiceError> {
    view(app.store.backtest(id).await?.ok_or(ServiceError::NotFound("backtest"))?)
}

/// A flow's backtests, the newest first.
///
/// # Errors
/// When the database cannot be reached.
pub async fn list(
    app: &App,
    flow: &Key,
    cursor: Option<BacktestId>,
    limit: u32,
) -> Result<Page<BacktestView>, ServiceError> {
    let found = app.store.backtests(flow.clone(), cursor, limit.saturating_add(1)).await?;
    let views = found.into_iter().map(view).collect::<Result<Vec<_>, _>>()?;
    Ok(Page::of(views, limit, |backtest| backtest.id))
}

/// What each session would have been offered, the oldest first.
///
/// # Errors
/// When there is no such backtest.
pub async fn sessions(
    app: &App,
    id: BacktestId,
    changed: Option<bool>,
    cursor: Option<SessionId>,
    limit: u32,
) -> Result<Page<Backtested>, ServiceError> {
    app.store.backtest(id).await?.ok_or(ServiceError::NotFound("backtest"))?;
    let found = app.store.backtested_sessions(id, changed, cursor, limit.saturating_add(1)).await?;
    Ok(Page::of(found, limit, |tried| tried.session))
}

/// Takes up what is asked for, the oldest first, for as long as `going` says. Says how many came to their end.
///
/// # Errors
/// When the database cannot be reached; what is left waits for the next call.
pub async fn take_up(app: &App, going: impl Fn() -> bool) -> Result<usize, ServiceError> {
    let old = SignedDuration::from_hours(24 * KEPT_DAYS);
    app.store.purge_backtests(app.clock.now().checked_sub(old).unwrap_or(Timestamp::MIN)).await?;
    let mut finished = 0;
    while going() {
        let now = app.clock.now();
        let Some(backtest) = app.store.claim_backtest(app.lease(now), now).await? else { break };
        let id = backtest.id;
        let outcome = run(app, backtest, &going).await;
        if !matches!(outcome, Ok(true)) {
            app.store.release_backtest(id, &app.owner).await?;
        }
        finished += usize::from(outcome?);
    }
    Ok(finished)
}

/// Goes on with a backtest; says whether it came to its end.
async fn run(app: &App, backtest: Backtest, going: &impl Fn() -> bool) -> Result<bool, ServiceError> {
    let tried = CompiledFlow::compile(read(&backtest)?);
    let (mut cursor, mut tally) = (backtest.cursor, backtest.tally.clone());
    while going() {
        let page = app.store.decided_sessions(&backtest, cursor, STEP).await?;
        let mut sessions = Vec::new();
        for (stored, decision) in &page {
            match again(app, &tried, stored, decision.as_ref()).await? {
                Some(one) => {
                    tally.count(&one);
                    sessions.push(one);
                }
                None => tally.left_out += 1,
            }
        }
        let now = app.clock.now();
        let last = page.len() < usize::try_from(STEP).unwrap_or(usize::MAX);
        cursor = page.last().map(|(stored, _)| stored.session.id);
        let finished_at = last.then_some(now);
        let (id, lease) = (backtest.id, app.lease(now));
        let step = BacktestStep { id, lease, cursor, tally: tally.clone(), sessions, finished_at };
        // Somebody else may have taken over.
        if !app.store.record_backtest(step).await? || last {
            return Ok(last);
        }
    }
    Ok(false)
}

/// Decides a session again.
async fn again(
    app: &App,
    tried: &CompiledFlow,
    stored: &Stored,
    record: Option<&DecisionRecord>,
) -> Result<Option<Backtested>, ServiceError> {
    let session: &Session = &stored.session;
    let Some(record) = record else { return Ok(None) };
    // What an earlier version kept, or an erasure left, may hold no decision.
    let Ok(kept) = serde_json::from_str::<Kept>(&record.body) else { return Ok(None) };
    let Some(was) = &kept.decision else { return Ok(None) };
    let then = app.flows.version(&app.store, &session.flow).await?;
    let input = kept.input(session);
    let would = match &input {
        Some(input) => decide(tried, input),
        None => decide_unseen(tried, &kept.unseen(session)),
    };
    let subscription = input.as_ref().map(|input| input.subscription);
    Ok(Some(Backtested {
        session: session.id,
        at: kept.at,
        reason: kept.reason.clone(),
        cost: dearest(then.document(), was, subscription, kept.at),
        would_cost: dearest(tried.document(), &would, subscription, kept.at),
        currency: subscription.map(|subscription| subscription.currency),
        segments: would.segments,
        rule: would.rule,
        offered: was.offers.clone(),
        would_offer: would.offers,
    }))
}

fn read(backtest: &Backtest) -> Result<FlowDocument, ServiceError> {
    flow::parse_stored(&backtest.document, Format::Json).map_err(|problems| {
        let text = format!("the document of backtest {} has {} problems", backtest.id, problems.len());
        ServiceError::Internal(Cause::new(text))
    })
}

fn view(backtest: Backtest) -> Result<BacktestView, ServiceError> {
    let document = read(&backtest)?;
    let Backtest { id, flow, version, from, to, total, tally, actor, created_at, finished_at, .. } = backtest;
    let (rules_never_fired, offers_never_presented) =
        (tally.rules_never_counted(&document), tally.offers_never_presented(&document));
    Ok(BacktestView {
        id,
        flow,
        version,
        from,
        to,
        progress: Progress { done: tally.sessions + tally.left_out, total },
        changed: tally.changed,
        left_out: tally.left_out,
        rules: tally.rules.into_iter().map(|(rule, sessions)| RuleFired { rule, sessions }).collect(),
        rules_never_fired,
        no_rule: tally.no_rule,
        offers: tally
            .offers
            .into_iter()
            .map(|(offer, presented)| OfferPresented { offer, presented })
            .collect(),
        offers_never_presented,
        costs: tally.costs.into_iter().map(|(currency, cost)| CostAtMost { currency, cost }).collect(),
        asked_by: actor,
        created_at,
        finished_at,
    })
}
