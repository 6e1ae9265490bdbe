//! Watch what becomes of saves: billing is asked when a save reaches a horizon, and early once its subscription has
//! ended.
//!
//! The schedule is in the database, so that what fell due while nobody worked is made up for, and several processes
//! share the work. Whatever is judged stays.

use futures_util::StreamExt;
use futures_util::stream;
use jiff::{SignedDuration, Timestamp};
use serde::Serialize;
use tracing::{info, warn};
use utoipa::ToSchema;

use super::app::App;
use super::error::ServiceError;
use super::transition::{Access, load};
use crate::billing;
use crate::domain::ids::{SessionId, SubscriptionId};
use crate::domain::operation::{Effect, Operation, OperationState};
use crate::domain::session::Status;
use crate::domain::subscription::Subscription;
use crate::domain::validation::{Evidence, Given, judge};
use crate::store::{OperationFilter, SaveCheck};

/// How many saves are taken up in one go.
const TAKE_UP: u32 = 200;
/// How long a subscription that Stripe does not know is asked for again, in case the key was the wrong one.
const MISSING_FOR: SignedDuration = SignedDuration::from_hours(24 * 7);
/// How long to wait before asking for it again.
const ASK_AGAIN: SignedDuration = SignedDuration::from_hours(24);
/// The most operations of one session that are looked through.
const OPERATIONS: u32 = 200;

/// Makes every check that is due. Says how many it took up.
///
/// # Errors
/// When the database cannot be reached.
pub async fn drain(app: &App) -> Result<usize, ServiceError> {
    let mut taken = 0;
    loop {
        match take_up(app).await? {
            0 => return Ok(taken),
            more => taken += more,
        }
    }
}

/// Makes as many checks as run side by side. Says how many those were.
pub(super) async fn take_up(app: &App) -> Result<usize, ServiceError> {
    enrol(app).await?;
    let now = app.clock.now();
    let limit = u32::try_from(app.settings.worker_concurrency).unwrap_or(u32::MAX);
    let (livemode, until) = (app.gateway.livemode(), app.lease(now).until);
    let claimed = app.store.claim_save_checks(livemode, &app.owner, now, until, limit).await?;
    let taken = claimed.len();
    stream::iter(claimed)
        .for_each_concurrent(app.settings.worker_concurrency, async |check| {
            let (session, days) = (check.session, check.horizon.days());
            if let Err(error) = make(app, check).await {
                warn!(%session, days, ?error, "check of a save left to its lease");
            }
        })
        .await;
    Ok(taken)
}

async fn enrol(app: &App) -> Result<(), ServiceError> {
    let whole = usize::try_from(TAKE_UP).unwrap_or(usize::MAX);
    while app.store.watch_saves(TAKE_UP).await? == whole {}
    Ok(())
}

/// Asks billing, and writes what it showed or when to ask again.
async fn make(app: &App, check: SaveCheck) -> Result<(), ServiceError> {
    // Taken before the question, since what Stripe answers may be older than the answer.
    let seen_at = app.clock.now();
    let again = match app.gateway.subscription(&check.subscription).await {
        Ok(Some(subscription)) => {
            app.store.put_snapshot(&subscription, seen_at).await?;
            let ended = subscription.status.is_ended();
            settle(app, check, Some(&subscription), seen_at).await?;
            return if ended { ended_early(app, &subscription, seen_at).await } else { Ok(()) };
        }
        Ok(None) if seen_at.duration_since(check.due_at) >= MISSING_FOR => {
            return settle(app, check, None, seen_at).await;
        }
        Ok(None) => ASK_AGAIN,
        Err(error) => {
            info!(session = %check.session, code = %error.code, "a save will be checked later");
            let wait = billing::backoff(check.attempts.saturating_add(1));
            SignedDuration::try_from(wait.max(error.retry_after.unwrap_or_default())).unwrap_or(ASK_AGAIN)
        }
    };
    let next = seen_at.checked_add(again).unwrap_or(Timestamp::MAX);
    Ok(app.store.postpone_save_check(check, next).await?)
}

/// Settles what is still to come of the saves of a subscription, if it has ended.
pub(super) async fn noticed(
    app: &App,
    subscription: &Subscription,
    now: Timestamp,
) -> Result<(), ServiceError> {
    if !subscription.status.is_ended() {
        return Ok(());
    }
    // A save of a moment ago may not be watched yet.
    enrol(app).await?;
    ended_early(app, subscription, now).await
}

async fn ended_early(app: &App, subscription: &Subscription, now: Timestamp) -> Result<(), ServiceError> {
    for check in app.store.save_checks_to_come(&subscription.id).await? {
        settle(app, check, Some(subscription), now).await?;
    }
    Ok(())
}

async fn settle(
    app: &App,
    check: SaveCheck,
    shown: Option<&Subscription>,
    now: Timestamp,
) -> Result<(), ServiceError> {
    let (session, days) = (check.session, check.horizon.days());
    let finding = judge(&given(app, session).await?, check.due_at, shown, now);
    let validated = finding.validated;
    if app.store.settle_save_check(check, finding, now).await? {
        info!(%session, days, ?validated, "save checked");
    }
    Ok(())
}

/// What the accepted offer of a session gave.
async fn given(app: &App, session: SessionId) -> Result<Given, ServiceError> {
    let filter = OperationFilter {
        state: Some(OperationState::Applied),
        session: Some(session),
        ..OperationFilter::default()
    };
    let applied = app.store.operations(filter, None, OPERATIONS).await?;
    let standing = |operation: &&Operation| operation.undone_by.is_none();
    let given = |operation: &Operation| match operation.effect {
        Effect::Discount { .. } => Some(Given::Discount { coupon: operation.coupon() }),
        Effect::Pause { .. } => Some(Given::Pause),
        _ => None,
    };
    Ok(applied.iter().filter(standing).find_map(given).unwrap_or(Given::Other))
}

/// What became of a save at one horizon.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct Check {
    /// Days after the save: 30, 60 or 90.
    pub days: u16,
    /// When the save reaches them.
    pub due_at: Timestamp,
    /// When billing was asked; null until it was.
    #[schema(required = true)]
    pub checked_at: Option<Timestamp>,
    /// Whether the save had held; null until billing was asked, and where it was asked too late to tell.
    #[schema(required = true)]
    pub validated: Option<bool>,
    /// What billing showed.
    #[schema(required = true)]
    pub evidence: Option<Evidence>,
}

/// What became of a save.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct Validation {
    /// The session that ended in it.
    pub session: SessionId,
    /// The subscription that is watched.
    pub subscription: SubscriptionId,
    /// When it was saved.
    #[schema(required = true)]
    pub saved_at: Option<Timestamp>,
    /// One for each horizon, the nearest first; none where the session is no save, or was one only seconds ago.
    pub checks: Vec<Check>,
}

/// What became of a save, with the evidence.
///
/// # Errors
/// When there is no such session.
pub async fn validation(app: &App, id: SessionId) -> Result<Validation, ServiceError> {
    let session = load(app, &Access::Staff, id).await?.session;
    let checks = app.store.save_checks(id).await?;
    let saved = session.status() == Status::Saved;
    Ok(Validation {
        session: id,
        saved_at: session.closed_at.filter(|_| saved),
        subscription: session.subscription,
        checks: checks.into_iter().map(view).collect(),
    })
}

fn view(check: SaveCheck) -> Check {
    Check {
        days: check.horizon.days(),
        due_at: check.due_at,
        checked_at: check.checked_at,
        validated: check.validated,
        evidence: check.evidence,
    }
}
