//! The OpenAPI document: what comes before the routes, and what the shell adds to each of them.

use utoipa::openapi::header::HeaderBuilder;
use utoipa::openapi::path::{Operation, Parameter, ParameterBuilder, ParameterIn};
use utoipa::openapi::schema::{ObjectBuilder, Type};
use utoipa::openapi::security::{Http, HttpAuthScheme, HttpBuilder, SecurityScheme};
use utoipa::openapi::{Content, OpenApi as OpenApiDocument, Ref, RefOr, Response, ResponseBuilder};
use utoipa::{Modify, OpenApi};

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
    fn modify(&self, document: &mut OpenApiDocument) {
        let components = document.components.get_or_insert_default();
        let token = HttpBuilder::new()
            .scheme(HttpAuthScheme::Bearer)
            .bearer_format("JWT")
            .description(Some("A customer token, minted by the app's back end, good for at most 15 minutes."))
            .build();
        let mut key = Http::new(HttpAuthScheme::Bearer);
        key.description = Some("An API key, `co_…`, made with `counteroffer keys create`.".to_owned());
        components.add_security_scheme(CUSTOMER_TOKEN, SecurityScheme::Http(token));
        components.add_security_scheme(API_KEY, SecurityScheme::Http(key));
    }
}

type HeaderDoc = (&'static str, &'static str, Type);

const REQUEST_ID: HeaderDoc = ("X-Request-Id", "Names the request in the logs", Type::String);
const RETRY_AFTER: HeaderDoc = ("Retry-After", "Seconds to wait", Type::Integer);
const AUTHENTICATE: HeaderDoc = ("WWW-Authenticate", "The scheme to use", Type::String);
const LIMIT: HeaderDoc = ("RateLimit", "What is left, as `\"default\";r=99;t=1`", Type::String);
const POLICY: HeaderDoc = ("RateLimit-Policy", "The quota, as `\"default\";q=100;w=5`", Type::String);

const BAD_PARAMETER: &str = "A parameter is wrong; `errors` names it.";
const BAD_BODY: &str = "The body is not JSON, or a field or parameter is wrong; `errors` names it.";

/// The path whose caller is Stripe: no credentials, no quota, no Idempotency-Key.
const WEBHOOKS: &str = "/v1/stripe/webhooks";

/// Adds to every operation what the shell around its handler answers and reads, unless the handler documents it.
pub(super) fn complete(document: &mut OpenApiDocument) {
    for (path, item) in &mut document.paths.paths {
        let limited = path.starts_with("/v1/") && path != WEBHOOKS;
        let operations = [
            (&mut item.get, false),
            (&mut item.post, true),
            (&mut item.put, false),
            (&mut item.delete, false),
        ];
        for (operation, post) in operations {
            let Some(operation) = operation else { continue };
            if limited && post {
                operation.parameters.get_or_insert_default().push(RefOr::T(idempotency_key()));
            }
            for (status, description, headers) in refusals(operation, limited, limited && post) {
                let missing = || problem(description, &headers);
                operation.responses.responses.entry(status.to_owned()).or_insert_with(missing);
            }
            for response in operation.responses.responses.values_mut() {
                let RefOr::T(response) = response else { continue };
                add_headers(response, &[REQUEST_ID]);
                if limited {
                    add_headers(response, &[LIMIT, POLICY]);
                }
            }
        }
    }
}

fn refusals(
    operation: &Operation,
    limited: bool,
    keyed: bool,
) -> Vec<(&'static str, &'static str, Vec<HeaderDoc>)> {
    let has = |place: &ParameterIn| {
        operation
            .parameters
            .iter()
            .flatten()
            .any(|parameter| matches!(parameter, RefOr::T(known) if known.parameter_in == *place))
    };
    let mut found = vec![
        ("408", "The body did not arrive in time.", vec![]),
        ("413", "The body is too large.", vec![]),
        ("500", "Something went wrong here.", vec![]),
        ("503", "Too busy, or took too long; repeat it later.", vec![RETRY_AFTER]),
    ];
    if operation.request_body.is_some() {
        found.push(("400", BAD_BODY, vec![]));
        found.push(("415", "The body is not of the media type that is asked for.", vec![]));
        found.push(("422", "The content cannot be used; `errors` says why.", vec![]));
    } else if has(&ParameterIn::Query) || keyed {
        found.push(("400", BAD_PARAMETER, vec![]));
    }
    if has(&ParameterIn::Path) {
        found.push(("404", "There is no such thing, or none that the caller may know of.", vec![]));
    }
    if limited {
        found.push(("401", "No valid credentials.", vec![AUTHENTICATE]));
        found.push(("403", "Valid credentials without the permission.", vec![]));
        found.push(("429", "Too many requests.", vec![RETRY_AFTER]));
    }
    if keyed {
        let conflict =
            "The present state does not allow it, or the first request with this Idempotency-Key runs.";
        found.push(("409", conflict, vec![]));
        found.push(("422", "The Idempotency-Key belongs to another request.", vec![]));
    }
    found
}

fn problem(description: &str, headers: &[HeaderDoc]) -> RefOr<Response> {
    let content = Content::new(Some(Ref::from_schema_name("Problem")));
    let mut response = ResponseBuilder::new().description(description).content(MEDIA_TYPE, content).build();
    add_headers(&mut response, headers);
    RefOr::T(response)
}

fn add_headers(response: &mut Response, headers: &[HeaderDoc]) {
    for (name, meaning, kind) in headers {
        let schema = ObjectBuilder::new().schema_type(kind.clone());
        let header = HeaderBuilder::new().schema(Some(schema)).description(Some(*meaning)).build();
        response.headers.entry((*name).to_owned()).or_insert(RefOr::T(header));
    }
}

fn idempotency_key() -> Parameter {
    let schema = ObjectBuilder::new().schema_type(Type::String).pattern(Some("^[!-~]{1,255}$"));
    let meaning =
        "Makes the request safe to repeat: the same key with the same request gives the saved answer.";
    ParameterBuilder::new()
        .name("Idempotency-Key")
        .parameter_in(ParameterIn::Header)
        .description(Some(meaning))
        .schema(Some(schema))
        .build()
}
