//! Limits of our own, under Stripe's: per account, per endpoint, and per subscription.
//!
//! Work in the background may use a part of each limit only, so that whoever waits for an answer finds room. Waiting
//! is in turn, and counts into the deadline of the call.

use std::collections::HashMap;
use std::num::NonZeroU32;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use governor::clock::{Clock, DefaultClock};
use governor::middleware::NoOpMiddleware;
use governor::state::{InMemoryState, NotKeyed};
use governor::{Quota, RateLimiter};
use tokio::sync::{Mutex as Turn, OwnedMutexGuard};
use tokio::time::Instant;

use super::options::Limits;
use crate::domain::ids::SubscriptionId;

/// Whether somebody waits for the answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Urgency {
    /// A request that is being answered.
    Interactive,
    /// The worker, webhooks, reconciliation.
    Background,
}

impl Urgency {
    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::Interactive => "interactive",
            Self::Background => "background",
        }
    }
}

/// There is no room within the deadline; so long it would have taken at least.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct NoRoom(pub(super) Duration);

/// Writes to one subscription that may follow at once: as many as the longest plan makes.
const SUBSCRIPTION_BURST: NonZeroU32 = NonZeroU32::MIN.saturating_add(4);
/// Subscriptions to remember before those at rest are forgotten.
const REMEMBERED: usize = 1_024;

/// So many calls a second, by this clock: the machine's, or one that a test moves.
type Rate<C> = RateLimiter<NotKeyed, InMemoryState, C, NoOpMiddleware<<C as Clock>::Instant>>;

/// A rate, of which the background gets a part.
#[derive(Debug)]
struct Gate<C: Clock> {
    all: Rate<C>,
    background: Rate<C>,
    waiting: Turn<()>,
    background_waiting: Turn<()>,
}

impl<C: Clock + Clone> Gate<C> {
    /// So many a second on average and a quarter of that at once, which makes at most five quarters in any second.
    fn new(per_second: NonZeroU32, reserved_percent: u32, clock: &C) -> Self {
        let rate = |quota| RateLimiter::direct_with_clock(quota, clock.clone());
        let share = per_second.get().saturating_mul(100_u32.saturating_sub(reserved_percent)) / 100;
        let share = NonZeroU32::new(share).unwrap_or(NonZeroU32::MIN);
        let burst = |of: NonZeroU32, part| NonZeroU32::new(of.get() / part).unwrap_or(NonZeroU32::MIN);
        Self {
            all: rate(Quota::per_second(per_second).allow_burst(burst(per_second, 4))),
            background: rate(Quota::per_second(share).allow_burst(burst(share, 8))),
            waiting: Turn::new(()),
            background_waiting: Turn::new(()),
        }
    }

    async fn pass(&self, urgency: Urgency, deadline: Instant) -> Result<(), NoRoom> {
        // One of each kind at the front of its queue, so that all are served in turn.
        let queue = match urgency {
            Urgency::Interactive => &self.waiting,
            Urgency::Background => &self.background_waiting,
        };
        let front = tokio::time::timeout_at(deadline, queue.lock()).await;
        let _front = front.map_err(|_| NoRoom(Duration::ZERO))?;
        if urgency == Urgency::Background {
            wait_for(&self.background, deadline).await?;
        }
        wait_for(&self.all, deadline).await
    }
}

async fn wait_for<C: Clock>(rate: &Rate<C>, deadline: Instant) -> Result<(), NoRoom> {
    while let Err(full) = rate.check() {
        let wait = full.wait_time_from(rate.clock().now());
        if Instant::now() + wait >= deadline {
            return Err(NoRoom(wait));
        }
        tokio::time::sleep(wait).await;
    }
    Ok(())
}

/// One subscription: one writer at a time, and not often.
#[derive(Debug)]
struct Lane<C: Clock> {
    turn: Arc<Turn<()>>,
    rate: Rate<C>,
}

/// The turn of a writer on its subscription; the next one comes when it is dropped.
#[derive(Debug)]
pub(super) struct LaneTurn<C: Clock = DefaultClock> {
    lane: Arc<Lane<C>>,
    _turn: OwnedMutexGuard<()>,
}

/// All limits of one account.
#[derive(Debug)]
pub(super) struct Limiter<C: Clock = DefaultClock> {
    account: Gate<C>,
    endpoints: Mutex<HashMap<String, Arc<Gate<C>>>>,
    lanes: Mutex<HashMap<SubscriptionId, Arc<Lane<C>>>>,
    per_endpoint: NonZeroU32,
    reserved_percent: u32,
    subscription: Quota,
    clock: C,
}

impl<C: Clock + Clone> Limiter<C> {
    pub(super) fn new(limits: &Limits, livemode: bool, clock: C) -> Self {
        Self {
            account: Gate::new(limits.account(livemode), limits.reserved_percent, &clock),
            endpoints: Mutex::default(),
            lanes: Mutex::default(),
            per_endpoint: limits.endpoint(),
            reserved_percent: limits.reserved_percent,
            subscription: Quota::per_second(limits.per_subscription).allow_burst(SUBSCRIPTION_BURST),
            clock,
        }
    }

    /// Waits for the turn on a subscription, to be kept for a whole call: an attempt that ran out of time may still be
    /// at work in Stripe when the next one comes.
    ///
    /// # Errors
    /// When the turn does not come before the deadline.
    pub(super) async fn turn(
        &self,
        subscription: &SubscriptionId,
        deadline: Instant,
    ) -> Result<LaneTurn<C>, NoRoom> {
        let lane = self.lane(subscription);
        let turn = tokio::time::timeout_at(deadline, Arc::clone(&lane.turn).lock_owned()).await;
        let turn = turn.map_err(|_| NoRoom(Duration::ZERO))?;
        Ok(LaneTurn { lane, _turn: turn })
    }

    /// Waits until one attempt may be made.
    ///
    /// # Errors
    /// When there is no room before the deadline.
    pub(super) async fn pass(
        &self,
        endpoint: &str,
        turn: Option<&LaneTurn<C>>,
        urgency: Urgency,
        deadline: Instant,
    ) -> Result<(), NoRoom> {
        if let Some(turn) = turn {
            wait_for(&turn.lane.rate, deadline).await?;
        }
        self.endpoint(endpoint).pass(urgency, deadline).await?;
        self.account.pass(urgency, deadline).await
    }

    fn lane(&self, subscription: &SubscriptionId) -> Arc<Lane<C>> {
        let mut lanes = self.lanes.lock().unwrap_or_else(PoisonError::into_inner);
        if lanes.len() >= REMEMBERED {
            // The few that are forgotten with part of their rate used up get a whole one again; that does no harm.
            lanes.retain(|_, lane| Arc::strong_count(lane) > 1);
        }
        let rate = || RateLimiter::direct_with_clock(self.subscription, self.clock.clone());
        let new = || Arc::new(Lane { turn: Arc::new(Turn::new(())), rate: rate() });
        Arc::clone(lanes.entry(subscription.clone()).or_insert_with(new))
    }

    fn endpoint(&self, name: &str) -> Arc<Gate<C>> {
        let mut gates = self.endpoints.lock().unwrap_or_else(PoisonError::into_inner);
        match gates.get(name) {
            Some(gate) => Arc::clone(gate),
            None => {
                let gate = Arc::new(Gate::new(self.per_endpoint, self.reserved_percent, &self.clock));
                gates.insert(name.to_owned(), Arc::clone(&gate));
                gate
            }
        }
    }
}

#[cfg(test)]
mod tests;
