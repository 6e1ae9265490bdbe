//! What the handle, the server and the delivery share: the lock, and a bell that wakes the delivery.
use super::clock::{Clock, SandboxClock};
use super::engine::Core;
use super::render;
use super::state::{ObjectKind, State};
use super::webhooks::{self, Delivery, Outbox, WebhookEvent};
use secrecy::SecretString;
use serde_json::Value;
use std::sync::atomic::AtomicBool;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::sync::Notify;
use url::Url;

/// The one lock, and what needs none.
pub(super) struct Shared {
    core: Mutex<Core>,
    /// Rung when there may be something to deliver.
    pub(super) woken: Notify,
    /// Whether it is stopped: the server's threads end a moment after the server, and must not answer in between.
    pub(super) away: AtomicBool,
}

impl std::fmt::Debug for Shared {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Shared")
    }
}

impl Shared {
    pub(super) fn new(
        secret_key: SecretString,
        webhook_secret: SecretString,
        webhook_url: Option<Url>,
        clock: SandboxClock,
    ) -> Self {
        let clock = Clock::new(clock);
        let state = State::new(clock.now());
        let outbox = Outbox { url: webhook_url, secret: webhook_secret, ..Outbox::default() };
        let core = Core {
            state,
            clock,
            secret_key,
            restricted: Vec::new(),
            latency: Duration::ZERO,
            memory: Default::default(),
            faults: Vec::new(),
            calls: Vec::new(),
            outbox,
        };
        Self { core: Mutex::new(core), woken: Notify::new(), away: AtomicBool::new(false) }
    }

    /// The sandbox behind its lock. A call that panicked leaves its state to be looked at, hence no poison.
    pub(super) fn core(&self) -> MutexGuard<'_, Core> {
        self.core.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn advance(&self, seconds: i64) {
        let mut core = self.core();
        core.settle();
        core.clock.advance(seconds);
        core.settle();
        drop(core);
        self.woken.notify_one();
    }

    pub(super) fn object(&self, id: &str) -> Option<Value> {
        let mut core = self.core();
        core.settle();
        let kind = ObjectKind::ALL.into_iter().find(|kind| core.state.find(*kind, id).is_some())?;
        Some(render::object(&core.state, kind, id))
    }

    /// The next event for automatic delivery, if that is on and leads somewhere.
    pub(super) fn next_automatic(&self) -> Option<WebhookEvent> {
        let mut core = self.core();
        if core.outbox.automatic && core.outbox.url.is_some() { core.outbox.queue.pop_front() } else { None }
    }

    /// Where webhooks go, what they are signed with, and the time.
    pub(super) fn destination(&self) -> Option<(Url, SecretString, i64)> {
        let core = self.core();
        Some((core.outbox.url.clone()?, core.outbox.secret.clone(), core.clock.now()))
    }

    pub(super) async fn deliver(&self, events: &[WebhookEvent]) -> Vec<Delivery> {
        let mut deliveries = Vec::new();
        for event in events {
            let Some((url, secret, now)) = self.destination() else {
                break;
            };
            deliveries.push(webhooks::send(&url, &secret, now, event).await);
        }
        deliveries
    }
}
