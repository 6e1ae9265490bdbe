//! Whether the process lives, whether it can work, and how it fares.

use std::collections::BTreeMap;

use actix_web::http::StatusCode;
use actix_web::http::header;
use actix_web::web::Data;
use actix_web::{HttpResponse, get};
use futures_util::future::BoxFuture;
use serde::Serialize;
use utoipa::ToSchema;

use crate::http::Shell;
use crate::http::problem::{Details, Problem};
use crate::services::error::Cause;

/// Asks one part, such as the store, whether it can work.
pub type Check = Box<dyn Fn() -> BoxFuture<'static, Result<(), Cause>> + Send + Sync>;

/// What `GET /readyz` asks, by name.
#[derive(Default)]
pub struct Readiness(Vec<Part>);

struct Part {
    name: &'static str,
    check: Check,
    /// Whether the service is not ready without it.
    decides: bool,
}

impl Readiness {
    /// Adds a part without which the service is not ready.
    #[must_use]
    pub fn with(self, name: &'static str, check: Check) -> Self {
        self.and(Part { name, check, decides: true })
    }

    /// Adds a part that the service does without for a while, and says so.
    #[must_use]
    pub fn noting(self, name: &'static str, check: Check) -> Self {
        self.and(Part { name, check, decides: false })
    }

    fn and(mut self, part: Part) -> Self {
        self.0.push(part);
        self
    }
}

/// Whether a part, or the whole, can work.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
#[schema(as = HealthState)]
pub enum State {
    /// It can.
    Ok,
    /// It cannot; the log says why.
    Unavailable,
}

/// How the service is.
#[derive(Debug, Serialize, ToSchema)]
#[schema(example = json!({"status": "ok", "checks": {"store": "ok", "stripe": "unavailable"}}))]
pub struct Health {
    /// The whole.
    status: State,
    /// Each part that was asked.
    checks: BTreeMap<&'static str, State>,
}

/// Whether the process lives
///
/// Answers 200 as long as the process can answer at all; asks nobody else.
#[utoipa::path(tag = "service", operation_id = "health", security(()),
    responses((status = 200, description = "The process lives.", body = Health)))]
#[get("/healthz")]
pub(crate) async fn healthz() -> HttpResponse {
    HttpResponse::Ok().json(Health { status: State::Ok, checks: BTreeMap::new() })
}

/// Whether the service can work
///
/// Asks the store. A balancer should send requests only while this answers 200. `checks.stripe` is `unavailable` while
/// Stripe does not answer, which keeps nobody from being served: sessions go on with what is known, and accepted offers
/// and cancellations are carried out when Stripe is back.
#[utoipa::path(tag = "service", operation_id = "readiness", security(()),
    responses(
        (status = 200, description = "Ready.", body = Health),
        (status = 503, description = "Not ready.", body = Health)))]
#[get("/readyz")]
pub(crate) async fn readyz(shell: Data<Shell>) -> HttpResponse {
    let mut checks = BTreeMap::new();
    let mut ready = true;
    for Part { name, check, decides } in &shell.ready.0 {
        let state = match check().await {
            Ok(()) => State::Ok,
            Err(cause) => {
                tracing::warn!(check = name, %cause, decides, "a part is unavailable");
                ready = ready && !decides;
                State::Unavailable
            }
        };
        checks.insert(*name, state);
    }
    let (code, status) = if ready {
        (StatusCode::OK, State::Ok)
    } else {
        (StatusCode::SERVICE_UNAVAILABLE, State::Unavailable)
    };
    HttpResponse::build(code).json(Health { status, checks })
}

/// Metrics for Prometheus
///
/// In the OpenMetrics text format. 404 when the configuration turns metrics off.
#[utoipa::path(tag = "service", operation_id = "metrics", security(()),
    responses(
        (status = 200, description = "The metrics.", body = String,
            content_type = "application/openmetrics-text; version=1.0.0; charset=utf-8"),
        (status = 404, description = "Metrics are turned off.", body = Details,
            content_type = "application/problem+json")))]
#[get("/metrics")]
pub(crate) async fn metrics(shell: Data<Shell>) -> Result<HttpResponse, Problem> {
    if !shell.config.metrics.enabled {
        return Err(Problem::not_found("page"));
    }
    let text = shell.metrics.encode().map_err(|error| Problem::internal(&error))?;
    let media_type = "application/openmetrics-text; version=1.0.0; charset=utf-8";
    Ok(HttpResponse::Ok().insert_header((header::CONTENT_TYPE, media_type)).body(text))
}
