//! Signals that were raised.

use actix_web::web::Data;
use actix_web::{HttpResponse, get};
use serde::Deserialize;
use utoipa::IntoParams;
use validator::Validate;

use super::paging::{Limit, List};
use crate::domain::ids::{CustomerId, SignalId, SubscriptionId};
use crate::domain::offer::Key;
use crate::http::auth::permission::ServerOrAnalyst;
use crate::http::problem::Problem;
use crate::http::query::Query;
use crate::services::App;
use crate::services::signals::{self, SignalView};
use crate::store::SignalFilter;

/// Which signals to list.
#[derive(Debug, Deserialize, IntoParams, Validate)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct SignalQuery {
    /// At most so many; 1 to 200, 50 where left out.
    #[serde(default)]
    limit: Limit,
    /// Where the page before ended: its `next_cursor`.
    cursor: Option<SignalId>,
    /// Only of this key.
    key: Option<Key>,
    /// Only about this customer.
    customer: Option<CustomerId>,
    /// Only about this subscription.
    subscription: Option<SubscriptionId>,
}

/// List signals, newest first.
///
/// Of each signal and subscription the last time it was raised; each time is an event `signal.raised`.
#[utoipa::path(
    tag = "operations", operation_id = "listSignals",
    params(SignalQuery),
    responses((status = 200, description = "A page of signals", body = List<SignalView>)),
    security(("apiKey" = ["server", "analyst", "operator", "admin"])),
)]
#[get("/v1/signals")]
pub(crate) async fn list(
    _caller: ServerOrAnalyst,
    app: Data<App>,
    query: Query<SignalQuery>,
) -> Result<HttpResponse, Problem> {
    let SignalQuery { limit, cursor, key, customer, subscription } = query.0;
    let filter = SignalFilter { key, customer, subscription };
    let page = signals::list(&app, filter, cursor, limit.get()).await?;
    Ok(HttpResponse::Ok().json(List::from(page)))
}
