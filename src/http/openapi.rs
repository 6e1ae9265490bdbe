//! The OpenAPI document: what the routes do not say themselves, and responses they share.

use std::collections::BTreeMap;

use utoipa::openapi::header::HeaderBuilder;
use utoipa::openapi::schema::{ObjectBuilder, Type};
use utoipa::openapi::security::{Http, HttpAuthScheme, HttpBuilder, SecurityScheme};
use utoipa::openapi::{Content, Ref, RefOr, Response, ResponseBuilder};
use utoipa::{IntoResponses, Modify, OpenApi};

use super::problem::{Details, MEDIA_TYPE};

/// What comes before the routes.
#[derive(OpenApi)]
#[openapi(
    info(title = "Counteroffer", description = "Answers a subscriber's cancellation with save offers, records the \
        outcome, and updates Stripe exactly once.", license(name = "Apache-2.0", identifier = "Apache-2.0")),
    servers((url = "/", description = "The service that serves this document")),
    tags(
        (name = "sessions", description = "One subscriber's pass through a flow"),
        (name = "flows", description = "The documents that say what happens on cancel"),
        (name = "customers", description = "Attributes that the app pushes"),
        (name = "operations", description = "Billing operations and numbers"),
        (name = "stripe", description = "What Stripe tells us"),
        (name = "service", description = "Health, metrics and this document"),
    ),
    components(schemas(Details)),
    modifiers(&Security),
)]
pub(super) struct Frame;

/// The name of the security scheme of customer tokens.
pub const CUSTOMER_TOKEN: &str = "customerToken";
/// The name of the security scheme of API keys.
pub const API_KEY: &str = "apiKey";

struct Security;

impl Modify for Security {
    fn modify(&self, document: &mut utoipa::openapi::OpenApi) {
        let components = document.components.get_or_insert_default();
        let token = HttpBuilder::new()
            .scheme(HttpAuthScheme::Bearer)
            .bearer_format("JWT")
            .description(Some(
                "A customer token, minted by the app's back end, good for at most 15 minutes.",
            ))
            .build();
        let mut key = Http::new(HttpAuthScheme::Bearer);
        key.description = Some("An API key, `co_…`, made with `counteroffer keys create`.".to_owned());
        components.add_security_scheme(CUSTOMER_TOKEN, SecurityScheme::Http(token));
        components.add_security_scheme(API_KEY, SecurityScheme::Http(key));
    }
}

/// A response that carries a problem, with `X-Request-Id` and further headers.
fn problem(description: &str, headers: &[(&str, &str, Type)]) -> RefOr<Response> {
    let content = Content::new(Some(Ref::from_schema_name("Problem")));
    let mut response = ResponseBuilder::new()
        .description(description)
        .content(MEDIA_TYPE, content);
    let id = ("X-Request-Id", "Names the request in the logs", Type::String);
    for (name, meaning, kind) in std::iter::once(&id).chain(headers) {
        let schema = ObjectBuilder::new().schema_type(kind.clone());
        let header = HeaderBuilder::new()
            .schema(Some(schema))
            .description(Some(*meaning))
            .build();
        response = response.header(*name, header);
    }
    RefOr::T(response.build())
}

const RETRY_AFTER: (&str, &str, Type) = ("Retry-After", "Seconds to wait", Type::Integer);
const LIMIT: (&str, &str, Type) = (
    "RateLimit",
    "What is left, as `\"default\";r=99;t=1`",
    Type::String,
);
const POLICY: (&str, &str, Type) = (
    "RateLimit-Policy",
    "The quota, as `\"default\";q=100;w=5`",
    Type::String,
);

type Responses = BTreeMap<String, RefOr<Response>>;

fn responses<const N: usize>(list: [(&str, RefOr<Response>); N]) -> Responses {
    list.into_iter()
        .map(|(status, response)| (status.to_owned(), response))
        .collect()
}

/// What any path may answer: 500.
pub struct Common;

impl IntoResponses for Common {
    fn responses() -> Responses {
        responses([("500", problem("Something went wrong here.", &[]))])
    }
}

/// What any operation under `/v1` may answer besides: 401, 403, 429, 500, 503.
pub struct Guarded;

impl IntoResponses for Guarded {
    fn responses() -> Responses {
        let mut all = Common::responses();
        let scheme = ("WWW-Authenticate", "The scheme to use", Type::String);
        all.extend(responses([
            ("401", problem("No valid credentials.", &[scheme])),
            ("403", problem("Valid credentials without the permission.", &[])),
            (
                "429",
                problem("Too many requests.", &[RETRY_AFTER, LIMIT, POLICY]),
            ),
            (
                "503",
                problem("Too busy, or took too long; repeat it later.", &[RETRY_AFTER]),
            ),
        ]));
        all
    }
}

/// What an operation with parameters in path or query may answer: 400.
pub struct BadParameters;

impl IntoResponses for BadParameters {
    fn responses() -> Responses {
        responses([("400", problem("A parameter is wrong; `errors` names it.", &[]))])
    }
}

/// What an operation about one thing may answer: 404.
pub struct Missing;

impl IntoResponses for Missing {
    fn responses() -> Responses {
        responses([(
            "404",
            problem(
                "There is no such thing, or none that the caller may know of.",
                &[],
            ),
        )])
    }
}

/// What an operation with a JSON body may answer: 400, 408, 413, 415, 422.
pub struct BadBody;

impl IntoResponses for BadBody {
    fn responses() -> Responses {
        responses([
            (
                "400",
                problem(
                    "The body is not JSON, or a field is wrong; `errors` names it.",
                    &[],
                ),
            ),
            ("408", problem("The body did not arrive in time.", &[])),
            ("413", problem("The body is too large.", &[])),
            ("415", problem("The body is not `application/json`.", &[])),
            (
                "422",
                problem(
                    "The content cannot be used, or the Idempotency-Key belongs to another request.",
                    &[],
                ),
            ),
        ])
    }
}

/// What an operation that changes state may answer: 409.
pub struct StateConflict;

impl IntoResponses for StateConflict {
    fn responses() -> Responses {
        let description =
            "The present state does not allow it, or the first request with this Idempotency-Key runs.";
        responses([("409", problem(description, &[]))])
    }
}
