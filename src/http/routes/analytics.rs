//! Numbers over sessions.

use actix_web::web::Data;
use actix_web::{HttpResponse, get};
use serde::Deserialize;
use utoipa::IntoParams;
use validator::Validate;

use crate::domain::offer::{Key, OfferType};
use crate::domain::session::Status;
use crate::http::auth::permission::Analyst;
use crate::http::problem::Problem;
use crate::http::query::Query;
use crate::services;
use crate::services::App;
use crate::services::summary::SummaryView;
use crate::store::SessionFilter;

/// Which sessions to sum up. Times are inclusive from and exclusive to, RFC 3339.
#[derive(Debug, Default, Deserialize, IntoParams, Validate)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct SummaryQuery {
    /// Only with this status.
    status: Option<Status>,
    /// Only with this reason.
    reason: Option<Key>,
    /// Only where an offer with this key was presented.
    offer: Option<Key>,
    /// Only where an offer of this type was presented.
    offer_type: Option<OfferType>,
    /// Only where this segment held.
    segment: Option<Key>,
    /// Only in this experiment.
    experiment: Option<Key>,
    /// Only in this arm of it, or of any experiment.
    arm: Option<Key>,
    /// Only of this flow.
    flow: Option<Key>,
    /// Only in live mode, or only in test mode.
    livemode: Option<bool>,
    /// Only begun at or after.
    created_from: Option<jiff::Timestamp>,
    /// Only begun before.
    created_to: Option<jiff::Timestamp>,
}

impl SummaryQuery {
    fn filter(self) -> SessionFilter {
        SessionFilter {
            status: self.status,
            reason: self.reason,
            offer: self.offer,
            offer_type: self.offer_type,
            segment: self.segment,
            experiment: self.experiment,
            arm: self.arm,
            flow: self.flow,
            livemode: self.livemode,
            created_from: self.created_from,
            created_to: self.created_to,
            ..SessionFilter::default()
        }
    }
}

/// Sum up sessions.
///
/// Counts by outcome, reason, offer and type; acceptance, save and cancellation rates, each with its numerator and
/// denominator; monthly recurring revenue at risk, saved and lost, and what was given away for it, per currency.
/// Sessions still in progress are in no rate. Of sessions that count as one (`reentry_of`), the last counts, with its offers. Of saves, how many billing has shown to hold after 30, 60 and 90 days;
/// those that are younger are in no such rate.
#[utoipa::path(
    tag = "operations", operation_id = "summarizeSessions",
    params(SummaryQuery),
    responses((status = 200, description = "The summary", body = SummaryView)),
    security(("apiKey" = ["analyst", "operator", "admin"])),
)]
#[get("/v1/analytics/summary")]
pub(crate) async fn summary(
    _caller: Analyst,
    app: Data<App>,
    query: Query<SummaryQuery>,
) -> Result<HttpResponse, Problem> {
    Ok(HttpResponse::Ok().json(services::summary::summary(&app, query.0.filter()).await?))
}
