//! What the shell around the handlers reads and answers, for every operation.

use utoipa::openapi::header::HeaderBuilder;
use utoipa::openapi::path::{Operation, Parameter, ParameterBuilder, ParameterIn};
use utoipa::openapi::schema::{ObjectBuilder, Type};
use utoipa::openapi::security::SecurityRequirement;
use utoipa::openapi::{Content, OpenApi, Ref, RefOr, Response, ResponseBuilder};

use crate::http::problem::MEDIA_TYPE;

type HeaderDoc = (&'static str, &'static str, Type);

const REQUEST_ID: HeaderDoc = ("X-Request-Id", "Names the request in the logs", Type::String);
const RETRY_AFTER: HeaderDoc = ("Retry-After", "Seconds to wait", Type::Integer);
const AUTHENTICATE: HeaderDoc = ("WWW-Authenticate", "The scheme to use", Type::String);
const LIMIT: HeaderDoc = ("RateLimit", "What is left, as `\"default\";r=99;t=1`", Type::String);
const POLICY: HeaderDoc = ("RateLimit-Policy", "The quota, as `\"default\";q=100;w=5`", Type::String);

const REPLAYED: HeaderDoc =
    ("Idempotent-Replayed", "`true` where the answer was saved by an earlier request", Type::String);

const BAD_PARAMETER: &str = "A parameter is wrong; `errors` names it.";
const BAD_BODY: &str = "The body is not JSON, or a field or parameter is wrong; `errors` names it.";

/// The path whose caller is Stripe: no credentials, no quota, no Idempotency-Key.
const WEBHOOKS: &str = "/v1/stripe/webhooks";

/// Adds to every operation what the shell around its handler answers and reads, unless the handler documents it.
pub(super) fn complete(document: &mut OpenApi) {
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
            let kind = Kind { limited, keyed: limited && post };
            for (status, description, headers) in refusals(operation, kind) {
                let missing = || problem(description, &headers);
                operation.responses.responses.entry(status.to_owned()).or_insert_with(missing);
            }
            for (status, response) in &mut operation.responses.responses {
                let RefOr::T(response) = response else { continue };
                if kind.keyed && status.starts_with('2') {
                    add_headers(response, &[REPLAYED]);
                }
                add_headers(response, &[REQUEST_ID]);
                if limited {
                    add_headers(response, &[LIMIT, POLICY]);
                }
            }
        }
    }
}

/// What the shell does around an operation.
#[derive(Clone, Copy)]
struct Kind {
    /// It counts requests.
    limited: bool,
    /// It reads an Idempotency-Key.
    keyed: bool,
}

fn refusals(
    operation: &Operation,
    Kind { limited, keyed }: Kind,
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
    if operation.security.iter().flatten().any(|requirement| *requirement != SecurityRequirement::default()) {
        found.push(("401", "No valid credentials.", vec![AUTHENTICATE]));
        found.push(("403", "Valid credentials without the permission.", vec![]));
    }
    if limited {
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
