//! What goes on without a request: operations that are due, sessions whose time is over, flows that others published.

use std::time::Duration;

use futures_util::stream::FuturesUnordered;
use futures_util::{FutureExt, StreamExt};
use jiff::{SignedDuration, Timestamp};
use tokio::sync::watch;
use tokio::time::MissedTickBehavior;
use tracing::{error, info, warn};

use super::app::App;
use super::backtest;
use super::deliver;
use super::error::ServiceError;
use super::evidence::retention;
use super::experiments;
use super::reconcile;
use super::replay::replay;
use super::saves;
use super::signals;
use crate::billing::{BreakerState, Permission};
use crate::domain::operation::Operation;
use crate::store::{Change, Changed, Stored};

/// How many sessions are abandoned in one go.
const SWEEP: u32 = 200;
/// How long saved answers and seen events are kept; Stripe remembers keys for a day and redelivers for three.
const KEPT: SignedDuration = SignedDuration::from_hours(24 * 4);
/// How often each process looks for flows that others have published; the promise is two seconds.
const FLOW_POLL: Duration = Duration::from_secs(1);
/// How often to look whether all subscriptions are to be compared with Stripe.
const RECONCILE_EVERY: Duration = Duration::from_secs(60);
/// How often to look for backtests that are asked for.
const BACKTESTS_EVERY: Duration = Duration::from_secs(2);
/// How often to look for saves that have reached a horizon.
const SAVES_EVERY: Duration = Duration::from_secs(60);
/// How often to look for subscriptions of which something has become known, or that are due for their daily look.
const SIGNALS_EVERY: Duration = Duration::from_secs(5);
/// How long to leave the database to requests after each hundred of those: a new flow makes all of them due at once.
const SIGNALS_PAUSE: Duration = Duration::from_millis(250);
/// How long to look away from the table while there is a free place.
const LOOK_AGAIN: Duration = Duration::from_millis(200);
/// How long to wait before the key's permissions are checked again, where Stripe did not answer.
const PERMISSIONS_AGAIN: Duration = Duration::from_secs(60);
/// How often to look whether bandits have shares for the day.
const LEARN_EVERY: Duration = Duration::from_secs(60);
/// How often to look for events that no webhook has brought: at start, and then.
const REPLAY_EVERY: Duration = Duration::from_secs(5 * 60);
/// How often to see whether a Stripe that was away may be asked again.
const PROBE_EVERY: Duration = Duration::from_secs(1);
/// How often sessions are swept and old rows purged.
const SWEEP_EVERY: Duration = Duration::from_secs(15);

/// Applies every operation that is due, as many side by side as configured. Says how many it took up.
///
/// # Errors
/// When the database cannot be reached.
pub async fn drain(app: &App) -> Result<usize, ServiceError> {
    work_off(&in_background(app), || true).await
}

/// The same for work that no request waits for.
fn in_background(app: &App) -> App {
    App { gateway: app.gateway.in_background(), ..app.clone() }
}

/// Applies what is due and what becomes due meanwhile, and takes up more as soon as a place is free, so that a slow
/// operation holds up no other. Ends when all is done, or finishes what it has begun when it is not to go on.
async fn work_off(app: &App, go_on: impl Fn() -> bool) -> Result<usize, ServiceError> {
    let mut running = FuturesUnordered::new();
    let mut taken = 0;
    let mut failure = None;
    loop {
        let free = places(app).saturating_sub(running.len());
        let mut found = 0;
        if free > 0 && failure.is_none() && go_on() {
            match claim(app, free).await {
                Ok(claimed) => {
                    found = claimed.len();
                    running.extend(
                        claimed.into_iter().map(|operation| deliver::run(app, operation, None).map(drop)),
                    );
                }
                Err(error) => failure = Some(error),
            }
        }
        taken += found;
        if running.is_empty() {
            return failure.map_or(Ok(taken), Err);
        }
        if found < free {
            // What becomes due meanwhile need not wait for those under way.
            let _one_or_none = tokio::time::timeout(LOOK_AGAIN, running.next()).await;
        } else {
            running.next().await;
        }
        // Several that are done make room for one claim of several.
        while let Some(Some(())) = running.next().now_or_never() {}
    }
}

/// How many operations to have under way: as configured, one to see whether Stripe is back, none while it is known to
/// be away. They stay due, and lose none of their attempts.
fn places(app: &App) -> usize {
    match app.gateway.breaker() {
        BreakerState::Closed => app.settings.worker_concurrency,
        BreakerState::HalfOpen => 1,
        BreakerState::Open => 0,
    }
}

async fn claim(app: &App, most: usize) -> Result<Vec<Operation>, ServiceError> {
    let now = app.clock.now();
    let most = u32::try_from(most).unwrap_or(u32::MAX);
    Ok(app.store.claim_operations(&app.owner, now, app.lease(now).until, most).await?)
}

/// Asks Stripe whether it is back, where it was away: so that no subscriber has to.
async fn probe(app: &App) {
    if app.gateway.breaker() == BreakerState::HalfOpen
        && let Err(error) = app.gateway.check().await
    {
        info!(%error, "Stripe is not back yet");
    }
}

/// Abandons sessions whose time is over, and forgets saved answers, Stripe's events and our own, and evidence that are
/// old enough.
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
    retention::sweep(app).await?;
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
    let app = in_background(&app);
    tokio::join!(
        tell_missing_permissions(&app, stop.clone()),
        every(FLOW_POLL, stop.clone(), "flows", async || app.flows.refresh(&app.store).await.map(|_| ())),
        every(SWEEP_EVERY, stop.clone(), "sweep", async || sweep(&app).await.map(|_| ())),
        every(SAVES_EVERY, stop.clone(), "saves", async || {
            while saves::take_up(&app).await? > 0 && !*stop.borrow() {}
            Ok(())
        }),
        every(LEARN_EVERY, stop.clone(), "experiments", async || experiments::learn(&app).await.map(|_| ())),
        every(SIGNALS_EVERY, stop.clone(), "signals", async || {
            while signals::take_up(&app).await? > 0 && !*stop.borrow() {
                tokio::time::sleep(SIGNALS_PAUSE).await;
            }
            Ok(())
        }),
        every(RECONCILE_EVERY, stop.clone(), "reconciliation", async || {
            reconcile::daily(&app, || !*stop.borrow()).await.map(|_| ())
        }),
        every(BACKTESTS_EVERY, stop.clone(), "backtests", async || {
            backtest::take_up(&app, || !*stop.borrow()).await.map(|_| ())
        }),
        every(PROBE_EVERY, stop.clone(), "stripe", async || {
            probe(&app).await;
            Ok(())
        }),
        every(REPLAY_EVERY, stop.clone(), "events", async || {
            // Not while Stripe is away: the next round comes soon enough.
            match app.gateway.breaker() {
                BreakerState::Closed => replay(&app).await.map(|_| ()),
                BreakerState::Open | BreakerState::HalfOpen => Ok(()),
            }
        }),
        every(poll, stop.clone(), "operations", async || {
            work_off(&app, || !*stop.borrow()).await.map(|_| ())
        }),
    );
}

/// Says once which permissions the key lacks, as soon as Stripe can be asked. Serving goes on: a cancel is recorded
/// whatever the key may do, and the operation that lacks a permission says so.
async fn tell_missing_permissions(app: &App, mut stop: watch::Receiver<bool>) {
    loop {
        match app.gateway.missing_permissions().await {
            Ok(missing) => {
                for Permission { resource, access, needed_for, .. } in missing {
                    let access = access.as_str();
                    error!(resource, access, needed_for, "the Stripe key lacks a permission; see the README");
                }
                return;
            }
            Err(error) => info!(%error, "the Stripe key's permissions cannot be checked yet"),
        }
        tokio::select! {
            _ = stop.wait_for(|stopping| *stopping) => return,
            () = tokio::time::sleep(PERMISSIONS_AGAIN) => {}
        }
    }
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
