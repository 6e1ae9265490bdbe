//! The routes, one file per resource, and the one list that both the server and the OpenAPI document are made of.
//!
//! A handler names the permission it needs, reads a typed request, calls one use case and answers; it decides nothing.

mod activity;
mod analytics;
mod asks;
mod backtests;
mod customers;
mod drift;
mod events;
mod evidence;
mod experiments;
mod features;
mod flows;
mod operations;
mod paging;
mod receipts;
mod session_actions;
mod sessions;
mod signals;
mod validation;
mod webhooks;

pub(super) use paging::Limit;

use actix_web::dev::HttpServiceFactory;
use utoipa_actix_web::OpenApiFactory;

use super::pages::{docs, health};

/// Where routes are registered: with a server, or where their document is made besides. Each worker of a server registers
/// them for itself, and would keep the memory of a document that nobody reads.
pub(super) trait Routes {
    /// Registers one.
    fn service<F: HttpServiceFactory + OpenApiFactory + 'static>(&mut self, route: F) -> &mut Self;
}

impl Routes for actix_web::web::ServiceConfig {
    fn service<F: HttpServiceFactory + OpenApiFactory + 'static>(&mut self, route: F) -> &mut Self {
        self.service(route)
    }
}

impl Routes for utoipa_actix_web::service_config::ServiceConfig<'_> {
    fn service<F: HttpServiceFactory + OpenApiFactory + 'static>(&mut self, route: F) -> &mut Self {
        self.service(route)
    }
}

/// Registers every documented route.
pub(super) fn register<R: Routes>(config: &mut R) {
    config
        .service(sessions::begin)
        .service(sessions::list)
        .service(sessions::read)
        .service(sessions::explanation)
        .service(receipts::read)
        .service(validation::read)
        .service(session_actions::answer)
        .service(session_actions::permission)
        .service(session_actions::accept)
        .service(session_actions::decline)
        .service(session_actions::resume)
        .service(session_actions::cancel)
        .service(session_actions::keep)
        .service(flows::get)
        .service(flows::put)
        .service(flows::validate)
        .service(flows::publish)
        .service(flows::versions)
        .service(flows::rollback)
        .service(flows::compare)
        .service(flows::preview)
        .service(backtests::ask)
        .service(backtests::list)
        .service(backtests::read)
        .service(backtests::sessions)
        .service(customers::put)
        .service(customers::get)
        .service(customers::delete)
        .service(activity::record)
        .service(activity::read)
        .service(activity::record_many)
        .service(events::list)
        .service(signals::list)
        .service(features::ship)
        .service(operations::list)
        .service(operations::retry)
        .service(operations::undo)
        .service(asks::list)
        .service(asks::fulfill)
        .service(asks::waive)
        .service(drift::list)
        .service(drift::dismiss)
        .service(analytics::summary)
        .service(experiments::list)
        .service(experiments::read)
        .service(evidence::period)
        .service(evidence::keys)
        .service(evidence::one)
        .service(webhooks::stripe)
        .service(health::healthz)
        .service(health::readyz)
        .service(health::metrics)
        .service(docs::openapi)
        .service(docs::flow_schema);
}
