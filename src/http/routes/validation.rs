//! What became of a save, with the evidence.

use actix_web::web::Data;
use actix_web::{HttpResponse, get};

use crate::domain::ids::SessionId;
use crate::http::auth::permission::Analyst;
use crate::http::path::Segment;
use crate::http::problem::Problem;
use crate::services::saves::Validation;
use crate::services::{self, App};

/// Read what became of a save.
///
/// Billing is asked 30, 60 and 90 days after a save, and early once the subscription has ended. A save is validated when
/// the subscription is then in force, paid for and not about to end. Paid for means: Stripe calls it active, collects
/// for it, and charges something a month after discounts; paused, trialing, past due and free of charge are not.
#[utoipa::path(
    tag = "operations", operation_id = "getSessionValidation",
    params(("id" = SessionId, Path, description = "The session")),
    responses((status = 200, description = "What became of it", body = Validation)),
    security(("apiKey" = ["analyst", "operator", "admin"])),
)]
#[get("/v1/sessions/{id}/validation")]
pub(crate) async fn read(
    _caller: Analyst,
    app: Data<App>,
    id: Segment<SessionId>,
) -> Result<HttpResponse, Problem> {
    Ok(HttpResponse::Ok().json(services::saves::validation(&app, id.0).await?))
}
