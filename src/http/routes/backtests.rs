//! Backtests: drafts tried on recorded sessions.

use actix_web::web::Data;
use actix_web::{HttpRequest, HttpResponse, get, post};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use validator::Validate;

use super::paging::{Limit, List, csv, wants_csv};
use crate::domain::backtest::Backtested;
use crate::domain::ids::{BacktestId, SessionId};
use crate::domain::offer::Key;
use crate::http::auth::permission::Analyst;
use crate::http::body::Body;
use crate::http::idempotency::{Idempotency, answer};
use crate::http::path::Segment;
use crate::http::problem::Problem;
use crate::http::query::Query;
use crate::services::backtest::{BacktestView, Wanted};
use crate::services::{self, App, idempotency};

/// What to try, and on which sessions.
#[derive(Debug, Deserialize, ToSchema, Validate)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"from": "2027-02-01T00:00:00Z", "to": "2027-03-01T00:00:00Z"}))]
pub(crate) struct BacktestBody {
    /// Sessions begun at this instant or later.
    from: Timestamp,
    /// Sessions begun before this instant.
    to: Timestamp,
    /// A published version; the draft where it is left out.
    #[serde(default)]
    #[validate(range(min = 1))]
    #[schema(minimum = 1)]
    version: Option<i32>,
}

/// Try a draft on recorded sessions.
///
/// Each session of the flow begun in the period is decided again, from what its last decision was made from, by the
/// draft as it is now (or by a published version). Nothing of the sessions changes. The work goes on in the background:
/// read the backtest for its progress and its findings.
#[utoipa::path(
    tag = "flows", operation_id = "backtestFlow",
    request_body = BacktestBody,
    params(("key" = Key, Path, description = "The flow's key")),
    responses((status = 202, description = "Asked for", body = BacktestView)),
    security(("apiKey" = ["analyst", "operator", "admin"])),
)]
#[post("/v1/flows/{key}/backtests")]
pub(crate) async fn ask(
    caller: Analyst,
    app: Data<App>,
    key: Segment<Key>,
    idempotency: Idempotency,
    body: Body<BacktestBody>,
) -> Result<HttpResponse, Problem> {
    let BacktestBody { from, to, version } = body.0;
    let actor = caller.0.id.to_string();
    let work = services::backtest::ask(&app, &key.0, Wanted { from, to, version }, &actor);
    Ok(answer(idempotency::once(&app, idempotency.key(), 202, work).await?))
}

/// Which backtests to list.
#[derive(Debug, Deserialize, IntoParams, Validate)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct BacktestQuery {
    /// At most so many; 1 to 200, 50 where left out.
    #[serde(default)]
    limit: Limit,
    /// Where the page before ended: its `next_cursor`.
    cursor: Option<BacktestId>,
}

/// List a flow's backtests, newest first.
///
/// They are kept for 90 days.
#[utoipa::path(
    tag = "flows", operation_id = "listBacktests",
    params(("key" = Key, Path, description = "The flow's key"), BacktestQuery),
    responses((status = 200, description = "A page of backtests", body = List<BacktestView>)),
    security(("apiKey" = ["analyst", "operator", "admin"])),
)]
#[get("/v1/flows/{key}/backtests")]
pub(crate) async fn list(
    _caller: Analyst,
    app: Data<App>,
    key: Segment<Key>,
    query: Query<BacktestQuery>,
) -> Result<HttpResponse, Problem> {
    let page = services::backtest::list(&app, &key.0, query.0.cursor, query.0.limit.get()).await?;
    Ok(HttpResponse::Ok().json(List::from(page)))
}

/// Read a backtest.
#[utoipa::path(
    tag = "flows", operation_id = "getBacktest",
    params(("id" = BacktestId, Path, description = "The backtest")),
    responses((status = 200, description = "The backtest", body = BacktestView)),
    security(("apiKey" = ["analyst", "operator", "admin"])),
)]
#[get("/v1/backtests/{id}")]
pub(crate) async fn read(
    _caller: Analyst,
    app: Data<App>,
    id: Segment<BacktestId>,
) -> Result<HttpResponse, Problem> {
    Ok(HttpResponse::Ok().json(services::backtest::get(&app, id.0).await?))
}

/// Which of a backtest's sessions to list.
#[derive(Debug, Deserialize, IntoParams, Validate)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct BacktestedQuery {
    /// At most so many; 1 to 200, 50 where left out.
    #[serde(default)]
    limit: Limit,
    /// Where the page before ended: its `next_cursor`.
    cursor: Option<SessionId>,
    /// Only where something else would have been offered, or only where the same.
    changed: Option<bool>,
}

/// List what sessions would have been offered, oldest first.
///
/// With `Accept: text/csv` the same page comes as CSV, and the next cursor in a `Link` header.
#[utoipa::path(
    tag = "flows", operation_id = "listBacktestedSessions",
    params(("id" = BacktestId, Path, description = "The backtest"), BacktestedQuery),
    responses(
        (status = 200, description = "A page of sessions", content(
            (List<Backtested> = "application/json"),
            (String = "text/csv"),
        ))),
    security(("apiKey" = ["analyst", "operator", "admin"])),
)]
#[get("/v1/backtests/{id}/sessions")]
pub(crate) async fn sessions(
    _caller: Analyst,
    app: Data<App>,
    request: HttpRequest,
    id: Segment<BacktestId>,
    query: Query<BacktestedQuery>,
) -> Result<HttpResponse, Problem> {
    let BacktestedQuery { limit, cursor, changed } = query.0;
    let page = services::backtest::sessions(&app, id.0, changed, cursor, limit.get()).await?;
    if wants_csv(&request) {
        return csv(&request, page.data.iter().map(CsvRow::from), page.next);
    }
    Ok(HttpResponse::Ok().json(List::from(page)))
}

/// A session as one line of CSV.
#[derive(Serialize)]
struct CsvRow {
    session: String,
    at: String,
    reason: String,
    segments: String,
    rule: Option<usize>,
    offered: String,
    would_offer: String,
    changed: bool,
    currency: String,
    cost: i64,
    would_cost: i64,
}

impl From<&Backtested> for CsvRow {
    fn from(one: &Backtested) -> Self {
        let joined = |keys: &[Key]| keys.iter().map(Key::as_str).collect::<Vec<_>>().join(" ");
        Self {
            session: one.session.to_string(),
            at: one.at.to_string(),
            reason: one.reason.as_ref().map(Key::to_string).unwrap_or_default(),
            segments: joined(&one.segments),
            rule: one.rule,
            offered: joined(&one.offered),
            would_offer: joined(&one.would_offer),
            changed: one.is_changed(),
            currency: one.currency.map(|currency| currency.to_string()).unwrap_or_default(),
            cost: one.cost,
            would_cost: one.would_cost,
        }
    }
}
