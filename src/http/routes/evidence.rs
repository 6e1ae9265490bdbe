//! The evidence of sessions, signed for an auditor, and the public keys that verify it.

use actix_web::http::header;
use actix_web::web::Data;
use actix_web::{HttpResponse, get};
use jiff::Timestamp;
use serde::Deserialize;
use utoipa::IntoParams;
use validator::Validate;

use super::paging::{Limit, List};
use crate::domain::ids::SessionId;
use crate::http::auth::permission::Analyst;
use crate::http::path::Segment;
use crate::http::problem::Problem;
use crate::http::query::Query;
use crate::services::App;
use crate::services::evidence::{self, SignedExport};

/// The media type of a JWS in the compact serialisation (RFC 7515, 9.2.1).
const JOSE: &str = "application/jose";

/// Export a session's evidence, signed.
///
/// The answer is a JWS (RFC 7515) in the compact serialisation, by the key that `evidence.signing_key_file` names; the
/// keys at `/v1/evidence/jwks.json` verify it. In the payload: the session, the rules that governed it with their
/// sources and dates, the receipt with every event and its hash, and the texts that were shown. Every export is noted in
/// the audit trail. Without a configured key the answer is 409 `signing_key_missing`.
#[utoipa::path(
    tag = "operations", operation_id = "exportEvidence",
    params(("id" = SessionId, Path, description = "The session")),
    responses((status = 200, description = "The signed evidence", body = String, content_type = "application/jose")),
    security(("apiKey" = ["analyst", "operator", "admin"])),
)]
#[get("/v1/sessions/{id}/evidence")]
pub(crate) async fn one(
    caller: Analyst,
    app: Data<App>,
    id: Segment<SessionId>,
) -> Result<HttpResponse, Problem> {
    let signed = evidence::one(&app, id.0, caller.0.id).await?;
    Ok(HttpResponse::Ok().insert_header((header::CONTENT_TYPE, JOSE)).body(signed))
}

/// Which sessions to export. Times are inclusive from and exclusive to, RFC 3339.
#[derive(Debug, Deserialize, IntoParams, Validate)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct EvidenceQuery {
    /// At most so many; 1 to 200, 50 where left out.
    #[serde(default)]
    limit: Limit,
    /// Where the page before ended: its `next_cursor`.
    cursor: Option<SessionId>,
    /// Only begun at or after.
    created_from: Option<Timestamp>,
    /// Only begun before.
    created_to: Option<Timestamp>,
}

/// Export the evidence of a period, signed.
///
/// Newest first; each session as `exportEvidence` has it. Every page is noted in the audit trail.
#[utoipa::path(
    tag = "operations", operation_id = "exportEvidenceOfPeriod",
    params(EvidenceQuery),
    responses((status = 200, description = "A page of signed evidence", body = List<SignedExport>)),
    security(("apiKey" = ["analyst", "operator", "admin"])),
)]
#[get("/v1/evidence")]
pub(crate) async fn period(
    caller: Analyst,
    app: Data<App>,
    query: Query<EvidenceQuery>,
) -> Result<HttpResponse, Problem> {
    let EvidenceQuery { limit, cursor, created_from, created_to } = query.0;
    let period = (created_from, created_to);
    let page = evidence::period(&app, period, cursor, limit.get(), caller.0.id).await?;
    Ok(HttpResponse::Ok().json(List::from(page)))
}

/// The public keys that verify exported evidence.
///
/// A JWK Set (RFC 7517): the key that signs now, and the former ones that `evidence.former_keys_file` names; empty where
/// none is configured.
#[utoipa::path(
    tag = "operations", operation_id = "evidenceKeys", security(()),
    responses((status = 200, description = "The keys", body = Object, content_type = "application/jwk-set+json")),
)]
#[get("/v1/evidence/jwks.json")]
pub(crate) async fn keys(app: Data<App>) -> HttpResponse {
    HttpResponse::Ok()
        .insert_header((header::CONTENT_TYPE, "application/jwk-set+json"))
        .insert_header((header::ACCESS_CONTROL_ALLOW_ORIGIN, "*"))
        .body(serde_json::to_string(&*app.evidence_keys).unwrap_or_default())
}
