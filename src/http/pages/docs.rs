//! The OpenAPI document, and a page that reads it without the network.

use std::sync::LazyLock;

use actix_web::http::header;
use actix_web::web::{Bytes, Data, ServiceConfig, redirect};
use actix_web::{HttpResponse, get};
use utoipa_swagger_ui::{Config, SwaggerUi};

use crate::domain::flow::json_schema;
use crate::http::Shell;

/// This document
///
/// The OpenAPI 3.1 description of the service that answers.
#[utoipa::path(tag = "service", operation_id = "openapi", security(()),
    responses((status = 200, description = "The document.", body = Object, content_type = "application/json")))]
#[get("/openapi.json")]
pub(crate) async fn openapi(shell: Data<Shell>) -> HttpResponse {
    HttpResponse::Ok()
        .insert_header((header::CONTENT_TYPE, "application/json"))
        .insert_header((header::ACCESS_CONTROL_ALLOW_ORIGIN, "*"))
        .body(shell.described.document.clone())
}

/// The JSON Schema of a flow document
///
/// For editors: name it in the first line of a YAML file, as
/// `# yaml-language-server: $schema=https://offers.example.com/v1/flow-schema.json`.
#[utoipa::path(tag = "flows", operation_id = "flowSchema", security(()),
    responses((status = 200, description = "The schema, in JSON Schema 2020-12.", body = Object,
        content_type = "application/schema+json")))]
#[get("/v1/flow-schema.json")]
pub(crate) async fn flow_schema() -> HttpResponse {
    static SCHEMA: LazyLock<Bytes> = LazyLock::new(|| {
        let text = serde_json::to_vec_pretty(&json_schema()).unwrap_or_default();
        Bytes::from(text)
    });
    HttpResponse::Ok()
        .insert_header((header::CONTENT_TYPE, "application/schema+json"))
        .insert_header((header::ACCESS_CONTROL_ALLOW_ORIGIN, "*"))
        .body(SCHEMA.clone())
}

/// Serves the page at `/docs/`; every file of it is in the binary.
pub fn register(config: &mut ServiceConfig) {
    // `none` keeps the page from sending the document to a public validator.
    let settings = Config::from("/openapi.json").validator_url("none").try_it_out_enabled(true);
    config.service(redirect("/docs", "/docs/"));
    config.service(SwaggerUi::new("/docs/{_:.*}").config(settings));
}
