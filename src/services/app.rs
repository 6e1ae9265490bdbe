//! What every use case works with.

use std::sync::Arc;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use jsonwebtoken::jwk::JwkSet;
use tokio_util::task::TaskTracker;

use super::evidence::Signer;
use super::flows::Flows;
use super::metrics::Metrics;
use super::reconciling::Reconciling;
use crate::billing::Gateway;
use crate::clock::Clock;
use crate::domain::offer::Key;
use crate::store::{Lease, Store};

/// What every use case works with; shared by all requests and the worker.
#[derive(Clone, Debug)]
pub struct App {
    /// The database.
    pub store: Store,
    /// Stripe.
    pub gateway: Gateway,
    /// The published flows.
    pub flows: Flows,
    /// Time.
    pub clock: Clock,
    /// What is counted.
    pub metrics: Metrics,
    /// What the configuration says about sessions and the worker.
    pub settings: Settings,
    /// What signs exported evidence; none where no key is configured.
    pub signer: Option<Arc<Signer>>,
    /// The public keys that verify exported evidence, also that of former signers.
    pub evidence_keys: Arc<JwkSet>,
    /// Billing work that goes on after its request was answered; waited for at shutdown.
    pub background: TaskTracker,
    /// This process, as the holder of leases.
    pub owner: String,
}

impl App {
    /// A lease of this process from `now` on.
    pub(super) fn lease(&self, now: Timestamp) -> Lease {
        let until = now.checked_add(self.settings.lease).unwrap_or(Timestamp::MAX);
        Lease { owner: self.owner.clone(), until }
    }
}

/// What the configuration says about sessions and the worker.
#[derive(Clone, Debug)]
pub struct Settings {
    /// The flow that sessions run.
    pub flow: Key,
    /// How long a session may stay open.
    pub session_ttl: SignedDuration,
    /// The age from which a snapshot is fetched again before deciding.
    pub snapshot_max_age: SignedDuration,
    /// The age up to which a snapshot serves to offer changes in billing while Stripe cannot be asked.
    pub snapshot_max_stale: SignedDuration,
    /// How long a request waits for Stripe's picture of a subscription before it goes on with what is known.
    pub snapshot_deadline: Duration,
    /// How long an accept or a cancel waits for billing before it answers 202.
    pub apply_deadline: Duration,
    /// How long a process holds an operation without renewing; longer than Stripe calls may take in all.
    pub lease: SignedDuration,
    /// How long events for the app are kept.
    pub event_retention: SignedDuration,
    /// How many operations one process applies side by side.
    pub worker_concurrency: usize,
    /// How all subscriptions are compared with Stripe.
    pub reconciling: Reconciling,
}
