//! What the use cases count, for whoever watches the service.

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::Registry;

/// Labels of settled operations; all from closed lists of words.
#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(super) struct Settled {
    /// What it brings about: `discount`, `cancel`, ….
    pub effect: &'static str,
    /// `applied`, `rejected` or `needs_attention`.
    pub outcome: &'static str,
}

/// What the use cases count.
#[derive(Clone, Debug, Default)]
pub struct Metrics {
    pub(super) sessions_begun: Counter,
    pub(super) offers_presented: Counter,
    pub(super) operations_settled: Family<Settled, Counter>,
    pub(super) operation_retries: Counter,
    pub(super) oldest_pending_seconds: Gauge,
    pub(super) webhook_events: Counter,
}

impl Metrics {
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
        registry.register("stripe_events", "Events from Stripe taken in", self.webhook_events.clone());
    }
}
