//! What is measured of Stripe: how long calls take, how long they wait for our own limits, and the breaker.

use std::time::Duration;

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::{Registry, Unit};

use super::breaker::BreakerState;
use super::limit::Urgency;

/// Upper bounds of the buckets, in seconds: from the sandbox beside us to a call that runs out of time.
const BUCKETS: [f64; 11] = [0.01, 0.025, 0.05, 0.1, 0.2, 0.4, 0.8, 1.6, 5.0, 10.0, 30.0];

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Call {
    /// Method and path, without ids.
    call: String,
    outcome: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Waiting {
    urgency: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct State {
    state: &'static str,
}

/// The measurements; clones count together.
#[derive(Clone, Debug)]
pub(super) struct Measures {
    calls: Family<Call, Histogram, fn() -> Histogram>,
    waits: Family<Waiting, Histogram, fn() -> Histogram>,
    no_room: Counter,
    refused: Counter,
    breaker: Family<State, Gauge>,
}

impl Default for Measures {
    fn default() -> Self {
        let histogram: fn() -> Histogram = || Histogram::new(BUCKETS);
        Self {
            calls: Family::new_with_constructor(histogram),
            waits: Family::new_with_constructor(histogram),
            no_room: Counter::default(),
            refused: Counter::default(),
            breaker: Family::default(),
        }
    }
}

impl Measures {
    /// One attempt: its endpoint, and what it came to.
    pub(super) fn call(&self, endpoint: &str, outcome: &'static str, took: Duration) {
        self.calls.get_or_create(&Call { call: endpoint.to_owned(), outcome }).observe(took.as_secs_f64());
    }

    /// Time spent under our own limits, whether it was enough or not.
    pub(super) fn waited(&self, urgency: Urgency, took: Duration, enough: bool) {
        self.waits.get_or_create(&Waiting { urgency: urgency.as_str() }).observe(took.as_secs_f64());
        if !enough {
            self.no_room.inc();
        }
    }

    /// A call that was not made, since Stripe is to be left alone.
    pub(super) fn refused(&self) {
        self.refused.inc();
    }

    /// The breaker's state: one of them is 1.
    pub(super) fn breaker(&self, now: BreakerState) {
        for state in BreakerState::ALL {
            let labels = State { state: state.as_str() };
            self.breaker.get_or_create(&labels).set(i64::from(state == now));
        }
    }

    /// Names them in a registry.
    pub(super) fn register(&self, registry: &mut Registry) {
        let help = "How long attempts at calls to Stripe took, by call and outcome";
        registry.register_with_unit("stripe_call", help, Unit::Seconds, self.calls.clone());
        let help = "How long calls waited for our own limits under Stripe's";
        registry.register_with_unit("stripe_limit_wait", help, Unit::Seconds, self.waits.clone());
        let help = "Calls given up because our own limits left no room before their deadline";
        registry.register("stripe_limit_exceeded", help, self.no_room.clone());
        let help = "Calls not made because the circuit breaker was open";
        registry.register("stripe_breaker_refused", help, self.refused.clone());
        let help = "The circuit breaker: 1 for the state that it is in";
        registry.register("stripe_breaker_state", help, self.breaker.clone());
    }
}
