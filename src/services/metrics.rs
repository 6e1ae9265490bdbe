//! What the use cases count, for whoever watches the service.

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::{Registry, Unit};

use crate::store::DriftRecord;

/// Upper bounds of the buckets for ages and delays, in seconds: from one to a month.
const AGES: [f64; 9] = [1.0, 5.0, 30.0, 300.0, 1_800.0, 7_200.0, 86_400.0, 604_800.0, 2_592_000.0];
/// Upper bounds of the buckets for attempts at an operation; after the last, a person looks.
const ATTEMPTS: [f64; 6] = [1.0, 2.0, 3.0, 5.0, 10.0, 30.0];

/// Labels of settled operations; all from closed lists of words.
#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(super) struct Settled {
    /// What it brings about: `discount`, `cancel`, ….
    pub effect: &'static str,
    /// `applied`, `rejected` or `needs_attention`.
    pub outcome: &'static str,
}

/// Labels of differences found in Stripe; from a closed list of words.
#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(super) struct Drifted {
    /// How Stripe differs: `discount_missing`, `cancel_lost`, ….
    pub kind: &'static str,
}

/// What the use cases count.
#[derive(Clone, Debug)]
pub struct Metrics {
    pub(super) sessions_begun: Counter,
    pub(super) offers_presented: Counter,
    pub(super) operations_settled: Family<Settled, Counter>,
    pub(super) operation_retries: Counter,
    pub(super) oldest_pending_seconds: Gauge,
    pub(super) operation_attempts: Histogram,
    pub(super) webhook_events: Counter,
    pub(super) replayed_events: Counter,
    pub(super) webhook_lag: Histogram,
    pub(super) stale_snapshot_age: Histogram,
    pub(super) drift_found: Family<Drifted, Counter>,
}

impl Default for Metrics {
    fn default() -> Self {
        Self {
            sessions_begun: Counter::default(),
            offers_presented: Counter::default(),
            operations_settled: Family::default(),
            operation_retries: Counter::default(),
            oldest_pending_seconds: Gauge::default(),
            operation_attempts: Histogram::new(ATTEMPTS),
            webhook_events: Counter::default(),
            replayed_events: Counter::default(),
            webhook_lag: Histogram::new(AGES),
            stale_snapshot_age: Histogram::new(AGES),
            drift_found: Family::default(),
        }
    }
}

impl Metrics {
    /// Counts a difference that was found.
    pub(super) fn found_drift(&self, drift: &DriftRecord) {
        self.drift_found.get_or_create(&Drifted { kind: drift.kind.as_str() }).inc();
    }

    /// Names them in a registry.
    pub fn register(&self, registry: &mut Registry) {
        registry.register("sessions_begun", "Sessions begun", self.sessions_begun.clone());
        registry.register(
            "offers_presented",
            "Offers presented by a first decision",
            self.offers_presented.clone(),
        );
        let settled = self.operations_settled.clone();
        registry.register(
            "billing_operations_settled",
            "Billing operations settled, by effect and outcome",
            settled,
        );
        let retries = self.operation_retries.clone();
        registry.register(
            "billing_operation_retries",
            "Times a billing operation was put back for later",
            retries,
        );
        let oldest = self.oldest_pending_seconds.clone();
        let help = "How long the oldest billing operation has been due; 0 when none is";
        registry.register("billing_operation_oldest_pending_seconds", help, oldest);
        let attempts = self.operation_attempts.clone();
        let help = "Attempts that a billing operation took until it was settled";
        registry.register("billing_operation_attempts", help, attempts);
        let lag = self.webhook_lag.clone();
        let help = "How long after an event in Stripe we had taken it in";
        registry.register_with_unit("stripe_event_lag", help, Unit::Seconds, lag);
        let replayed = self.replayed_events.clone();
        let help = "Events that no webhook had brought, found in Stripe's list";
        registry.register("stripe_events_replayed", help, replayed);
        let stale = self.stale_snapshot_age.clone();
        let help = "How old a subscription was that was gone on with because Stripe could not be asked";
        registry.register_with_unit("stale_snapshot_age", help, Unit::Seconds, stale);
        let drift = self.drift_found.clone();
        registry.register("drift_found", "Times Stripe was found to differ from what is believed", drift);
        registry.register("stripe_events", "Events from Stripe taken in", self.webhook_events.clone());
    }
}
