//! The circuit breaker around calls: with a clock, shared by all that call, and seen by whoever watches.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::Instant;
use tracing::{info, warn};

use super::breaker::{Breaker, BreakerState, Outcome, Pass, Rules};
use super::measure::Measures;
use crate::clock::Clock;

/// A caller that goes away after so long has seen Stripe not answering.
const SLOW: Duration = Duration::from_secs(1);

/// The breaker of one account.
#[derive(Debug)]
pub(super) struct Fuse {
    breaker: Mutex<Breaker>,
    clock: Clock,
    measures: Measures,
}

/// A call under way. Dropped without a word, it counts as failed when it took long, and as unseen otherwise.
pub(super) struct Permit<'a> {
    fuse: &'a Fuse,
    pass: Option<Pass>,
    since: Instant,
}

impl Fuse {
    pub(super) fn new(clock: Clock, measures: Measures) -> Self {
        let breaker = Mutex::new(Breaker::new(Rules::default(), clock.now()));
        measures.breaker(BreakerState::Closed);
        Self { breaker, clock, measures }
    }

    pub(super) fn state(&self) -> BreakerState {
        let state = self.breaker().state(self.clock.now());
        self.measures.breaker(state);
        state
    }

    /// Leave to call Stripe now.
    ///
    /// # Errors
    /// How long Stripe is to be left alone.
    pub(super) fn admit(&self) -> Result<Permit<'_>, Duration> {
        let admitted = self.breaker().admit(self.clock.now());
        let pass = admitted.map_err(|wait| Duration::try_from(wait).unwrap_or_default())?;
        Ok(Permit { fuse: self, pass: Some(pass), since: Instant::now() })
    }

    fn report(&self, pass: Pass, outcome: Outcome) {
        let changed = self.breaker().report(pass, outcome, self.clock.now());
        if !changed {
            return;
        }
        match self.state() {
            BreakerState::Closed => info!("Stripe is back"),
            state => warn!(state = state.as_str(), "Stripe is away; it is left alone for a while"),
        }
    }

    fn breaker(&self) -> MutexGuard<'_, Breaker> {
        self.breaker.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Permit<'_> {
    /// Says whether Stripe was well.
    pub(super) fn report(mut self, well: bool) {
        if let Some(pass) = self.pass.take() {
            self.fuse.report(pass, if well { Outcome::Answered } else { Outcome::Failed });
        }
    }
}

impl Drop for Permit<'_> {
    fn drop(&mut self) {
        if let Some(pass) = self.pass.take() {
            let outcome = if self.since.elapsed() >= SLOW { Outcome::Failed } else { Outcome::Unseen };
            self.fuse.report(pass, outcome);
        }
    }
}
