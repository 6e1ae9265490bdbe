//! Flows: draft, validate, publish, list, roll back, preview.

use actix_web::http::header;
use actix_web::web::Data;
use actix_web::{HttpMessage, HttpRequest, HttpResponse, get, post, put};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use validator::Validate;

use super::paging::List;
use super::session_actions::EmptyBody;
use crate::domain::flow::{FlowDocument, Format, Reviewed};
use crate::domain::offer::Key;
use crate::http::auth::permission::{Analyst, Operator};
use crate::http::body::{Body, OptionalBody};
use crate::http::edge::buffer::BodyBytes;
use crate::http::idempotency::{Idempotency, answer};
use crate::http::path::Segment;
use crate::http::problem::Problem;
use crate::http::query::Query;
use crate::services::error::FieldError;
use crate::services::preview::{PreviewBody, PreviewView};
use crate::services::publish::{DiffView, FlowView, VersionView};
use crate::services::{self, App, idempotency};

/// A flow document as text, in the format that its media type names.
struct Source {
    text: String,
    format: Format,
}

impl Source {
    fn of(request: &HttpRequest) -> Result<Self, Problem> {
        let declared = request.headers().get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok());
        let essence = declared.and_then(|value| value.split(';').next()).unwrap_or_default().trim();
        let format = match essence.to_ascii_lowercase().as_str() {
            "application/json" => Format::Json,
            "application/yaml" | "application/x-yaml" | "text/yaml" => Format::Yaml,
            _ => {
                let detail = "Send the document as `Content-Type: application/yaml` or `application/json`.";
                let status = actix_web::http::StatusCode::UNSUPPORTED_MEDIA_TYPE;
                return Err(Problem::new(status, "unsupported_media_type", detail));
            }
        };
        let body = request.extensions().get::<BodyBytes>().cloned().unwrap_or_default();
        let text = String::from_utf8(body.0.to_vec())
            .map_err(|_| Problem::invalid_field("", "invalid_text", "the document is not UTF-8"))?;
        if text.contains('\0') {
            return Err(Problem::invalid_field("", "invalid_text", "must not hold the character U+0000"));
        }
        Ok(Self { text, format })
    }
}

/// Read a flow with its draft.
#[utoipa::path(
    tag = "flows", operation_id = "getFlow",
    params(("key" = Key, Path, description = "The flow's key")),
    responses((status = 200, description = "The flow", body = FlowView)),
    security(("apiKey" = ["analyst", "operator", "admin"])),
)]
#[get("/v1/flows/{key}")]
pub(crate) async fn get(
    _caller: Analyst,
    app: Data<App>,
    key: Segment<Key>,
) -> Result<HttpResponse, Problem> {
    Ok(HttpResponse::Ok().json(services::publish::get(&app, &key.0).await?))
}

/// Write a flow's draft.
///
/// A draft may have problems; they are listed in the answer and stand in the way of publishing.
#[utoipa::path(
    tag = "flows", operation_id = "putFlow",
    request_body(content((FlowDocument = "application/json"), (String = "application/yaml"))),
    params(("key" = Key, Path, description = "The flow's key")),
    responses((status = 200, description = "The flow with its draft", body = FlowView)),
    security(("apiKey" = ["operator", "admin"])),
)]
#[put("/v1/flows/{key}")]
pub(crate) async fn put(
    _caller: Operator,
    app: Data<App>,
    key: Segment<Key>,
    request: HttpRequest,
) -> Result<HttpResponse, Problem> {
    let source = Source::of(&request)?;
    Ok(HttpResponse::Ok().json(services::publish::put_draft(&app, &key.0, source.text, source.format).await?))
}

/// What validation found.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = FlowValidated)]
pub(crate) struct Validated {
    /// Always true; a document with problems is answered 422.
    valid: bool,
    /// The document in its canonical form.
    document: FlowDocument,
    /// What in it is most likely a mistake, and does not stand in the way of publishing.
    warnings: Vec<FieldError>,
}

/// Validate a document without keeping it.
///
/// Everything that is wrong comes at once: 422, each problem with a JSON pointer and, for YAML, line and column. What has
/// a meaning and is most likely a mistake comes as `warnings` of the same form: conditions that never or always hold,
/// rules that are never reached, offers that nobody gets, segments that nothing names, texts that are not in every language
/// of the flow.
#[utoipa::path(
    tag = "flows", operation_id = "validateFlow",
    request_body(content((FlowDocument = "application/json"), (String = "application/yaml"))),
    params(("key" = Key, Path, description = "The flow's key")),
    responses((status = 200, description = "Nothing is wrong", body = Validated)),
    security(("apiKey" = ["analyst", "operator", "admin"])),
)]
#[post("/v1/flows/{key}/validate")]
pub(crate) async fn validate(
    _caller: Analyst,
    app: Data<App>,
    key: Segment<Key>,
    idempotency: Idempotency,
    request: HttpRequest,
) -> Result<HttpResponse, Problem> {
    let source = Source::of(&request)?;
    let work = async {
        let Reviewed { document, warnings } =
            services::publish::validate(&key.0, &source.text, source.format)?;
        Ok(Validated { valid: true, document, warnings: services::publish::errors(warnings) })
    };
    Ok(answer(idempotency::once(&app, idempotency.key(), 200, work).await?))
}

/// Publish the draft.
///
/// It becomes an immutable version and decides in every process within two seconds. Publishing what decides already
/// answers with that version.
#[utoipa::path(
    tag = "flows", operation_id = "publishFlow",
    request_body = Option<EmptyBody>,
    params(("key" = Key, Path, description = "The flow's key")),
    responses((status = 200, description = "The version", body = VersionView)),
    security(("apiKey" = ["operator", "admin"])),
)]
#[post("/v1/flows/{key}/publish")]
pub(crate) async fn publish(
    caller: Operator,
    app: Data<App>,
    key: Segment<Key>,
    idempotency: Idempotency,
    _body: OptionalBody<EmptyBody>,
) -> Result<HttpResponse, Problem> {
    let actor = caller.0.id.to_string();
    let work = services::publish::publish_draft(&app, &key.0, &actor);
    Ok(answer(idempotency::once(&app, idempotency.key(), 200, work).await?))
}

/// List published versions, newest first, each with what it changed.
#[utoipa::path(
    tag = "flows", operation_id = "listFlowVersions",
    params(("key" = Key, Path, description = "The flow's key")),
    responses((status = 200, description = "The versions", body = List<VersionView>)),
    security(("apiKey" = ["analyst", "operator", "admin"])),
)]
#[get("/v1/flows/{key}/versions")]
pub(crate) async fn versions(
    _caller: Analyst,
    app: Data<App>,
    key: Segment<Key>,
) -> Result<HttpResponse, Problem> {
    let data = services::publish::versions(&app, &key.0).await?;
    Ok(HttpResponse::Ok().json(List { data, next_cursor: None }))
}

/// What to compare.
#[derive(Debug, Deserialize, IntoParams, Validate)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct DiffQuery {
    /// The version to compare; the active one where left out.
    #[validate(range(min = 1))]
    #[param(minimum = 1)]
    from: Option<i32>,
    /// The version to compare it with; the draft where left out.
    #[validate(range(min = 1))]
    #[param(minimum = 1)]
    to: Option<i32>,
}

/// Compare two versions, or a version with the draft.
///
/// Each change as a JSON pointer with the old and the new value, and all of them in words.
#[utoipa::path(
    tag = "flows", operation_id = "compareFlow",
    params(("key" = Key, Path, description = "The flow's key"), DiffQuery),
    responses((status = 200, description = "What differs", body = DiffView)),
    security(("apiKey" = ["analyst", "operator", "admin"])),
)]
#[get("/v1/flows/{key}/diff")]
pub(crate) async fn compare(
    _caller: Analyst,
    app: Data<App>,
    key: Segment<Key>,
    query: Query<DiffQuery>,
) -> Result<HttpResponse, Problem> {
    let DiffQuery { from, to } = query.0;
    Ok(HttpResponse::Ok().json(services::publish::compare(&app, &key.0, from, to).await?))
}

/// Which version to return to.
#[derive(Debug, Deserialize, ToSchema, Validate)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"version": 3}))]
pub(crate) struct RollbackBody {
    /// A published version.
    #[validate(range(min = 1))]
    #[schema(minimum = 1)]
    version: i32,
}

/// Roll back to an older version.
///
/// Its document is published again as a new version.
#[utoipa::path(
    tag = "flows", operation_id = "rollBackFlow",
    request_body = RollbackBody,
    params(("key" = Key, Path, description = "The flow's key")),
    responses((status = 200, description = "The new version", body = VersionView)),
    security(("apiKey" = ["operator", "admin"])),
)]
#[post("/v1/flows/{key}/rollback")]
pub(crate) async fn rollback(
    caller: Operator,
    app: Data<App>,
    key: Segment<Key>,
    idempotency: Idempotency,
    body: Body<RollbackBody>,
) -> Result<HttpResponse, Problem> {
    let actor = caller.0.id.to_string();
    let work = services::publish::roll_back(&app, &key.0, body.0.version, &actor);
    Ok(answer(idempotency::once(&app, idempotency.key(), 200, work).await?))
}

/// Preview what would be offered.
///
/// Decides for the given facts with the draft or a version, and explains; writes nothing.
#[utoipa::path(
    tag = "flows", operation_id = "previewFlow",
    request_body = PreviewBody,
    params(("key" = Key, Path, description = "The flow's key")),
    responses((status = 200, description = "Offers and trace", body = PreviewView<'_>)),
    security(("apiKey" = ["analyst", "operator", "admin"])),
)]
#[post("/v1/flows/{key}/preview")]
pub(crate) async fn preview(
    _caller: Analyst,
    app: Data<App>,
    key: Segment<Key>,
    idempotency: Idempotency,
    body: Body<PreviewBody>,
) -> Result<HttpResponse, Problem> {
    let work = services::preview::preview(&app, &key.0, body.0);
    Ok(answer(idempotency::once_written(&app, idempotency.key(), 200, work).await?))
}
