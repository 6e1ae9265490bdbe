//! A Stripe-compatible server on loopback: stateful, strict, scriptable, in memory.
//!
//! `counteroffer demo` runs on it and so do all integration tests. It speaks Stripe's form encoding, answers in
//! Stripe's shapes, refuses what Stripe refuses, keeps idempotency keys, sends signed webhooks, and has a clock that
//! can be moved. Parameters that Stripe has and the sandbox does not model are refused by name, never ignored.
//!
//! One object kind a file. A call goes `server` -> `engine` (key, faults, idempotency) -> `routes` -> `params`
//! -> the object's file, all behind one lock. This module knows no other floor of the crate: nothing here may import
//! from `domain`, `store`, `billing`, `services` or `http`.
mod account;
mod balance;
mod calendar;
mod call;
mod clock;
mod collection;
mod contract;
mod control;
mod coupons;
mod credit_notes;
mod customers;
mod delivery;
mod discounts;
mod engine;
mod entitlements;
mod errors;
mod events;
mod faults;
mod features;
mod form;
mod idempotency;
mod invoice_actions;
mod invoice_items;
mod invoice_preview;
mod invoices;
mod invoicing;
mod issuing;
mod items;
mod params;
mod passage;
mod pending_updates;
mod prices;
mod products;
mod promotion_codes;
mod prorations;
mod record;
mod render;
mod restricted;
mod routes;
mod schedule_phases;
mod schedules;
mod seeds;
mod server;
mod shared;
mod state;
mod subscription_ends;
mod subscription_items;
mod subscription_pause;
mod subscription_update;
mod subscriptions;
mod test_clocks;
mod tiers;
mod webhook_endpoints;
mod webhooks;

pub use clock::SandboxClock;
pub use collection::AfterRetries;
pub use engine::RecordedCall;
pub use events::API_VERSION;
pub use faults::{Fault, FaultKind};
pub use seeds::Refused;
pub use webhooks::{Delivery, WebhookEvent, signature};

use secrecy::SecretString;
use serde_json::Value;
use server::Running;
use shared::Shared;
use std::net::SocketAddr;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::net::TcpSocket;
use url::Url;

/// Connections that may wait to be taken.
const BACKLOG: u32 = 1024;

/// What a sandbox is started with.
#[derive(Debug, Clone)]
pub struct SandboxConfig {
    /// Where to listen; port 0 takes a free one.
    pub addr: SocketAddr,
    /// The only key accepted, as Bearer token or Basic user name: `sk_test_…`.
    pub secret_key: SecretString,
    /// What webhooks are signed with: `whsec_…`.
    pub webhook_secret: SecretString,
    /// Where webhooks are delivered to.
    pub webhook_url: Option<Url>,
    /// How time passes.
    pub clock: SandboxClock,
}

/// A running sandbox. Clones are handles to the same one; it ends when `stop` is called or the process ends.
#[derive(Debug, Clone)]
pub struct Sandbox {
    shared: Arc<Shared>,
    addr: SocketAddr,
    url: Url,
    port: Arc<Mutex<Option<Port>>>,
}

/// What stands at the sandbox's port.
#[derive(Debug)]
enum Port {
    Serving(Running),
    /// Bound without listening, so that connections are refused and nobody else gets the port.
    Held(TcpSocket),
}

/// A socket bound to this address. `shared`: so that another one can be before this one is closed.
fn bound(addr: SocketAddr, shared: bool) -> std::io::Result<TcpSocket> {
    let socket = if addr.is_ipv4() { TcpSocket::new_v4()? } else { TcpSocket::new_v6()? };
    socket.set_reuseaddr(true)?;
    #[cfg(unix)]
    socket.set_reuseport(shared)?;
    socket.bind(addr)?;
    Ok(socket)
}

impl Sandbox {
    /// Starts the server on a thread of its own; returns when it listens.
    ///
    /// # Errors
    /// When the address cannot be listened on.
    pub async fn start(config: SandboxConfig) -> std::io::Result<Self> {
        let listener = bound(config.addr, config.addr.port() == 0)?.listen(BACKLOG)?.into_std()?;
        let addr = listener.local_addr()?;
        let url = Url::parse(&format!("http://{addr}/")).map_err(std::io::Error::other)?;
        let shared =
            Arc::new(Shared::new(config.secret_key, config.webhook_secret, config.webhook_url, config.clock));
        let running = server::start(listener, Arc::clone(&shared)).await?;
        Ok(Self { shared, addr, url, port: Arc::new(Mutex::new(Some(Port::Serving(running)))) })
    }

    fn port(&self) -> MutexGuard<'_, Option<Port>> {
        self.port.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Stops listening and drops open connections; the state and the port stay.
    pub async fn stop(&self) {
        self.shared.away.store(true, Ordering::SeqCst);
        let before = self.port().take();
        let held = match before {
            Some(Port::Serving(running)) => {
                // Without a gap, in which another one that wants any port could get this one.
                let held = bound(self.addr, true).ok();
                running.stop().await;
                // A port that was asked for is not shared; somebody else's by now, at worst, as `start_again` says.
                held.or_else(|| bound(self.addr, false).ok()).map(Port::Held)
            }
            held => held,
        };
        *self.port() = held;
    }

    /// Listens again on the same port, with the state as it was. Does nothing while it runs.
    ///
    /// # Errors
    /// When somebody else took the port in the meantime.
    pub async fn start_again(&self) -> std::io::Result<()> {
        let before = self.port().take();
        let listener = match before {
            Some(Port::Held(socket)) => socket.listen(BACKLOG)?.into_std()?,
            None => bound(self.addr, false)?.listen(BACKLOG)?.into_std()?,
            serving => {
                *self.port() = serving;
                return Ok(());
            }
        };
        self.shared.away.store(false, Ordering::SeqCst);
        let serving = Port::Serving(server::start(listener, Arc::clone(&self.shared)).await?);
        *self.port() = Some(serving);
        Ok(())
    }

    /// The base address, `http://127.0.0.1:PORT/`; calls are below `/v1/`.
    pub fn url(&self) -> Url {
        self.url.clone()
    }

    /// The sandbox's time.
    pub fn now(&self) -> jiff::Timestamp {
        jiff::Timestamp::from_second(self.shared.core().clock.now()).unwrap_or(jiff::Timestamp::MAX)
    }

    /// Moves the clock forward by this many seconds; everything that falls due happens, in order.
    pub fn advance(&self, seconds: i64) {
        self.shared.advance(seconds);
    }

    /// Accepts a restricted key (`rk_test_…`) too, with these permissions and no others: `subscription_write`,
    /// `event_read`, ….
    pub fn restricted_key(&self, key: &str, permissions: &[&str]) {
        let permissions = permissions.iter().map(|held| (*held).to_owned()).collect();
        self.shared.core().restricted.push(restricted::RestrictedKey { key: key.to_owned(), permissions });
    }

    /// Answers every call only after so long, its work done at once: Stripe is slow.
    pub fn answer_after(&self, latency: Duration) {
        self.shared.core().latency = latency;
    }

    /// Makes the next matching calls misbehave.
    pub fn script(&self, fault: Fault) {
        self.shared.core().faults.push(fault);
    }

    /// Forgets all faults not yet used.
    pub fn clear_faults(&self) {
        self.shared.core().faults.clear();
    }

    /// Forgets every idempotency key, as Stripe does after 24 hours.
    pub fn forget_keys(&self) {
        self.shared.core().memory.forget();
    }

    /// Decides what becomes of a subscription when the last automatic attempt to collect its latest invoice failed.
    pub fn after_retries(&self, then: AfterRetries) {
        self.shared.core().state.after_retries = then;
    }

    /// What every object says of its mode from now on: a sandbox is in test mode until it is told otherwise.
    pub fn set_livemode(&self, live: bool) {
        self.shared.core().state.livemode = live;
    }

    /// Every call answered so far, oldest first; those made through `create` too.
    pub fn calls(&self) -> Vec<RecordedCall> {
        self.shared.core().calls.clone()
    }

    /// Forgets the calls so far, so that a test sees only its own.
    pub fn clear_calls(&self) {
        self.shared.core().calls.clear();
    }

    /// The object with this id as Stripe would show it, nothing expanded.
    pub fn object(&self, id: &str) -> Option<Value> {
        self.shared.object(id)
    }

    /// Where webhooks go from now on.
    pub fn set_webhook_url(&self, url: Option<Url>) {
        self.shared.core().outbox.url = url;
        self.shared.woken.notify_one();
    }

    /// Switches automatic delivery on or off. It is off at first: a test delivers by hand.
    pub fn auto_deliver(&self, on: bool) {
        self.shared.core().outbox.automatic = on;
        self.shared.woken.notify_one();
    }

    /// The events that wait for delivery, oldest first.
    pub fn pending_webhooks(&self) -> Vec<WebhookEvent> {
        self.shared.core().outbox.queue.iter().cloned().collect()
    }

    /// Takes the waiting events out of the queue: to be delivered reversed, twice, late, or never.
    pub fn take_webhooks(&self) -> Vec<WebhookEvent> {
        self.shared.core().outbox.queue.drain(..).collect()
    }

    /// Delivers these events in this order, each once, signed at the sandbox's time. Nothing is sent without a
    /// webhook address.
    pub async fn deliver(&self, events: &[WebhookEvent]) -> Vec<Delivery> {
        self.shared.deliver(events).await
    }

    /// Delivers everything that waits, in order.
    pub async fn deliver_all(&self) -> Vec<Delivery> {
        let events = self.take_webhooks();
        self.deliver(&events).await
    }
}
