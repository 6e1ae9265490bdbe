//! Limits of our own, under Stripe's: per account, per endpoint, and per subscription.
//!
//! Work in the background may use a part of each limit only, so that whoever waits for an answer finds room. Waiting
//! is in turn, and counts into the deadline of the call.

use std::collections::HashMap;
use std::num::NonZeroU32;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use governor::clock::{Clock, DefaultClock};
use governor::{DefaultDirectRateLimiter, Quota, RateLimiter};
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

/// A rate, of which the background gets a part.
#[derive(Debug)]
struct Gate {
    all: DefaultDirectRateLimiter,
    background: DefaultDirectRateLimiter,
    waiting: Turn<()>,
    background_waiting: Turn<()>,
}

impl Gate {
    /// So many a second on average and a quarter of that at once, which makes at most five quarters in any second.
    fn new(per_second: NonZeroU32, reserved_percent: u32) -> Self {
        let share = per_second.get().saturating_mul(100_u32.saturating_sub(reserved_percent)) / 100;
        let share = NonZeroU32::new(share).unwrap_or(NonZeroU32::MIN);
        let burst = |of: NonZeroU32, part| NonZeroU32::new(of.get() / part).unwrap_or(NonZeroU32::MIN);
        Self {
            all: RateLimiter::direct(Quota::per_second(per_second).allow_burst(burst(per_second, 4))),
            background: RateLimiter::direct(Quota::per_second(share).allow_burst(burst(share, 8))),
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

async fn wait_for(limiter: &DefaultDirectRateLimiter, deadline: Instant) -> Result<(), NoRoom> {
    while let Err(full) = limiter.check() {
        let wait = full.wait_time_from(DefaultClock::default().now());
        if Instant::now() + wait >= deadline {
            return Err(NoRoom(wait));
        }
        tokio::time::sleep(wait).await;
    }
    Ok(())
}

/// One subscription: one writer at a time, and not often.
#[derive(Debug)]
struct Lane {
    turn: Arc<Turn<()>>,
    rate: DefaultDirectRateLimiter,
}

/// The turn of a writer on its subscription; the next one comes when it is dropped.
#[derive(Debug)]
pub(super) struct LaneTurn {
    lane: Arc<Lane>,
    _turn: OwnedMutexGuard<()>,
}

/// All limits of one account.
#[derive(Debug)]
pub(super) struct Limiter {
    account: Gate,
    endpoints: Mutex<HashMap<String, Arc<Gate>>>,
    lanes: Mutex<HashMap<SubscriptionId, Arc<Lane>>>,
    per_endpoint: NonZeroU32,
    reserved_percent: u32,
    subscription: Quota,
}

impl Limiter {
    pub(super) fn new(limits: &Limits, livemode: bool) -> Self {
        Self {
            account: Gate::new(limits.account(livemode), limits.reserved_percent),
            endpoints: Mutex::default(),
            lanes: Mutex::default(),
            per_endpoint: limits.endpoint(),
            reserved_percent: limits.reserved_percent,
            subscription: Quota::per_second(limits.per_subscription).allow_burst(SUBSCRIPTION_BURST),
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
    ) -> Result<LaneTurn, NoRoom> {
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
        turn: Option<&LaneTurn>,
        urgency: Urgency,
        deadline: Instant,
    ) -> Result<(), NoRoom> {
        if let Some(turn) = turn {
            wait_for(&turn.lane.rate, deadline).await?;
        }
        self.endpoint(endpoint).pass(urgency, deadline).await?;
        self.account.pass(urgency, deadline).await
    }

    fn lane(&self, subscription: &SubscriptionId) -> Arc<Lane> {
        let mut lanes = self.lanes.lock().unwrap_or_else(PoisonError::into_inner);
        if lanes.len() >= REMEMBERED {
            // The few that are forgotten with part of their rate used up get a whole one again; that does no harm.
            lanes.retain(|_, lane| Arc::strong_count(lane) > 1);
        }
        let new =
            || Arc::new(Lane { turn: Arc::new(Turn::new(())), rate: RateLimiter::direct(self.subscription) });
        Arc::clone(lanes.entry(subscription.clone()).or_insert_with(new))
    }

    fn endpoint(&self, name: &str) -> Arc<Gate> {
        let mut gates = self.endpoints.lock().unwrap_or_else(PoisonError::into_inner);
        match gates.get(name) {
            Some(gate) => Arc::clone(gate),
            None => {
                let gate = Arc::new(Gate::new(self.per_endpoint, self.reserved_percent));
                gates.insert(name.to_owned(), Arc::clone(&gate));
                gate
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use futures_util::future::join_all;

    use super::*;

    fn limiter(per_second: u32, per_endpoint: u32, reserved_percent: u32) -> Limiter {
        let limits = Limits {
            per_second: NonZeroU32::new(per_second),
            per_endpoint: NonZeroU32::new(per_endpoint),
            reserved_percent,
            per_subscription: NonZeroU32::new(10).unwrap(),
        };
        Limiter::new(&limits, false)
    }

    fn soon() -> Instant {
        Instant::now() + Duration::from_secs(5)
    }

    #[tokio::test]
    async fn no_second_sees_more_than_five_quarters_of_the_rate() {
        let limiter = limiter(40, 1_000, 0);
        let started = Instant::now();
        let calls = (0..50).map(|_| limiter.pass("GET /a", None, Urgency::Interactive, soon()));
        assert!(join_all(calls).await.iter().all(Result::is_ok));
        // Ten at once, forty at 25 ms each.
        assert!(started.elapsed() >= Duration::from_millis(975), "{:?}", started.elapsed());
        assert!(started.elapsed() < Duration::from_millis(1_600), "{:?}", started.elapsed());
    }

    #[tokio::test]
    async fn each_endpoint_has_a_limit_of_its_own() {
        let limiter = limiter(10_000, 20, 0);
        let started = Instant::now();
        let calls = (0..10).flat_map(|_| ["GET /a", "GET /b"]);
        let calls = calls.map(|endpoint| limiter.pass(endpoint, None, Urgency::Interactive, soon()));
        join_all(calls).await;
        let took = started.elapsed();
        assert!((Duration::from_millis(240)..Duration::from_millis(450)).contains(&took), "{took:?}");
    }

    #[tokio::test]
    async fn the_background_leaves_room_for_those_who_wait() {
        let limiter = Arc::new(limiter(40, 1_000, 50));
        let busy = Arc::clone(&limiter);
        let background = tokio::spawn(async move {
            let calls = (0..1_000).map(|_| busy.pass("GET /a", None, Urgency::Background, soon()));
            join_all(calls).await;
        });
        tokio::time::sleep(Duration::from_millis(300)).await;
        for _ in 0..8 {
            let started = Instant::now();
            limiter.pass("GET /a", None, Urgency::Interactive, soon()).await.unwrap();
            assert!(started.elapsed() < Duration::from_millis(30), "{:?}", started.elapsed());
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        background.abort();
    }

    #[tokio::test]
    async fn waiting_ends_at_the_deadline() {
        let limiter = limiter(1, 1, 0);
        limiter.pass("GET /a", None, Urgency::Interactive, soon()).await.unwrap();
        let deadline = Instant::now() + Duration::from_millis(50);
        let refused = limiter.pass("GET /a", None, Urgency::Interactive, deadline).await;
        assert!(refused.is_err_and(|NoRoom(wait)| wait > Duration::from_millis(500)));
        let waits = limiter.pass("GET /a", None, Urgency::Interactive, soon());
        let behind = limiter.pass("GET /a", None, Urgency::Interactive, deadline + Duration::from_millis(50));
        let (first, second) = tokio::join!(waits, behind);
        assert_eq!((first.is_ok(), second.is_ok()), (true, false));
    }

    #[tokio::test]
    async fn one_subscription_has_one_writer_at_a_time_and_a_rate() {
        let limiter = limiter(1_000, 1_000, 0);
        let subscription: SubscriptionId = "sub_1".parse().unwrap();
        let turn = limiter.turn(&subscription, soon()).await.unwrap();
        let deadline = Instant::now() + Duration::from_millis(30);
        assert!(limiter.turn(&subscription, deadline).await.is_err());
        assert!(limiter.turn(&"sub_2".parse().unwrap(), deadline).await.is_ok());
        let started = Instant::now();
        for _ in 0..7 {
            limiter.pass("POST /a", Some(&turn), Urgency::Background, soon()).await.unwrap();
        }
        assert!(started.elapsed() >= Duration::from_millis(190), "{:?}", started.elapsed());
        drop(turn);
        limiter.turn(&subscription, soon()).await.unwrap();
    }

    #[tokio::test]
    async fn subscriptions_at_rest_are_forgotten() {
        let limiter = limiter(1_000, 1_000, 0);
        let kept = limiter.turn(&"sub_kept".parse().unwrap(), soon()).await.unwrap();
        for number in 0..REMEMBERED + 10 {
            limiter.turn(&format!("sub_{number}").parse().unwrap(), soon()).await.unwrap();
        }
        assert!(limiter.lanes.lock().unwrap().len() < 20);
        let deadline = Instant::now() + Duration::from_millis(10);
        assert!(limiter.turn(&"sub_kept".parse().unwrap(), deadline).await.is_err());
        drop(kept);
    }
}
