//! What Prometheus may scrape. The other floors register their own counters through [`Metrics::new`].

use std::sync::Arc;
use std::sync::atomic::AtomicI64;
use std::time::Duration;

use actix_web::http::{Method, StatusCode};
use prometheus_client::encoding::{EncodeLabelSet, text};
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::{Registry, Unit};

/// Upper bounds of the buckets, in seconds: from a cached answer to a request that is about to be ended.
const BUCKETS: [f64; 12] = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 5.0, 30.0];

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Labels {
    method: &'static str,
    route: String,
    status: u16,
}

/// Measurements of HTTP requests.
#[derive(Clone)]
pub struct HttpMetrics {
    requests: Family<Labels, Histogram, fn() -> Histogram>,
    in_flight: Gauge<i64, AtomicI64>,
}

/// Counts a request as running until it is dropped.
pub struct InFlight(Gauge<i64, AtomicI64>);

impl Drop for InFlight {
    fn drop(&mut self) {
        self.0.dec();
    }
}

impl HttpMetrics {
    pub(super) fn enter(&self) -> InFlight {
        self.in_flight.inc();
        InFlight(self.in_flight.clone())
    }

    pub(super) fn observe(&self, method: &Method, route: &str, status: StatusCode, took: Duration) {
        let labels = Labels { method: known(method), route: route.to_owned(), status: status.as_u16() };
        self.requests.get_or_create(&labels).observe(took.as_secs_f64());
    }
}

/// A caller may send any word as the method; each would be a time series of its own.
fn known(method: &Method) -> &'static str {
    ["GET", "POST", "PUT", "DELETE", "PATCH", "HEAD", "OPTIONS"]
        .into_iter()
        .find(|name| *name == method.as_str())
        .unwrap_or("other")
}

/// Everything that is measured.
#[derive(Clone)]
pub struct Metrics {
    registry: Arc<Registry>,
    pub(super) http: HttpMetrics,
}

impl Metrics {
    /// The metrics of HTTP, and whatever `register` adds; names start with `counteroffer_`.
    #[must_use]
    pub fn new(register: impl FnOnce(&mut Registry)) -> Self {
        let mut registry = Registry::with_prefix("counteroffer");
        let new_histogram: fn() -> Histogram = || Histogram::new(BUCKETS);
        let http = HttpMetrics {
            requests: Family::new_with_constructor(new_histogram),
            in_flight: Gauge::default(),
        };
        let help = "How long HTTP requests took, by route, method and status";
        registry.register_with_unit("http_request_duration", help, Unit::Seconds, http.requests.clone());
        registry.register("http_requests_in_flight", "HTTP requests that run now", http.in_flight.clone());
        register(&mut registry);
        Self { registry: Arc::new(registry), http }
    }

    /// All metrics in the OpenMetrics text format.
    ///
    /// # Errors
    /// When a metric cannot be written.
    pub fn encode(&self) -> Result<String, std::fmt::Error> {
        let mut text = String::new();
        text::encode(&mut text, &self.registry)?;
        Ok(text)
    }
}
