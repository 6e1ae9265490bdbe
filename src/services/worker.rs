//! What goes on without a request: operations that are due, sessions whose time is over, flows that others published.

use std::time::Duration;

use futures_util::StreamExt;
use futures_util::stream;
use jiff::{SignedDuration, Timestamp};
use tokio::sync::watch;
use tokio::time::MissedTickBehavior;
use tracing::warn;

use super::app::App;
use super::deliver;
use super::error::ServiceError;
use super::saves;
use crate::store::{Change, Changed, Stored};

/// How many sessions are abandoned in one go.
const SWEEP: u32 = 200;
/// How long saved answers and seen events are kept; Stripe remembers keys for a day and redelivers for three.
const KEPT: SignedDuration = SignedDuration::from_hours(24 * 4);
/// How often each process looks for flows that others have published; the promise is two seconds.
const FLOW_POLL: Duration = Duration::from_secs(1);
/// How often to look for saves that have reached a horizon.
const SAVES_EVERY: Duration = Duration::from_secs(60);
/// How often sessions are swept and old rows purged.
const SWEEP_EVERY: Duration = Duration::from_secs(15);

/// Applies every operation that is due, as many side by side as configured. Says how many it took up.
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

/// Applies as many operations as run side by side. Says how many those were.
async fn take_up(app: &App) -> Result<usize, ServiceError> {
    let side_by_side = app.settings.worker_concurrency;
    let limit = u32::try_from(side_by_side).unwrap_or(u32::MAX);
    let now = app.clock.now();
    let claimed = app.store.claim_operations(&app.owner, now, app.lease(now).until, limit).await?;
    let taken = claimed.len();
    stream::iter(claimed).for_each_concurrent(side_by_side, |operation| deliver::run(app, operation)).await;
    Ok(taken)
}

/// Abandons sessions whose time is over, and forgets saved answers, Stripe's events and our own that are old enough.
/// Says how many sessions it abandoned.
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
    app.store.purge_events(now.checked_sub(app.settings.event_retention).unwrap_or(Timestamp::MIN)).await?;
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

/// Works until told to stop; then finishes the steps it is at. Each kind of work keeps its own time, so that a slow
/// Stripe holds up no flow.
pub async fn work(app: App, poll: Duration, stop: watch::Receiver<bool>) {
    tokio::join!(
        every(FLOW_POLL, stop.clone(), "flows", async || app.flows.refresh(&app.store).await.map(|_| ())),
        every(SWEEP_EVERY, stop.clone(), "sweep", async || sweep(&app).await.map(|_| ())),
        every(SAVES_EVERY, stop.clone(), "saves", async || {
            while saves::take_up(&app).await? > 0 && !*stop.borrow() {}
            Ok(())
        }),
        every(poll, stop.clone(), "operations", async || {
            while take_up(&app).await? > 0 && !*stop.borrow() {}
            Ok(())
        }),
    );
}

async fn every(
    pause: Duration,
    mut stop: watch::Receiver<bool>,
    what: &str,
    work: impl AsyncFn() -> Result<(), ServiceError>,
) {
    let mut ticks = tokio::time::interval(pause);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            biased;
            // The sender going away means the same as its word.
            _ = stop.wait_for(|stopping| *stopping) => return,
            _ = ticks.tick() => {}
        }
        if let Err(error) = work().await {
            warn!(what, ?error, "the worker will try again");
        }
    }
}
