//! Numbers over sessions.

use actix_web::web::Data;
use actix_web::{HttpResponse, get};

use super::sessions::SessionQuery;
use crate::http::auth::permission::Analyst;
use crate::http::problem::Problem;
use crate::http::query::Query;
use crate::services;
use crate::services::App;
use crate::services::summary::SummaryView;

/// Sum up sessions.
///
/// Counts by outcome, reason, offer and type; acceptance, save and cancellation rates, each with its numerator and
/// denominator; monthly recurring revenue at risk, saved and lost, and what was given away for it, per currency.
/// Sessions still in progress are in no rate.
#[utoipa::path(
    tag = "operations", operation_id = "summarizeSessions",
    params(SessionQuery),
    responses((status = 200, description = "The summary", body = SummaryView)),
    security(("apiKey" = ["analyst", "operator", "admin"])),
)]
#[get("/v1/analytics/summary")]
pub(crate) async fn summary(
    _caller: Analyst,
    app: Data<App>,
    query: Query<SessionQuery>,
) -> Result<HttpResponse, Problem> {
    Ok(HttpResponse::Ok().json(services::summary::summary(&app, query.0.filter()).await?))
}
