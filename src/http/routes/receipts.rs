//! The receipt of a session.

use actix_web::web::Data;
use actix_web::{HttpResponse, get};

use super::sessions::access;
use crate::domain::ids::SessionId;
use crate::domain::receipt::Receipt;
use crate::http::auth::permission::CustomerOrOps;
use crate::http::path::Segment;
use crate::http::problem::Problem;
use crate::services::{App, receipt};

/// Read a session's receipt.
///
/// What was asked, what was shown in which order, what was accepted, and how far a cancellation has come, each with its
/// time, for the subscriber to keep. There is one at every state of the session, and it is the same until something
/// happens. It holds keys and terms in no language. `received` means that a cancellation is on its way to billing;
/// `confirmed`, that billing has it. Where `compliance.receipt_required` is set, give it to the subscriber.
#[utoipa::path(
    tag = "sessions", operation_id = "getReceipt",
    params(("id" = SessionId, Path, description = "The session")),
    responses((status = 200, description = "The receipt", body = Receipt)),
    security(("customerToken" = []), ("apiKey" = ["analyst", "operator", "admin"])),
)]
#[get("/v1/sessions/{id}/receipt")]
pub(crate) async fn read(
    caller: CustomerOrOps,
    app: Data<App>,
    id: Segment<SessionId>,
) -> Result<HttpResponse, Problem> {
    Ok(HttpResponse::Ok().json(receipt::of(&app, &access(caller.0), id.0).await?))
}
