//! Carry out billing operations: step by step in Stripe, each step recorded before the next.
//!
//! Whoever runs an operation holds its lease. A process that dies leaves the lease to run out; the next one resumes
//! behind the last recorded step, and a step that acted without being recorded is found again by its idempotency key
//! or by looking first.

use std::time::Duration;

use jiff::Timestamp;
use tracing::{info, warn};

use super::app::App;
use super::cannot::Cannot;
use super::error::{Cause, ServiceError};
use super::idempotency::{CANNOT, IdempotencyKey, Reply};
use super::metrics::Settled;
use super::transition::{Access, Done, load, render};
use crate::billing::{self, Progress};
use crate::domain::aftermath::{entailed, told};
use crate::domain::hold::BudgetHold;
use crate::domain::ids::{OfferId, OperationId, SessionId};
use crate::domain::ineligible::Ineligible;
use crate::domain::offer::{OfferState, PresentedOffer};
use crate::domain::operation::{Effect, Operation, OperationProblem, OperationState};
use crate::domain::session::{Session, Status};
use crate::domain::subscription::Subscription;
use crate::store::{Change, Changed, OperationUpdate, Stored};

/// How often an outcome is written again when the session moved meanwhile.
const MAX_RACES: usize = 8;
/// How often to look whether somebody else is done with an operation.
const LOOK_EVERY: Duration = Duration::from_millis(20);

/// Tries the operation that a request has just made, within the configured deadline, and answers with the session as
/// it is then. What is not settled by then goes on in the background, and failing that, in the worker.
pub(super) async fn at_once(
    app: &App,
    access: &Access,
    id: SessionId,
    key: Option<&IdempotencyKey>,
    done: Done,
) -> Result<Reply, ServiceError> {
    let Some(work) = done.operation else { return Ok(done.reply) };
    let (operation, offer) = (work.id, work.offer);
    let runner = app.clone();
    // A task of its own: the client going away, or the deadline, must not stop it between two steps.
    let running = app.background.spawn(async move {
        if done.leased {
            run(&runner, work, done.written).await
        } else {
            claim_and_run(&runner, operation).await;
            None
        }
    });
    let outcome = async {
        match running.await {
            Ok(Some(settled)) => Ok(settled),
            _ => {
                put_down(app, operation).await?;
                load(app, access, id).await.map(|stored| stored.session)
            }
        }
    };
    let session = match tokio::time::timeout(app.settings.apply_deadline, outcome).await {
        Ok(session) => session?,
        Err(_elapsed) => return Ok(done.reply),
    };
    let cannot = match offer {
        Some(offer) => impossible(app, &session, offer, operation).await?,
        None => None,
    };
    let waiting = session.status() == Status::InProgress && session.awaited_operation().is_some();
    let (status, body) = match &cannot {
        Some(cannot) => (CANNOT, serde_json::to_string(cannot).map_err(internal)?),
        None => (if waiting { 202 } else { 200 }, render(app, &session).await?),
    };
    if let Some(key) = key {
        let now = app.clock.now();
        let saved = key.save(status, body.clone(), now);
        app.store.change(Change { update_saved: Some(saved), patient: true, ..Change::new(now) }).await?;
    }
    match cannot {
        Some(cannot) => Err(ServiceError::Cannot(Box::new(cannot))),
        None => Ok(Reply { status, body, replayed: false }),
    }
}

/// Waits while somebody else carries the operation out: a worker may have seen it before the request could claim it. One
/// that waits for its turn or for a later try is not waited for.
async fn put_down(app: &App, id: OperationId) -> Result<(), ServiceError> {
    loop {
        let found = app.store.operation(id).await?;
        let at_it = |one: &Operation| one.state == OperationState::Applying && one.due_at <= app.clock.now();
        if !found.as_ref().is_some_and(at_it) {
            return Ok(());
        }
        tokio::time::sleep(LOOK_EVERY).await;
    }
}

/// Why the accepted offer came to nothing, where the subscription could not take it as Stripe had it.
async fn impossible(
    app: &App,
    session: &Session,
    offer: OfferId,
    operation: OperationId,
) -> Result<Option<Cannot>, ServiceError> {
    let rejected =
        |candidate: &PresentedOffer| candidate.id == offer && candidate.state == OfferState::Rejected;
    if !session.offers.iter().any(rejected) {
        return Ok(None);
    }
    let problem = app.store.operation(operation).await?.and_then(|operation| operation.problem);
    let reason = problem.and_then(|problem| Ineligible::of_code(&problem.code));
    Ok(reason.map(|reason| Cannot::accept(reason, session)))
}

fn internal(error: serde_json::Error) -> ServiceError {
    ServiceError::Internal(Cause::new(error))
}

/// Runs an operation if it is its turn: an earlier one on the same subscription goes first.
pub(super) async fn claim_and_run(app: &App, id: OperationId) {
    let now = app.clock.now();
    match app.store.claim_operation(id, &app.owner, now, app.lease(now).until).await {
        Ok(Some(operation)) => drop(run(app, operation, None).await),
        Ok(None) => {}
        Err(error) => warn!(operation = %id, %error, "operation left to the worker"),
    }
}

/// Runs a leased operation as far as it goes now. What goes wrong is written to the operation, or, where even that
/// fails, left to the lease. Whoever has just written the session gives it as `known`, and gets it back as the outcome
/// has left it, if there was one.
pub(super) async fn run(app: &App, operation: Operation, known: Option<Stored>) -> Option<Session> {
    let id = operation.id;
    steps(app, operation, known).await.unwrap_or_else(|error| {
        warn!(operation = %id, ?error, "operation left to its lease");
        None
    })
}

async fn steps(
    app: &App,
    mut operation: Operation,
    known: Option<Stored>,
) -> Result<Option<Session>, ServiceError> {
    operation.state = OperationState::Applying;
    operation.attempts = operation.attempts.saturating_add(1);
    loop {
        let now = app.clock.now();
        match app.gateway.advance(&operation, now).await {
            Progress::Step(record) => {
                operation.steps.push(record);
                if !renew(app, &mut operation).await? {
                    return Ok(None);
                }
            }
            Progress::Applied { subscription, last } => {
                operation.steps.extend(last);
                operation.problem = None;
                let seen = Some((&*subscription, now));
                return settle(app, operation, OperationState::Applied, seen, known).await;
            }
            Progress::Rejected(problem) => {
                // A cancellation is never dropped: what Stripe refuses, a person must carry out.
                let outcome = match operation.effect {
                    Effect::Cancel { .. } => OperationState::NeedsAttention,
                    _ => OperationState::Rejected,
                };
                operation.problem = Some(problem);
                return settle(app, operation, outcome, None, known).await;
            }
            Progress::NeedsAttention(problem) => {
                operation.problem = Some(problem);
                return settle(app, operation, OperationState::NeedsAttention, None, known).await;
            }
            Progress::Later(until) => return asleep(app, operation, until).await.map(|()| None),
            Progress::Unknown { problem, retry_after } => {
                return later(app, operation, problem, retry_after).await.map(|()| None);
            }
        }
    }
}

/// Records the steps so far and renews the lease. Says whether it was still ours.
async fn renew(app: &App, operation: &mut Operation) -> Result<bool, ServiceError> {
    let now = app.clock.now();
    operation.updated_at = now;
    let update = OperationUpdate {
        operation: operation.clone(),
        owner: app.owner.clone(),
        lease: Some(app.lease(now)),
    };
    let change = Change { operation: Some(update), patient: true, ..Change::new(now) };
    Ok(app.store.change(change).await? == Changed::Done)
}

/// Puts an operation back whose time has not come. That it was looked at counts as no attempt, and it holds up nobody.
async fn asleep(app: &App, mut operation: Operation, until: Timestamp) -> Result<(), ServiceError> {
    let now = app.clock.now();
    operation.state = OperationState::Pending;
    operation.attempts = operation.attempts.saturating_sub(1);
    operation.problem = None;
    operation.due_at = until;
    operation.updated_at = now;
    let update = OperationUpdate { operation, owner: app.owner.clone(), lease: None };
    app.store.change(Change { operation: Some(update), patient: true, ..Change::new(now) }).await?;
    Ok(())
}

/// Puts an operation whose outcome is unknown back for a later try with the same keys.
async fn later(
    app: &App,
    mut operation: Operation,
    problem: OperationProblem,
    retry_after: Option<Duration>,
) -> Result<(), ServiceError> {
    app.metrics.operation_retries.inc();
    info!(operation = %operation.id, code = %problem.code, attempts = operation.attempts, "operation will be retried");
    operation.problem = Some(problem);
    if operation.attempts >= billing::MAX_ATTEMPTS {
        return settle(app, operation, OperationState::NeedsAttention, None, None).await.map(drop);
    }
    let now = app.clock.now();
    let wait = billing::backoff(operation.attempts).max(retry_after.unwrap_or_default());
    operation.due_at = now.checked_add(wait).unwrap_or(Timestamp::MAX);
    operation.updated_at = now;
    let update = OperationUpdate { operation, owner: app.owner.clone(), lease: None };
    app.store.change(Change { operation: Some(update), patient: true, ..Change::new(now) }).await?;
    Ok(())
}

/// Writes an outcome: the operation, what it means to the session, what follows from it, and what it gives back. `known`
/// is the session as somebody has just written it; the version guards it, and after a lost race it is read.
async fn settle(
    app: &App,
    mut operation: Operation,
    outcome: OperationState,
    after: Option<(&Subscription, Timestamp)>,
    mut known: Option<Stored>,
) -> Result<Option<Session>, ServiceError> {
    operation.state = outcome;
    let budget_return = give_back(&mut operation);
    for _ in 0..MAX_RACES {
        let now = app.clock.now();
        operation.updated_at = now;
        let seen = after.map(|(seen, _)| seen);
        let stored = match known.take() {
            Some(known) => Some(known),
            None => app.store.session(operation.session).await?,
        };
        let events = told(&operation, outcome, stored.as_ref().map(|stored| &stored.session), seen, now);
        let session = stored.and_then(|mut stored| {
            let moved = stored.session.settle(&operation, outcome, seen, now);
            moved.then_some((stored.session, stored.version))
        });
        let settled = session.as_ref().map(|(session, _)| session.clone());
        let update = OperationUpdate { operation: operation.clone(), owner: app.owner.clone(), lease: None };
        let change = Change {
            session,
            new_operations: entailed(&operation, outcome, seen, now)
                .into_iter()
                .map(|next| (next, None))
                .collect(),
            events,
            operation: Some(update),
            costs: corrected_cost(&operation).into_iter().collect(),
            budget_return: budget_return.clone(),
            snapshot: after.map(|(subscription, seen_at)| (subscription.clone(), seen_at)),
            patient: true,
            ..Change::new(now)
        };
        if app.store.change(change).await? == Changed::Done {
            let effect = operation.effect.as_str();
            app.metrics
                .operations_settled
                .get_or_create(&Settled { effect, outcome: outcome.as_str() })
                .inc();
            app.metrics.operation_attempts.observe(f64::from(operation.attempts));
            info!(operation = %operation.id, outcome = outcome.as_str(), attempts = operation.attempts, "operation settled");
            return Ok(settled);
        }
        let ours = app.store.operation(operation.id).await?;
        if ours.is_none_or(|current| current.state.is_settled()) {
            return Ok(None);
        }
    }
    Err(ServiceError::Busy { retry_after: 1 })
}

/// What goes back to the budgets: all that a rejected operation holds, or that of the one that an applied one undoes, and of a waiver what it did not come to.
fn give_back(operation: &mut Operation) -> Vec<BudgetHold> {
    let undone = operation.undoes.is_some() && operation.state == OperationState::Applied;
    if operation.state == OperationState::Rejected || undone {
        return operation.holds.clone();
    }
    let Some((_, forgiven)) = corrected_cost(operation) else { return Vec::new() };
    let mut back = Vec::new();
    for hold in &mut operation.holds {
        let over = hold.amount.saturating_sub(forgiven);
        if over > 0 {
            hold.amount = forgiven;
            back.push(BudgetHold { budget: hold.budget.clone(), amount: over });
        }
    }
    back
}

/// What an offer came to that was undone, which is nothing; or an applied waiver, which is less than promised where an invoice was paid meanwhile.
fn corrected_cost(operation: &Operation) -> Option<(OfferId, i64)> {
    let waived = matches!(operation.effect, Effect::Waive { .. });
    let applied = operation.state == OperationState::Applied;
    if applied && operation.undoes.is_some() {
        return operation.offer.map(|offer| (offer, 0));
    }
    operation.offer.filter(|_| waived && applied).map(|offer| (offer, operation.taken_off()))
}
