//! Where Stripe differs from what applied operations make us believe.

use actix_web::web::Data;
use actix_web::{HttpResponse, get, post};
use serde::Deserialize;
use utoipa::IntoParams;
use validator::Validate;

use super::paging::{Limit, List};
use super::session_actions::EmptyBody;
use crate::domain::drift::{DriftKind, DriftState};
use crate::domain::ids::{DriftId, SubscriptionId};
use crate::http::auth::permission::{Analyst, Operator};
use crate::http::body::OptionalBody;
use crate::http::idempotency::{Idempotency, answer};
use crate::http::path::Segment;
use crate::http::problem::Problem;
use crate::http::query::Query;
use crate::services::drift::DriftView;
use crate::services::{self, App, idempotency};
use crate::store::DriftFilter;

/// Which drift to list.
#[derive(Debug, Deserialize, IntoParams, Validate)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct DriftQuery {
    /// At most so many; 1 to 200, 50 where left out.
    #[serde(default)]
    limit: Limit,
    /// Where the page before ended: its `next_cursor`.
    cursor: Option<DriftId>,
    /// Only in this state.
    state: Option<DriftState>,
    /// Only of this kind.
    kind: Option<DriftKind>,
    /// Only on this subscription.
    subscription: Option<SubscriptionId>,
}

/// List drift, newest first.
///
/// Once a day, and by `counteroffer reconcile`, every subscription with applied billing operations is compared with
/// Stripe. What differs is listed here, with what to do about it.
#[utoipa::path(
    tag = "operations", operation_id = "listDrift",
    params(DriftQuery),
    responses((status = 200, description = "A page of drift", body = List<DriftView>)),
    security(("apiKey" = ["analyst", "operator", "admin"])),
)]
#[get("/v1/drift")]
pub(crate) async fn list(
    _caller: Analyst,
    app: Data<App>,
    query: Query<DriftQuery>,
) -> Result<HttpResponse, Problem> {
    let query = query.0;
    let filter = DriftFilter { state: query.state, kind: query.kind, subscription: query.subscription };
    let page = services::drift::list(&app, filter, query.cursor, query.limit.get()).await?;
    Ok(HttpResponse::Ok().json(List::from(page)))
}

/// Dismiss drift that was meant.
///
/// It is not told again as long as it stays. Should it go and come back, it is open again.
#[utoipa::path(
    tag = "operations", operation_id = "dismissDrift",
    request_body = Option<EmptyBody>,
    params(("id" = DriftId, Path, description = "The drift")),
    responses((status = 200, description = "The drift, dismissed", body = DriftView)),
    security(("apiKey" = ["operator", "admin"])),
)]
#[post("/v1/drift/{id}/dismiss")]
pub(crate) async fn dismiss(
    _caller: Operator,
    app: Data<App>,
    id: Segment<DriftId>,
    idempotency: Idempotency,
    _body: OptionalBody<EmptyBody>,
) -> Result<HttpResponse, Problem> {
    let work = services::drift::dismiss(&app, id.0);
    Ok(answer(idempotency::once(&app, idempotency.key(), 200, work).await?))
}
