//! Catch up with Stripe's events: after a start, an outage of ours or of Stripe's, or webhooks that went astray.
//!
//! A mark in the database says up to when everything has been taken in. From there, a little overlapping, Stripe's own
//! list of events is worked through from the oldest, each as its webhook would be, and the mark moves with it, so that
//! whoever takes over after a crash goes on from there. One process at a time holds the work.

use jiff::{SignedDuration, Timestamp};
use tracing::{info, warn};

use super::app::App;
use super::error::{Cause, ServiceError};
use super::webhook::take_in;
use crate::billing::BreakerState;
use crate::billing::events::KEPT;
use crate::billing::webhook::Event;

/// How far to look back behind the mark: Stripe may list an event a little after it happened.
const OVERLAP: SignedDuration = SignedDuration::from_mins(10);
/// How much to list at once, so that a month of events does not have to fit into memory.
const SPAN: SignedDuration = SignedDuration::from_hours(24);
/// After so many events the mark moves.
const STEP: usize = 50;

/// Takes in what Stripe lists and no webhook has brought. Says how many events those were.
///
/// # Errors
/// When Stripe or the database cannot be reached; the next call goes on where this one stopped.
pub async fn replay(app: &App) -> Result<usize, ServiceError> {
    let now = app.clock.now();
    let Some(mark) = app.store.claim_event_mark(account(app), app.lease(now), now).await? else {
        return Ok(0);
    };
    let oldest = now.checked_sub(KEPT).unwrap_or(Timestamp::MIN);
    if mark < oldest {
        warn!(%mark, "Stripe no longer lists all events since the last ones taken in; `reconcile` finds what they meant");
    }
    let work = Work { app, mark, held: None, taken: 0 };
    work.run(mark.checked_sub(OVERLAP).unwrap_or(mark).max(oldest), now).await
}

fn account(app: &App) -> &'static str {
    if app.gateway.livemode() { "live" } else { "test" }
}

/// Catching up, as far as it has come.
struct Work<'a> {
    app: &'a App,
    mark: Timestamp,
    /// The first event that could not be taken in: the mark stays there, so that the next round tries it again.
    held: Option<Timestamp>,
    taken: usize,
}

impl Work<'_> {
    async fn run(mut self, from: Timestamp, until: Timestamp) -> Result<usize, ServiceError> {
        let done = self.spans(from, until).await;
        // Given up also where it failed, so that the next who tries need not wait for the lease to run out.
        let released =
            self.app.store.move_event_mark(account(self.app), &self.app.owner, self.mark, None).await;
        done?;
        released?;
        if self.taken > 0 {
            info!(events = self.taken, "caught up with Stripe's events");
        }
        Ok(self.taken)
    }

    async fn spans(&mut self, mut from: Timestamp, until: Timestamp) -> Result<(), ServiceError> {
        loop {
            let end = from.checked_add(SPAN).unwrap_or(until).min(until);
            let events = self.app.gateway.events(from, end).await;
            let events = events.map_err(|error| ServiceError::BillingUnavailable(Cause::new(error)))?;
            for step in events.chunks(STEP) {
                self.step(step).await?;
                let last = step.last().map_or(self.mark, |event| event.created);
                if !self.move_to(last).await? {
                    return Ok(());
                }
            }
            if !self.move_to(end).await? || end >= until {
                return Ok(());
            }
            from = end;
        }
    }

    async fn step(&mut self, events: &[Event]) -> Result<(), ServiceError> {
        let ids = events.iter().map(|event| event.id.clone()).collect();
        let seen = self.app.store.events_seen(ids).await?;
        for event in events.iter().filter(|event| !seen.contains(&event.id)) {
            match take_in(self.app, event).await {
                Ok(()) => {
                    self.app.metrics.replayed_events.inc();
                    self.taken += 1;
                }
                // One object that cannot be read must not hold up all the others.
                Err(error @ ServiceError::BillingUnavailable(_))
                    if self.app.gateway.breaker() == BreakerState::Closed =>
                {
                    warn!(event = %event.id, ?error, "event left for the next round");
                    self.held = Some(self.held.map_or(event.created, |held| held.min(event.created)));
                }
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    /// Moves the mark and renews the lease. Says whether it was still ours.
    async fn move_to(&mut self, mark: Timestamp) -> Result<bool, ServiceError> {
        self.mark = self.mark.max(self.held.map_or(mark, |held| held.min(mark)));
        let (app, now) = (self.app, self.app.clock.now());
        let until = app.lease(now).until;
        Ok(app.store.move_event_mark(account(app), &app.owner, self.mark, Some(until)).await?)
    }
}
