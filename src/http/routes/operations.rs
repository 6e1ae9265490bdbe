//! Billing operations: what is pending, stuck and done, the retry by hand, and undoing.

use actix_web::web::Data;
use actix_web::{HttpResponse, get, post};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use validator::Validate;

use super::paging::{Limit, List};
use super::session_actions::EmptyBody;
use crate::domain::ids::{OfferId, OperationId, SessionId, SubscriptionId};
use crate::domain::operation::{Operation, OperationProblem, OperationState, StepRecord};
use crate::http::auth::permission::{Analyst, Operator};
use crate::http::body::{Body, OptionalBody};
use crate::http::idempotency::{Idempotency, answer};
use crate::http::path::Segment;
use crate::http::problem::Problem;
use crate::http::query::Query;
use crate::services::{App, idempotency, operations, undo as undoing};
use crate::store::OperationFilter;

/// A billing operation.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = BillingOperation)]
pub(crate) struct OperationView {
    /// Its id.
    id: OperationId,
    /// Where it stands.
    state: OperationState,
    /// What it brings about.
    #[schema(example = "discount")]
    effect: String,
    /// The session it came from.
    session: SessionId,
    /// The offer it carries out.
    offer: Option<OfferId>,
    /// The subscription it changes.
    subscription: SubscriptionId,
    /// Live or test mode.
    livemode: bool,
    /// The steps that Stripe has answered.
    steps: Vec<StepRecord>,
    /// How often it has been tried.
    attempts: u32,
    /// The last thing that went wrong.
    problem: Option<OperationProblem>,
    /// The operation that it undoes, if it undoes one.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    undoes: Option<OperationId>,
    /// The operation that undoes it, once somebody has asked for that; its state says how far it has come.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    undone_by: Option<OperationId>,
    /// Not before this.
    due_at: Timestamp,
    /// When it was accepted.
    created_at: Timestamp,
    /// When it last changed.
    updated_at: Timestamp,
}

impl From<Operation> for OperationView {
    fn from(operation: Operation) -> Self {
        Self {
            effect: operation.effect.as_str().to_owned(),
            id: operation.id,
            state: operation.state,
            session: operation.session,
            offer: operation.offer,
            subscription: operation.subscription,
            livemode: operation.livemode,
            steps: operation.steps,
            attempts: operation.attempts,
            problem: operation.problem,
            undoes: operation.undoes,
            undone_by: operation.undone_by,
            due_at: operation.due_at,
            created_at: operation.created_at,
            updated_at: operation.updated_at,
        }
    }
}

/// Which operations to list.
#[derive(Debug, Deserialize, IntoParams, Validate)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct OperationQuery {
    /// At most so many; 1 to 200, 50 where left out.
    #[serde(default)]
    limit: Limit,
    /// Where the page before ended: its `next_cursor`.
    cursor: Option<OperationId>,
    /// Only in this state.
    state: Option<OperationState>,
    /// Only of this session.
    session: Option<SessionId>,
    /// Only on this subscription.
    subscription: Option<SubscriptionId>,
}

/// List billing operations, newest first.
#[utoipa::path(
    tag = "operations", operation_id = "listBillingOperations",
    params(OperationQuery),
    responses((status = 200, description = "A page of operations", body = List<OperationView>)),
    security(("apiKey" = ["analyst", "operator", "admin"])),
)]
#[get("/v1/billing-operations")]
pub(crate) async fn list(
    _caller: Analyst,
    app: Data<App>,
    query: Query<OperationQuery>,
) -> Result<HttpResponse, Problem> {
    let query = query.0;
    let filter =
        OperationFilter { state: query.state, session: query.session, subscription: query.subscription };
    let page = operations::list(&app, filter, query.cursor, query.limit.get()).await?;
    Ok(HttpResponse::Ok().json(List::from(page.map(OperationView::from))))
}

/// Try an operation once more that needs attention.
///
/// It is tried at once, with the keys it had, so that a step which has acted does not act again.
#[utoipa::path(
    tag = "operations", operation_id = "retryBillingOperation",
    request_body = Option<EmptyBody>,
    params(("id" = OperationId, Path, description = "The operation")),
    responses((status = 200, description = "The operation after the try", body = OperationView)),
    security(("apiKey" = ["operator", "admin"])),
)]
#[post("/v1/billing-operations/{id}/retry")]
pub(crate) async fn retry(
    _caller: Operator,
    app: Data<App>,
    id: Segment<OperationId>,
    idempotency: Idempotency,
    _body: OptionalBody<EmptyBody>,
) -> Result<HttpResponse, Problem> {
    let work = async { operations::retry(&app, id.0).await.map(OperationView::from) };
    Ok(answer(idempotency::once(&app, idempotency.key(), 200, work).await?))
}

/// Why an operation is undone.
#[derive(Debug, Deserialize, ToSchema, Validate)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"reason": "given by mistake"}))]
pub(crate) struct UndoBody {
    /// Why, for the audit trail; no personal data.
    #[validate(length(min = 1, max = 500))]
    #[schema(min_length = 1, max_length = 500)]
    reason: String,
}

/// Undo what an applied operation has brought about.
///
/// The answer is the operation that undoes it, tried at once. An operation is undone once: whoever asks again gets the
/// same. What Stripe does not take back is answered 409 with a reason code: `irreversible`, `too_late`,
/// `operation_not_applied` or `operation_is_undo`.
#[utoipa::path(
    tag = "operations", operation_id = "undoBillingOperation",
    request_body = UndoBody,
    params(("id" = OperationId, Path, description = "The operation to undo")),
    responses((status = 200, description = "The operation that undoes it", body = OperationView)),
    security(("apiKey" = ["operator", "admin"])),
)]
#[post("/v1/billing-operations/{id}/undo")]
pub(crate) async fn undo(
    caller: Operator,
    app: Data<App>,
    id: Segment<OperationId>,
    idempotency: Idempotency,
    body: Body<UndoBody>,
) -> Result<HttpResponse, Problem> {
    let actor = caller.0.id.to_string();
    let work = async { undoing::undo(&app, id.0, &body.0.reason, &actor).await.map(OperationView::from) };
    Ok(answer(idempotency::once(&app, idempotency.key(), 200, work).await?))
}
