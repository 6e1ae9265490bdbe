//! HTTP: routes, extractors, problem details, the OpenAPI document and its page.
//!
//! Here live what a request passes on its way in and out ([`edge`]), who may call ([`auth`]), how bodies and queries
//! are read, how errors look ([`problem`]), and one file of handlers per resource (`routes`). Handlers call
//! `services`; no rule of the product, no SQL and no Stripe type belongs here.

pub mod auth;
pub mod body;
pub mod edge;
mod fields;
pub mod idempotency;
mod languages;
pub mod metrics;
pub mod openapi;
pub mod pages;
mod path;
pub mod problem;
pub mod query;
mod routes;
mod server;

use std::sync::{Arc, LazyLock};

use actix_web::App;
use actix_web::web::Bytes;
use utoipa::OpenApi;
use utoipa_actix_web::AppExt;

use crate::clock::Clock;
use crate::config::{Config, ConfigError};

use auth::{ApiKeys, FindKey, Verifier};
use edge::client_address::TrustedProxies;
use edge::rate_limit::Limiter;
use idempotency::Running;
use metrics::Metrics;
use pages::fallback::AllowedMethods;
use pages::health::Readiness;

pub use server::{Server, server};

/// What the shell around the handlers needs to work.
pub struct Shell {
    config: Arc<Config>,
    clock: Clock,
    metrics: Metrics,
    ready: Readiness,
    keys: ApiKeys,
    verifier: Verifier,
    limiter: Limiter,
    proxies: TrustedProxies,
    running: Running,
    described: &'static Described,
}

/// What is said of the routes, the same for every server of this process and dear to make.
struct Described {
    allowed: AllowedMethods,
    document: Bytes,
}

static DESCRIBED: LazyLock<Described> = LazyLock::new(|| {
    let document = document();
    Described { allowed: AllowedMethods::of(&document), document: Bytes::from(json(&document)) }
});

impl Shell {
    /// Puts it together: `find_key` looks API keys up, `ready` is what `/readyz` asks.
    ///
    /// # Errors
    /// When the keys for customer tokens cannot be used.
    pub fn new(
        config: Arc<Config>,
        clock: Clock,
        metrics: Metrics,
        find_key: FindKey,
        ready: Readiness,
    ) -> Result<Self, ConfigError> {
        Ok(Self {
            verifier: Verifier::new(&config.auth)?,
            limiter: Limiter::new(&config.rate_limit),
            proxies: TrustedProxies::parse(&config.server.trusted_proxies),
            keys: ApiKeys::new(find_key),
            running: Running::default(),
            described: &DESCRIBED,
            config,
            clock,
            metrics,
            ready,
        })
    }
}

/// The OpenAPI document of all routes.
#[must_use]
pub fn document() -> utoipa::openapi::OpenApi {
    let app = App::new().into_utoipa_app().openapi(openapi::Frame::openapi());
    let app = app.configure(|config| routes::register(config));
    let mut document = app.split_for_parts().1;
    openapi::complete(&mut document);
    document
}

/// The document as it is served and checked in: indented JSON with a newline at its end.
#[must_use]
pub fn json(document: &utoipa::openapi::OpenApi) -> String {
    let mut text = serde_json::to_string_pretty(document).unwrap_or_default();
    text.push('\n');
    text
}
