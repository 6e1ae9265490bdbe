//! What accepted offers ask in return, for operations to settle.

use actix_web::web::Data;
use actix_web::{HttpRequest, HttpResponse, get, post};
use serde::{Deserialize, Serialize};
use utoipa::IntoParams;
use validator::Validate;

use super::paging::{Limit, List, csv, spreadsheet_safe, wants_csv};
use super::session_actions::EmptyBody;
use crate::domain::ids::{AskId, CustomerId, SessionId};
use crate::domain::offer::{AskState, AskType, Key};
use crate::http::auth::permission::{Analyst, Operator};
use crate::http::body::OptionalBody;
use crate::http::idempotency::{Idempotency, answer};
use crate::http::path::Segment;
use crate::http::problem::Problem;
use crate::http::query::Query;
use crate::services::asks::{self, AskView, Settlement};
use crate::services::{App, idempotency};
use crate::store::AskFilter;

/// Which asks to list. Times are inclusive from and exclusive to, RFC 3339.
#[derive(Debug, Deserialize, IntoParams, Validate)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct AskQuery {
    /// At most so many; 1 to 200, 50 where left out.
    #[serde(default)]
    limit: Limit,
    /// Where the page before ended: its `next_cursor`.
    cursor: Option<AskId>,
    /// Only in this state.
    state: Option<AskState>,
    /// Only of this type.
    #[serde(rename = "type")]
    ask_type: Option<AskType>,
    /// Only of offers with this key.
    offer: Option<Key>,
    /// Only of this customer.
    customer: Option<CustomerId>,
    /// Only of this session.
    session: Option<SessionId>,
    /// Only in live mode, or only in test mode.
    livemode: Option<bool>,
    /// Only of offers accepted at or after.
    created_from: Option<jiff::Timestamp>,
    /// Only of offers accepted before.
    created_to: Option<jiff::Timestamp>,
}

impl AskQuery {
    fn filter(self) -> AskFilter {
        AskFilter {
            state: self.state,
            ask_type: self.ask_type,
            offer: self.offer,
            customer: self.customer,
            session: self.session,
            livemode: self.livemode,
            created_from: self.created_from,
            created_to: self.created_to,
        }
    }
}

/// List what accepted offers ask in return, newest first.
///
/// With `Accept: text/csv` the same page comes as CSV, and the next cursor in a `Link` header.
#[utoipa::path(
    tag = "operations", operation_id = "listAsks",
    params(AskQuery),
    responses(
        (status = 200, description = "A page of asks", content(
            (List<AskView> = "application/json"),
            (String = "text/csv"),
        ))),
    security(("apiKey" = ["analyst", "operator", "admin"])),
)]
#[get("/v1/asks")]
pub(crate) async fn list(
    _caller: Analyst,
    app: Data<App>,
    request: HttpRequest,
    query: Query<AskQuery>,
) -> Result<HttpResponse, Problem> {
    let (limit, cursor) = (query.0.limit, query.0.cursor);
    let page = asks::list(&app, query.0.filter(), cursor, limit.get()).await?;
    if wants_csv(&request) {
        return csv(&request, page.data.iter().map(CsvRow::from), page.next);
    }
    Ok(HttpResponse::Ok().json(List::from(page)))
}

/// An ask as one line of CSV.
#[derive(Serialize)]
struct CsvRow {
    id: String,
    state: &'static str,
    key: String,
    r#type: &'static str,
    label: String,
    offer: String,
    offer_key: String,
    session: String,
    customer: String,
    subscription: String,
    livemode: bool,
    created_at: String,
    settled_at: String,
}

impl From<&AskView> for CsvRow {
    fn from(ask: &AskView) -> Self {
        Self {
            id: ask.id.to_string(),
            state: ask.state.as_str(),
            key: ask.key.to_string(),
            r#type: ask.ask_type.as_str(),
            label: spreadsheet_safe(&ask.label),
            offer: ask.offer.to_string(),
            offer_key: ask.offer_key.to_string(),
            session: ask.session.to_string(),
            customer: spreadsheet_safe(ask.customer.as_str()),
            subscription: ask.subscription.to_string(),
            livemode: ask.livemode,
            created_at: ask.created_at.to_string(),
            settled_at: ask.settled_at.map(|at| at.to_string()).unwrap_or_default(),
        }
    }
}

/// Take an ask as fulfilled.
///
/// The subscriber has done what was agreed to. Told by the event `ask.fulfilled`. Asks that nobody waits for are answered
/// 409 `ask_not_open`.
#[utoipa::path(
    tag = "operations", operation_id = "fulfillAsk",
    request_body = Option<EmptyBody>,
    params(("id" = AskId, Path, description = "The ask")),
    responses((status = 200, description = "The ask, fulfilled", body = AskView)),
    security(("apiKey" = ["operator", "admin"])),
)]
#[post("/v1/asks/{id}/fulfill")]
pub(crate) async fn fulfill(
    caller: Operator,
    app: Data<App>,
    id: Segment<AskId>,
    idempotency: Idempotency,
    _body: OptionalBody<EmptyBody>,
) -> Result<HttpResponse, Problem> {
    let actor = caller.0.id.to_string();
    let work = asks::settle(&app, id.0, Settlement::Fulfilled, &actor);
    Ok(answer(idempotency::once(&app, idempotency.key(), 200, work).await?))
}

/// Waive an ask.
///
/// What was agreed to is asked no more. Told by the event `ask.waived`. Asks that nobody waits for are answered 409
/// `ask_not_open`.
#[utoipa::path(
    tag = "operations", operation_id = "waiveAsk",
    request_body = Option<EmptyBody>,
    params(("id" = AskId, Path, description = "The ask")),
    responses((status = 200, description = "The ask, waived", body = AskView)),
    security(("apiKey" = ["operator", "admin"])),
)]
#[post("/v1/asks/{id}/waive")]
pub(crate) async fn waive(
    caller: Operator,
    app: Data<App>,
    id: Segment<AskId>,
    idempotency: Idempotency,
    _body: OptionalBody<EmptyBody>,
) -> Result<HttpResponse, Problem> {
    let actor = caller.0.id.to_string();
    let work = asks::settle(&app, id.0, Settlement::Waived, &actor);
    Ok(answer(idempotency::once(&app, idempotency.key(), 200, work).await?))
}
