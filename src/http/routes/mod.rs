//! The routes, one file per resource, and the one list that both the server and the OpenAPI document are made of.
//!
//! A handler extracts, calls one use case and turns what it says into an answer. No decision is made here.

use utoipa_actix_web::service_config::ServiceConfig;

use super::pages::{docs, health};

/// Registers every documented route.
pub(super) fn register(config: &mut ServiceConfig<'_>) {
    config
        .service(health::healthz)
        .service(health::readyz)
        .service(health::metrics)
        .service(docs::openapi);
}
