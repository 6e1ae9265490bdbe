//! Experiments and what came of them.

use actix_web::web::Data;
use actix_web::{HttpResponse, get};
use serde::Deserialize;
use utoipa::IntoParams;
use validator::Validate;

use super::paging::List;
use crate::domain::offer::Key;
use crate::http::auth::permission::Analyst;
use crate::http::path::Segment;
use crate::http::problem::Problem;
use crate::http::query::Query;
use crate::services::experiments::{ExperimentRow, ResultsView};
use crate::services::{self, App};

/// Whose experiments.
#[derive(Debug, Default, Deserialize, IntoParams, Validate)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct ExperimentQuery {
    /// The flow; the one that sessions run where it is left out.
    flow: Option<Key>,
    /// Live mode or test mode; that of the Stripe key where it is left out.
    livemode: Option<bool>,
}

/// List experiments.
///
/// Those of the flow's active version, its holdout among them, and those that have ended, with the customers of each arm.
/// All in one page.
#[utoipa::path(
    tag = "operations", operation_id = "listExperiments",
    params(ExperimentQuery),
    responses((status = 200, description = "The experiments", body = List<ExperimentRow>)),
    security(("apiKey" = ["analyst", "operator", "admin"])),
)]
#[get("/v1/experiments")]
pub(crate) async fn list(
    _caller: Analyst,
    app: Data<App>,
    query: Query<ExperimentQuery>,
) -> Result<HttpResponse, Problem> {
    let data = services::experiments::list(&app, query.0.flow, query.0.livemode).await?;
    Ok(HttpResponse::Ok().json(List { data, next_cursor: None }))
}

/// Read what came of an experiment.
///
/// Per arm, each customer counted once: saves, cancellations, saves validated after 30, 60 and 90 days, and net revenue,
/// with intervals that hold however often one looks, against `control` and against `holdout`; whether customers are
/// divided as they should be; and a verdict.
#[utoipa::path(
    tag = "operations", operation_id = "getExperiment",
    params(("key" = Key, Path, description = "The experiment; `holdout` for the flow's own"), ExperimentQuery),
    responses((status = 200, description = "The results", body = ResultsView)),
    security(("apiKey" = ["analyst", "operator", "admin"])),
)]
#[get("/v1/experiments/{key}")]
pub(crate) async fn read(
    _caller: Analyst,
    app: Data<App>,
    key: Segment<Key>,
    query: Query<ExperimentQuery>,
) -> Result<HttpResponse, Problem> {
    let found = services::experiments::results(&app, key.0, query.0.flow, query.0.livemode).await?;
    Ok(HttpResponse::Ok().json(found))
}
