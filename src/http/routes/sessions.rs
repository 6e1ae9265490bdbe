//! Begin, read and list sessions.

use actix_web::web::Data;
use actix_web::{HttpRequest, HttpResponse, get, post};
use serde::{Deserialize, Serialize};
use utoipa::openapi::RefOr;
use utoipa::openapi::schema::{ObjectBuilder, Schema, SchemaType, Type};
use utoipa::{IntoParams, ToSchema};
use validator::{Validate, ValidationError};

use super::paging::{Limit, List, csv, spreadsheet_safe, wants_csv};
use crate::domain::experiment::Assignment;
use crate::domain::ids::{CustomerId, SessionId, SubscriptionId};
use crate::domain::offer::{Key, OfferType};
use crate::domain::session::Status;
use crate::domain::validation::Horizon;
use crate::http::auth::permission::{Analyst, CustomerOrOps, CustomerOrServer};
use crate::http::body::Body;
use crate::http::idempotency::{Idempotency, answer};
use crate::http::languages::Languages;
use crate::http::path::Segment;
use crate::http::problem::Problem;
use crate::http::query::Query;
use crate::services::begin::{Beginner, Wanted};
use crate::services::caller::Caller;
use crate::services::read::{Explanation, SessionRow};
use crate::services::view::SessionView;
use crate::services::{self, Access, App};
use crate::store::SessionFilter;

/// What begins a session.
#[derive(Debug, Deserialize, ToSchema, Validate)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"subscription": "sub_1Q2w3E4r5T", "reason": "too_expensive", "locale": "en"}))]
pub(crate) struct BeginBody {
    /// The Stripe subscription to cancel.
    subscription: SubscriptionId,
    /// The customer on whose behalf a server begins; left out with a customer token.
    #[serde(default)]
    customer: Option<CustomerId>,
    /// The reason's key, where the app has asked already.
    #[serde(default)]
    reason: Option<Key>,
    /// The language of the texts, a BCP 47 tag; the flow's default where it is not available. Where it is left out,
    /// `Accept-Language` says it.
    #[serde(default)]
    #[validate(length(min = 2, max = 35))]
    #[schema(min_length = 2, max_length = 35, example = "en")]
    locale: Option<String>,
    /// Whatever the app wants to find again in the session, at most 20 members; never used to decide.
    #[serde(default)]
    #[validate(custom(function = "few_members"))]
    #[schema(schema_with = context_schema)]
    context: Option<serde_json::Map<String, serde_json::Value>>,
}

fn context_schema() -> RefOr<Schema> {
    let mut object = ObjectBuilder::new()
        .schema_type(SchemaType::from_iter([Type::Object, Type::Null]))
        .description(Some("Whatever the app wants to find again in the session; never used to decide."))
        .build();
    object.max_properties = Some(MAX_CONTEXT);
    object.into()
}

/// The most members of a context.
const MAX_CONTEXT: usize = 20;

fn few_members(context: &serde_json::Map<String, serde_json::Value>) -> Result<(), ValidationError> {
    if context.len() <= MAX_CONTEXT {
        return Ok(());
    }
    Err(ValidationError::new("length").with_message(format!("give at most {MAX_CONTEXT} members").into()))
}

/// Begin a session.
///
/// A second begin for the same subscription answers 200 with the session that is open; the same token answers 200 with
/// the session it began, also once that is closed. Without a snapshot and with Stripe out of reach, a token that names
/// the subscription still begins a session, without offers that need billing, so that the way out stays open.
///
/// A session keeps the language that it was begun in. Another `Accept-Language` does not make a repetition with the same
/// Idempotency-Key another request.
#[utoipa::path(
    tag = "sessions", operation_id = "beginSession",
    request_body = BeginBody,
    params(("Accept-Language" = Option<String>, Header,
        description = "The languages that the subscriber reads (RFC 9110, 12.5.4), where the body has no `locale`: the \
        best of them by quality that the flow has any text in, else the flow's default. What cannot be read in it is \
        passed over.", nullable = false, example = "de-AT, de;q=0.9, en;q=0.5")),
    responses(
        (status = 201, description = "Begun", body = SessionView),
        (status = 200, description = "Open already, or begun by this token", body = SessionView)),
    security(("customerToken" = []), ("apiKey" = ["server", "admin"])),
)]
#[post("/v1/sessions")]
pub(crate) async fn begin(
    caller: CustomerOrServer,
    app: Data<App>,
    idempotency: Idempotency,
    languages: Languages,
    body: Body<BeginBody>,
) -> Result<HttpResponse, Problem> {
    let body = body.0;
    let by = beginner(caller.0, body.customer)?;
    let wanted = Wanted {
        subscription: body.subscription,
        reason: body.reason,
        locale: body.locale,
        languages: languages.0,
        context: body.context,
    };
    // Its state is some kilobytes, and everything around it would carry them along.
    let begun = Box::pin(services::begin::begin(&app, &by, wanted, idempotency.key()));
    Ok(answer(begun.await?))
}

fn beginner(caller: Caller, customer: Option<CustomerId>) -> Result<Beginner, Problem> {
    match (caller, customer) {
        (Caller::Customer(token), None) => Ok(Beginner {
            token_id: Some(token.session_token_id()),
            attributes: token.attributes,
            customer: token.customer,
            subscription: token.subscription,
            vouched: false,
        }),
        (Caller::Customer(_), Some(_)) => {
            let detail = "leave `customer` out: the token says who it is";
            Err(Problem::invalid_field("/customer", "unexpected_field", detail))
        }
        (Caller::Key(_), Some(customer)) => Ok(Beginner {
            customer,
            subscription: None,
            attributes: std::collections::BTreeMap::new(),
            token_id: None,
            vouched: true,
        }),
        (Caller::Key(_), None) => {
            let detail = "say for which customer the session begins";
            Err(Problem::invalid_field("/customer", "missing_field", detail))
        }
    }
}

/// Read a session.
///
/// A customer reads their own; operations read all.
#[utoipa::path(
    tag = "sessions", operation_id = "getSession",
    params(("id" = SessionId, Path, description = "The session")),
    responses((status = 200, description = "The session", body = SessionView)),
    security(("customerToken" = []), ("apiKey" = ["analyst", "operator", "admin"])),
)]
#[get("/v1/sessions/{id}")]
pub(crate) async fn read(
    caller: CustomerOrOps,
    app: Data<App>,
    id: Segment<SessionId>,
) -> Result<HttpResponse, Problem> {
    Ok(answer(services::read::session(&app, &access(caller.0), id.0).await?))
}

/// What a caller reaches.
pub(super) fn access(caller: Caller) -> Access {
    match caller {
        Caller::Customer(token) => Access::Customer(token.customer),
        Caller::Key(_) => Access::Staff,
    }
}

/// Which sessions to list. Times are inclusive from and exclusive to, RFC 3339.
#[derive(Debug, Default, Deserialize, IntoParams, Validate)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct SessionQuery {
    /// At most so many; 1 to 200, 50 where left out.
    #[serde(default)]
    limit: Limit,
    /// Where the page before ended: its `next_cursor`.
    cursor: Option<SessionId>,
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
    /// Only of this customer.
    customer: Option<CustomerId>,
    /// Only about this subscription.
    subscription: Option<SubscriptionId>,
    /// Only in live mode, or only in test mode.
    livemode: Option<bool>,
    /// Only begun at or after.
    created_from: Option<jiff::Timestamp>,
    /// Only begun before.
    created_to: Option<jiff::Timestamp>,
}

impl SessionQuery {
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
            customer: self.customer,
            subscription: self.subscription,
            livemode: self.livemode,
            created_from: self.created_from,
            created_to: self.created_to,
            once: false,
        }
    }
}

/// List sessions, newest first.
///
/// With `Accept: text/csv` the same page comes as CSV, and the next cursor in a `Link` header.
#[utoipa::path(
    tag = "operations", operation_id = "listSessions",
    params(SessionQuery),
    responses(
        (status = 200, description = "A page of sessions", content(
            (List<SessionRow> = "application/json"),
            (String = "text/csv"),
        ))),
    security(("apiKey" = ["analyst", "operator", "admin"])),
)]
#[get("/v1/sessions")]
pub(crate) async fn list(
    _caller: Analyst,
    app: Data<App>,
    request: HttpRequest,
    query: Query<SessionQuery>,
) -> Result<HttpResponse, Problem> {
    let (limit, cursor) = (query.0.limit, query.0.cursor);
    let page = services::read::sessions(&app, query.0.filter(), cursor, limit.get()).await?;
    if wants_csv(&request) {
        return csv(&request, page.data.iter().map(CsvRow::from), page.next);
    }
    Ok(HttpResponse::Ok().json(List::from(page)))
}

/// A session as one line of CSV.
#[derive(Serialize)]
struct CsvRow {
    id: String,
    status: &'static str,
    livemode: bool,
    customer: String,
    subscription: String,
    flow: String,
    flow_version: i32,
    reason: String,
    offers_presented: String,
    offer_accepted: String,
    experiments: String,
    mrr: Option<i64>,
    currency: String,
    created_at: String,
    closed_at: String,
    validated_30: Option<bool>,
    validated_60: Option<bool>,
    validated_90: Option<bool>,
    reentry_of: String,
}

impl From<&SessionRow> for CsvRow {
    fn from(row: &SessionRow) -> Self {
        let accepted =
            row.offers.iter().find(|offer| offer.state == crate::domain::offer::OfferState::Accepted);
        let presented: Vec<&str> = row.offers.iter().map(|offer| offer.key.as_str()).collect();
        let arm = |one: &Assignment| format!("{}={}", one.experiment, one.arm);
        let experiments: Vec<String> = row.experiments.iter().map(arm).collect();
        Self {
            id: row.id.to_string(),
            status: row.status.as_str(),
            livemode: row.livemode,
            customer: spreadsheet_safe(row.customer.as_str()),
            subscription: row.subscription.to_string(),
            flow: row.flow.key.to_string(),
            flow_version: row.flow.version,
            reason: row.reason.as_ref().map(ToString::to_string).unwrap_or_default(),
            offers_presented: presented.join(" "),
            offer_accepted: accepted.map(|offer| offer.key.to_string()).unwrap_or_default(),
            experiments: experiments.join(" "),
            mrr: row.mrr.map(|mrr| mrr.amount),
            currency: row.mrr.map(|mrr| mrr.currency.to_string()).unwrap_or_default(),
            created_at: row.created_at.to_string(),
            closed_at: row.closed_at.map(|at| at.to_string()).unwrap_or_default(),
            validated_30: row.validated.and_then(|validated| validated.at(Horizon::Days30)),
            validated_60: row.validated.and_then(|validated| validated.at(Horizon::Days60)),
            validated_90: row.validated.and_then(|validated| validated.at(Horizon::Days90)),
            reentry_of: row.reentry_of.map(|id| id.to_string()).unwrap_or_default(),
        }
    }
}

/// Explain a session's decisions.
///
/// Which rule of which flow version offered what, why each other offer was left out, and for every condition the fact
/// it was held against, where that came from and how old it was.
#[utoipa::path(
    tag = "operations", operation_id = "explainSession",
    params(("id" = SessionId, Path, description = "The session")),
    responses((status = 200, description = "The explanation", body = Explanation<'_>)),
    security(("apiKey" = ["analyst", "operator", "admin"])),
)]
#[get("/v1/sessions/{id}/explanation")]
pub(crate) async fn explanation(
    _caller: Analyst,
    app: Data<App>,
    id: Segment<SessionId>,
) -> Result<HttpResponse, Problem> {
    Ok(answer(services::read::explanation(&app, id.0).await?))
}
