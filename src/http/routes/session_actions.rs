//! What a subscriber does in a session.

use std::collections::BTreeMap;

use actix_web::web::Data;
use actix_web::{HttpResponse, post};
use serde::Deserialize;
use utoipa::openapi::schema::{AdditionalProperties, Object, ObjectBuilder, Type};
use utoipa::{PartialSchema, ToSchema};
use validator::Validate;

use crate::domain::feature::FeatureTag;
use crate::domain::ids::{OfferId, SessionId};
use crate::domain::offer::{Choice, Key};
use crate::domain::operation::CancelWhen;
use crate::http::auth::permission::Customer;
use crate::http::body::{Body, OptionalBody};
use crate::http::idempotency::{Idempotency, answer as reply};
use crate::http::path::{Segment, Segments};
use crate::http::problem::Problem;
use crate::services::accept::Taken;
use crate::services::answer::Said;
use crate::services::view::SessionView;
use crate::services::{self, Access, App};

/// Answers of the survey; what is left out stays as it was.
#[derive(Debug, Deserialize, ToSchema, Validate)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"reason": "missing_feature", "follow_up": "An export to CSV"}))]
pub(crate) struct AnswersBody {
    /// The reason's key, one of the session's `survey.reasons`.
    #[serde(default)]
    reason: Option<Key>,
    /// The answer to the reason's follow-up question.
    #[serde(default)]
    #[validate(length(max = 2000))]
    #[schema(max_length = 2000)]
    follow_up: Option<String>,
    /// Anything else.
    #[serde(default)]
    #[validate(length(max = 2000))]
    #[schema(max_length = 2000)]
    comment: Option<String>,
    /// The features that are missed, at most 10, where the reason's `feature_tags` is true. `CSV export` is `csv-export`.
    #[serde(default)]
    #[validate(length(max = 10))]
    #[schema(max_items = 10)]
    feature_tags: Vec<FeatureTag>,
    /// Whether the subscriber asks not to be contacted later.
    #[serde(default)]
    do_not_contact: Option<bool>,
}

/// Answer the survey.
///
/// A reason may change the offers.
#[utoipa::path(
    tag = "sessions", operation_id = "answerSurvey",
    request_body = AnswersBody,
    params(("id" = SessionId, Path, description = "The session")),
    responses((status = 200, description = "The session", body = SessionView)),
    security(("customerToken" = [])),
)]
#[post("/v1/sessions/{id}/answers")]
pub(crate) async fn answer(
    caller: Customer,
    app: Data<App>,
    id: Segment<SessionId>,
    idempotency: Idempotency,
    body: Body<AnswersBody>,
) -> Result<HttpResponse, Problem> {
    let AnswersBody { reason, follow_up, comment, mut feature_tags, do_not_contact } = body.0;
    let mut seen = std::collections::BTreeSet::new();
    feature_tags.retain(|tag| seen.insert(tag.clone()));
    let said = Said { reason, follow_up, comment, feature_tags, do_not_contact };
    let access = Access::Customer(caller.0.customer);
    let token = caller.0.attributes;
    Ok(reply(services::answer::answer(&app, &access, id.0, said, token, idempotency.key()).await?))
}

/// Whether offers may be shown.
#[derive(Debug, Deserialize, ToSchema, Validate)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"granted": true}))]
pub(crate) struct PermissionBody {
    /// What the subscriber said.
    granted: bool,
}

/// Say whether offers may be shown.
///
/// Where the session's `compliance.permission` is `needed`, the law of the subscriber's place wants this asked, once,
/// before any offer is shown. With a yes the offers come; with a no the cancellation is left to confirm.
#[utoipa::path(
    tag = "sessions", operation_id = "answerPermission",
    request_body = PermissionBody,
    params(("id" = SessionId, Path, description = "The session")),
    responses((status = 200, description = "The session", body = SessionView)),
    security(("customerToken" = [])),
)]
#[post("/v1/sessions/{id}/permission")]
pub(crate) async fn permission(
    caller: Customer,
    app: Data<App>,
    id: Segment<SessionId>,
    idempotency: Idempotency,
    body: Body<PermissionBody>,
) -> Result<HttpResponse, Problem> {
    let access = Access::Customer(caller.0.customer);
    let (granted, token) = (body.0.granted, caller.0.attributes);
    let done = services::permission::permission(&app, &access, id.0, granted, token, idempotency.key());
    Ok(reply(done.await?))
}

/// What is chosen.
#[derive(Debug, Default, Deserialize, ToSchema, Validate)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"choice": 1}))]
pub(crate) struct AcceptBody {
    /// Which of the terms' `choices`, counted from 0; needed where there are several.
    #[serde(default)]
    #[validate(range(max = 9))]
    #[schema(value_type = Option<u8>, minimum = 0, maximum = 9)]
    choice: Option<Choice>,
    /// Which of the offer's `asks` the subscriber agrees to, by key; `false` for those left out.
    #[serde(default)]
    #[validate(length(max = 10))]
    #[schema(schema_with = asks_schema)]
    asks: BTreeMap<Key, bool>,
}

fn asks_schema() -> Object {
    let flag = ObjectBuilder::new().schema_type(Type::Boolean);
    let mut schema = ObjectBuilder::new()
        .property_names(Some(Key::schema()))
        .additional_properties(Some(AdditionalProperties::RefOr(flag.into())))
        .description(Some(
            "Which of the offer's `asks` the subscriber agrees to, by key; `false` for those left out.",
        ))
        .build();
    schema.max_properties = Some(10);
    schema
}

/// Accept an offer.
///
/// 200 when billing has it, 202 while it is on its way: ask again at `billing.poll_url`. When billing refuses it for
/// good, the session is open again and `billing.state` is `rejected`.
#[utoipa::path(
    tag = "sessions", operation_id = "acceptOffer",
    request_body = Option<AcceptBody>,
    params(
        ("id" = SessionId, Path, description = "The session"),
        ("offer" = OfferId, Path, description = "The offer")
    ),
    responses(
        (status = 200, description = "Settled", body = SessionView),
        (status = 202, description = "On its way to billing", body = SessionView)),
    security(("customerToken" = [])),
)]
#[post("/v1/sessions/{id}/offers/{offer}/accept")]
pub(crate) async fn accept(
    caller: Customer,
    app: Data<App>,
    ids: Segments<SessionId, OfferId>,
    idempotency: Idempotency,
    body: OptionalBody<AcceptBody>,
) -> Result<HttpResponse, Problem> {
    let access = Access::Customer(caller.0.customer);
    let taken = Taken { choice: body.0.choice, agreed: body.0.asks };
    Ok(reply(services::accept::accept(&app, &access, ids.0, ids.1, taken, idempotency.key()).await?))
}

/// A body without members.
#[derive(Debug, Default, Deserialize, ToSchema, Validate)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({}))]
pub(crate) struct EmptyBody {}

/// Decline an offer.
#[utoipa::path(
    tag = "sessions", operation_id = "declineOffer",
    request_body = Option<EmptyBody>,
    params(
        ("id" = SessionId, Path, description = "The session"),
        ("offer" = OfferId, Path, description = "The offer")
    ),
    responses((status = 200, description = "The session", body = SessionView)),
    security(("customerToken" = [])),
)]
#[post("/v1/sessions/{id}/offers/{offer}/decline")]
pub(crate) async fn decline(
    caller: Customer,
    app: Data<App>,
    ids: Segments<SessionId, OfferId>,
    idempotency: Idempotency,
    _body: OptionalBody<EmptyBody>,
) -> Result<HttpResponse, Problem> {
    let access = Access::Customer(caller.0.customer);
    Ok(reply(services::decline::decline(&app, &access, ids.0, ids.1, idempotency.key()).await?))
}

/// When to end.
#[derive(Debug, Default, Deserialize, ToSchema, Validate)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"when": "period_end"}))]
pub(crate) struct CancelBody {
    /// With the paid period, where left out, or at once, where the session's `exit.when` allows it.
    #[serde(default)]
    when: Option<CancelWhen>,
}

/// Cancel the subscription.
///
/// Works at every step of an open session, also while Stripe cannot be reached: 202 then, and the cancellation is
/// carried out as soon as it can be. 200 once Stripe has it.
#[utoipa::path(
    tag = "sessions", operation_id = "cancelSubscription",
    request_body = Option<CancelBody>,
    params(("id" = SessionId, Path, description = "The session")),
    responses(
        (status = 200, description = "Canceled in Stripe", body = SessionView),
        (status = 202, description = "Received; on its way to billing", body = SessionView)),
    security(("customerToken" = [])),
)]
#[post("/v1/sessions/{id}/cancel")]
pub(crate) async fn cancel(
    caller: Customer,
    app: Data<App>,
    id: Segment<SessionId>,
    idempotency: Idempotency,
    body: OptionalBody<CancelBody>,
) -> Result<HttpResponse, Problem> {
    let access = Access::Customer(caller.0.customer);
    let when = body.0.when.unwrap_or(CancelWhen::PeriodEnd);
    Ok(reply(services::cancel::cancel(&app, &access, id.0, when, idempotency.key()).await?))
}

/// Resume a subscription that an offer has paused.
///
/// For sessions that have met a pause of ours: their `step` is `resume`, or `resume` is among their `actions`. Works
/// before the pause is over. 200 when billing has it, 202 while it is on its way: ask again at `billing.poll_url`. Where
/// the resumption has an invoice, the subscription stays paused until that is paid; the way out stays open.
#[utoipa::path(
    tag = "sessions", operation_id = "resumeSubscription",
    request_body = Option<EmptyBody>,
    params(("id" = SessionId, Path, description = "The session")),
    responses(
        (status = 200, description = "Resumed", body = SessionView),
        (status = 202, description = "On its way to billing", body = SessionView)),
    security(("customerToken" = [])),
)]
#[post("/v1/sessions/{id}/resume")]
pub(crate) async fn resume(
    caller: Customer,
    app: Data<App>,
    id: Segment<SessionId>,
    idempotency: Idempotency,
    _body: OptionalBody<EmptyBody>,
) -> Result<HttpResponse, Problem> {
    let access = Access::Customer(caller.0.customer);
    Ok(reply(services::resume::resume(&app, &access, id.0, idempotency.key()).await?))
}

/// Keep the subscription without an offer.
#[utoipa::path(
    tag = "sessions", operation_id = "keepSubscription",
    request_body = Option<EmptyBody>,
    params(("id" = SessionId, Path, description = "The session")),
    responses((status = 200, description = "The session, saved", body = SessionView)),
    security(("customerToken" = [])),
)]
#[post("/v1/sessions/{id}/keep")]
pub(crate) async fn keep(
    caller: Customer,
    app: Data<App>,
    id: Segment<SessionId>,
    idempotency: Idempotency,
    _body: OptionalBody<EmptyBody>,
) -> Result<HttpResponse, Problem> {
    let access = Access::Customer(caller.0.customer);
    Ok(reply(services::decline::keep(&app, &access, id.0, idempotency.key()).await?))
}
