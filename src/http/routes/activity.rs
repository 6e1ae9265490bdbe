//! That customers were there.

use actix_web::web::Data;
use actix_web::{HttpResponse, get, post};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use validator::Validate;

use crate::domain::ids::CustomerId;
use crate::http::auth::permission::{ServerOrAnalyst, ServerOrOperator};
use crate::http::body::{Body, OptionalBody};
use crate::http::idempotency::{Idempotency, answer};
use crate::http::path::Segment;
use crate::http::problem::Problem;
use crate::services::activity::{Seen, Taken, UsageView, tell, usage};
use crate::services::{App, idempotency};

/// The most entries of a batch.
const MAX_ENTRIES: u64 = 1_000;

/// When a customer was there.
#[derive(Debug, Default, Deserialize, ToSchema, Validate)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"at": "2027-03-01T09:30:00Z"}))]
pub(crate) struct ActivityBody {
    /// The instant, at most 120 days back; now where it is left out. Only its day, UTC, is kept.
    #[serde(default)]
    at: Option<Timestamp>,
}

/// Customers who were there.
#[derive(Debug, Deserialize, ToSchema, Validate)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"data": [{"customer": "user-17"}, {"customer": "user-18", "at": "2027-02-27T16:00:00Z"}]}))]
pub(crate) struct ActivityBatchBody {
    /// 1 to 1000 entries; a customer may be in several.
    #[validate(length(min = 1, max = MAX_ENTRIES))]
    #[schema(min_items = 1, max_items = 1000)]
    data: Vec<ActivityEntry>,
}

/// A customer who was there.
#[derive(Debug, Deserialize, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct ActivityEntry {
    /// The app's customer.
    customer: CustomerId,
    /// The instant, at most 120 days back; now where it is left out. Only its day, UTC, is kept.
    #[serde(default)]
    at: Option<Timestamp>,
}

/// Tell that a customer was there.
///
/// Idempotent per day, and cheap: of a day that is known already nothing is written. Attributes such as
/// `usage.active_days_30` and `usage.trend` are reckoned from the days.
#[utoipa::path(
    tag = "customers", operation_id = "recordActivity",
    request_body = Option<ActivityBody>,
    params(("id" = CustomerId, Path, description = "The app's customer id")),
    responses((status = 200, description = "How the customer uses the app", body = UsageView)),
    security(("apiKey" = ["server", "operator", "admin"])),
)]
#[post("/v1/customers/{id}/activity")]
pub(crate) async fn record(
    _caller: ServerOrOperator,
    app: Data<App>,
    id: Segment<CustomerId>,
    idempotency: Idempotency,
    body: OptionalBody<ActivityBody>,
) -> Result<HttpResponse, Problem> {
    let work = async {
        let seen = Seen { customer: id.0.clone(), at: body.0.at, pointer: "/at".to_owned() };
        tell(&app, vec![seen]).await?;
        usage(&app, &id.0).await
    };
    Ok(answer(idempotency::once(&app, idempotency.key(), 200, work).await?))
}

/// Read how a customer uses the app.
#[utoipa::path(
    tag = "customers", operation_id = "getActivity",
    params(("id" = CustomerId, Path, description = "The app's customer id")),
    responses((status = 200, description = "How the customer uses the app", body = UsageView)),
    security(("apiKey" = ["server", "analyst", "operator", "admin"])),
)]
#[get("/v1/customers/{id}/activity")]
pub(crate) async fn read(
    _caller: ServerOrAnalyst,
    app: Data<App>,
    id: Segment<CustomerId>,
) -> Result<HttpResponse, Problem> {
    Ok(HttpResponse::Ok().json(usage(&app, &id.0).await?))
}

/// Tell that many customers were there.
///
/// As for one, for a nightly job or to bring in the days before.
#[utoipa::path(
    tag = "customers", operation_id = "recordActivities",
    request_body = ActivityBatchBody,
    responses((status = 200, description = "Taken note of", body = Taken)),
    security(("apiKey" = ["server", "operator", "admin"])),
)]
#[post("/v1/activity")]
pub(crate) async fn record_many(
    _caller: ServerOrOperator,
    app: Data<App>,
    idempotency: Idempotency,
    body: Body<ActivityBatchBody>,
) -> Result<HttpResponse, Problem> {
    let entries = body.0.data.into_iter().enumerate();
    let seen = entries.map(|(index, ActivityEntry { customer, at })| Seen {
        customer,
        at,
        pointer: format!("/data/{index}/at"),
    });
    let work = tell(&app, seen.collect());
    Ok(answer(idempotency::once(&app, idempotency.key(), 200, work).await?))
}
