//! Features that were missed, and are there now.

use actix_web::web::Data;
use actix_web::{HttpResponse, post};
use serde::Deserialize;
use utoipa::ToSchema;
use validator::Validate;

use super::paging::Limit;
use crate::domain::feature::FeatureTag;
use crate::domain::ids::CustomerId;
use crate::http::auth::permission::Operator;
use crate::http::body::OptionalBody;
use crate::http::idempotency::{Idempotency, answer};
use crate::http::path::Segment;
use crate::http::problem::Problem;
use crate::services::winback::{ShippedFeature, shipped};
use crate::services::{App, idempotency};

/// Which page.
#[derive(Debug, Default, Deserialize, ToSchema, Validate)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"limit": 100}))]
pub(crate) struct ShippedBody {
    /// At most so many; 1 to 200, 50 where left out.
    #[serde(default)]
    #[schema(required = false)]
    limit: Limit,
    /// Where the page before ended: its `next_cursor`.
    #[serde(default)]
    cursor: Option<CustomerId>,
}

/// Say that a feature is there, and tell those who left for its lack.
///
/// Each customer whose canceled session carries the tag is told once, by an event `winback.feature_shipped`; who asked
/// not to be contacted is left out. A call lists and tells one page: go on until `next_cursor` is null. Repeating it
/// tells nobody again and lists the same.
#[utoipa::path(
    tag = "operations", operation_id = "shipFeature",
    request_body = Option<ShippedBody>,
    params(("tag" = FeatureTag, Path, description = "The feature's tag")),
    responses((status = 200, description = "Who is told", body = ShippedFeature)),
    security(("apiKey" = ["operator", "admin"])),
)]
#[post("/v1/features/{tag}/shipped")]
pub(crate) async fn ship(
    _caller: Operator,
    app: Data<App>,
    tag: Segment<FeatureTag>,
    idempotency: Idempotency,
    body: OptionalBody<ShippedBody>,
) -> Result<HttpResponse, Problem> {
    let work = shipped(&app, tag.0, body.0.cursor, body.0.limit.get());
    Ok(answer(idempotency::once(&app, idempotency.key(), 200, work).await?))
}
