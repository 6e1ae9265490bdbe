//! What goes on without a request: operations that are due, sessions whose time is over, flows that others published.

use std::time::Duration;

use futures_util::StreamExt;
use futures_util::stream;
use jiff::{SignedDuration, Timestamp};
use tokio::sync::watch;
use tracing::warn;

use super::app::App;
use super::deliver;
use super::error::ServiceError;
use crate::store::{Change, Changed, Stored};

/// How many sessions are abandoned in one go.
const SWEEP: u32 = 200;
/// How long saved answers and seen events are kept; Stripe remembers keys for a day and redelivers for three.
const KEPT: SignedDuration = SignedDuration::from_hours(24 * 4);
/// How often each process looks for flows that others have published; the promise is two seconds.
const FLOW_POLL: Duration = Duration::from_secs(1);
/// How often sessions are swept and old rows purged.
const SWEEP_EVERY: Duration = Duration::from_secs(15);

/// Applies every operation that is due, as many side by side as configured. Says how many it took up.
///
/// # Errors
/// When the database cannot be reached.
pub async fn drain(app: &App) -> Result<usize, ServiceError> {
    let side_by_side = app.settings.worker_concurrency;
    let limit = u32::try_from(side_by_side).unwrap_or(u32::MAX);
    let mut taken = 0;
    loop {
        let now = app.clock.now();
        let until = now.checked_add(app.settings.lease).unwrap_or(Timestamp::MAX);
        let claimed = app.store.claim_operations(&app.owner, now, until, limit).await?;
        if claimed.is_empty() {
            return Ok(taken);
        }
        taken += claimed.len();
        stream::iter(claimed)
            .for_each_concurrent(side_by_side, |operation| deliver::run(app, operation))
            .await;
    }
}

/// Abandons sessions whose time is over, and forgets saved answers and events that are old enough. Says how many
/// sessions it abandoned.
///
/// # Errors
/// When the database cannot be reached.
pub async fn sweep(app: &App) -> Result<usize, ServiceError> {
    let now = app.clock.now();
    let before = now.checked_sub(KEPT).unwrap_or(Timestamp::MIN);
    let oldest = app.store.oldest_pending(now).await?;
    let waiting = oldest.map_or(0, |due| now.duration_since(due).as_secs());
    app.metrics.oldest_pending_seconds.set(waiting);
    app.store.purge_saved_answers(before).await?;
    app.store.purge_webhook_events(before).await?;
    let mut abandoned = 0;
    for Stored { mut session, version } in app.store.sessions_to_expire(now, SWEEP).await? {
        if !session.expire(now) {
            continue;
        }
        let change = Change { session: Some((session, version)), ..Change::new(now) };
        // Somebody acting on the session at this moment is no reason to stop: it is not over then.
        if app.store.change(change).await? == Changed::Done {
            abandoned += 1;
        }
    }
    Ok(abandoned)
}

/// Works until told to stop; then finishes the steps it is at.
pub async fn work(app: App, poll: Duration, mut stop: watch::Receiver<bool>) {
    let mut operations = tokio::time::interval(poll);
    let mut flows = tokio::time::interval(FLOW_POLL);
    let mut sweeps = tokio::time::interval(SWEEP_EVERY);
    loop {
        let (what, outcome) = tokio::select! {
            biased;
            _ = stop.wait_for(|stopping| *stopping) => return,
            _ = flows.tick() => ("flows", app.flows.refresh(&app.store).await.map(|_| ())),
            _ = sweeps.tick() => ("sweep", sweep(&app).await.map(|_| ())),
            _ = operations.tick() => ("operations", drain(&app).await.map(|_| ())),
        };
        if let Err(error) = outcome {
            warn!(what, ?error, "the worker will try again");
        }
    }
}
