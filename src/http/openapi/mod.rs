//! The OpenAPI document.
//!
//! Routes describe themselves beside their handlers. Here live what comes before them, what the shell adds to each of
//! them (`shell`) and the examples (`examples`). Nothing here describes a single route's parameters or answers.

mod examples;
mod shell;

use utoipa::openapi::schema::{ArrayItems, Schema};
use utoipa::openapi::security::{Http, HttpAuthScheme, HttpBuilder, SecurityScheme};
use utoipa::openapi::{OpenApi as OpenApiDocument, Ref, RefOr};
use utoipa::{Modify, OpenApi};

use super::problem::Details;
use super::routes::Limit;
use crate::domain::event::EventType;

/// What comes before the routes.
#[derive(OpenApi)]
#[openapi(
    info(title = "Counteroffer", description = "Answers a subscriber's cancellation with save offers, records the \
        outcome, and updates Stripe exactly once.", license(name = "Apache-2.0", identifier = "Apache-2.0")),
    servers((url = "/", description = "The service that serves this document")),
    tags(
        (name = "sessions", description = "One subscriber's pass through a flow"),
        (name = "flows", description = "The documents that say what happens on cancel"),
        (name = "customers", description = "Attributes that the app pushes"),
        (name = "operations", description = "Billing operations and numbers"),
        (name = "stripe", description = "What Stripe tells us"),
        (name = "service", description = "Health, metrics and this document"),
    ),
    components(schemas(Details, Limit, EventType)),
    modifiers(&Security),
)]
pub(super) struct Frame;

/// The name of the security scheme of customer tokens.
pub const CUSTOMER_TOKEN: &str = "customerToken";
/// The name of the security scheme of API keys.
pub const API_KEY: &str = "apiKey";

struct Security;

impl Modify for Security {
    fn modify(&self, document: &mut OpenApiDocument) {
        let components = document.components.get_or_insert_default();
        let token = HttpBuilder::new()
            .scheme(HttpAuthScheme::Bearer)
            .bearer_format("JWT")
            .description(Some("A customer token, minted by the app's back end, good for at most 15 minutes."))
            .build();
        let mut key = Http::new(HttpAuthScheme::Bearer);
        key.description = Some(
            "An API key, `co_…`, made with `counteroffer keys create`. Each operation lists the roles that may call it."
                .to_owned(),
        );
        components.add_security_scheme(CUSTOMER_TOKEN, SecurityScheme::Http(token));
        components.add_security_scheme(API_KEY, SecurityScheme::Http(key));
    }
}

/// Completes what the routes say of themselves.
pub(super) fn complete(document: &mut OpenApiDocument) {
    shell::complete(document);
    refer_to_rows(document);
    examples::add(document);
}

/// Lists are generic, and generic schemas come with their parameters written out; refers to the rows instead.
fn refer_to_rows(document: &mut OpenApiDocument) {
    let schemas = document.components.iter_mut().flat_map(|components| &mut components.schemas);
    for (name, schema) in schemas {
        let Some(row) = name.strip_prefix("List_") else { continue };
        let RefOr::T(Schema::Object(list)) = schema else { continue };
        if let Some(RefOr::T(Schema::Array(rows))) = list.properties.get_mut("data") {
            rows.items = ArrayItems::RefOrSchema(Box::new(RefOr::Ref(Ref::from_schema_name(row))));
        }
    }
}
