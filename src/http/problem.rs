//! Problem details (RFC 9457): the one shape of every error.

use std::fmt;

use actix_web::http::StatusCode;
use actix_web::http::header::{self, HeaderName, HeaderValue};
use actix_web::{HttpResponse, ResponseError};
use serde::Serialize;
use utoipa::ToSchema;

use crate::services::cannot::Possible;
use crate::services::error::{FieldError, ServiceError};

use super::edge::request_id::{REQUEST_ID, RequestId};

/// The media type of a problem.
pub const MEDIA_TYPE: &str = "application/problem+json";

/// An error, ready to be answered. Boxed, since it travels in the `Err` of every handler.
#[derive(Clone, Debug)]
pub struct Problem(Box<Details>);

/// An error as the caller sees it.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[schema(as = Problem, example = json!({
    "type": "urn:counteroffer:problem:invalid_request", "title": "Bad Request", "status": 400,
    "code": "invalid_request", "detail": "Correct the fields named in `errors` and send the request again.",
    "errors": [{"pointer": "/subscription", "code": "missing_field", "detail": "missing field `subscription`"}],
    "request_id": "01JD8Z6R3V8M5T2N7K4Q9W1XYA"
}))]
pub struct Details {
    /// Identifies the kind of problem; ends in `code`.
    #[serde(rename = "type")]
    type_uri: String,
    /// The HTTP status in words.
    title: &'static str,
    /// The HTTP status.
    #[schema(minimum = 400, maximum = 599)]
    status: u16,
    /// A stable code for programs.
    code: &'static str,
    /// What went wrong and what to do about it.
    detail: String,
    /// The present state, where it stood in the way.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    state: Option<String>,
    /// What is possible instead, where the subscription cannot take what was asked.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    possible: Option<Possible>,
    /// The fields that are wrong.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schema(max_items = 1000)]
    errors: Vec<FieldError>,
    /// Names this request in the logs; also in `X-Request-Id`.
    #[serde(serialize_with = "id_text")]
    #[schema(value_type = String)]
    request_id: RequestId,
    #[serde(skip)]
    headers: Vec<(HeaderName, HeaderValue)>,
}

fn id_text<S: serde::Serializer>(id: &RequestId, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(id.as_str())
}

impl Problem {
    /// A problem of the request that runs.
    #[must_use]
    pub fn new(status: StatusCode, code: &'static str, detail: impl Into<String>) -> Self {
        Self(Box::new(Details {
            type_uri: format!("urn:counteroffer:problem:{code}"),
            title: status.canonical_reason().unwrap_or("Error"),
            status: status.as_u16(),
            code,
            detail: detail.into(),
            state: None,
            possible: None,
            errors: Vec::new(),
            request_id: REQUEST_ID.try_with(RequestId::clone).unwrap_or_default(),
            headers: Vec::new(),
        }))
    }

    /// Adds a header to the answer.
    #[must_use]
    pub fn with_header(mut self, name: HeaderName, value: HeaderValue) -> Self {
        self.0.headers.push((name, value));
        self
    }

    fn with_errors(mut self, errors: Vec<FieldError>) -> Self {
        self.0.errors = errors;
        self
    }

    /// Says how many seconds to wait.
    #[must_use]
    pub fn retry_after(self, seconds: u32) -> Self {
        self.with_header(header::RETRY_AFTER, HeaderValue::from(seconds))
    }

    /// 400: the fields that are wrong.
    #[must_use]
    pub fn invalid(errors: Vec<FieldError>) -> Self {
        let detail = "Correct the fields named in `errors` and send the request again.";
        Self::new(StatusCode::BAD_REQUEST, "invalid_request", detail).with_errors(errors)
    }

    /// 400: one field that is wrong.
    #[must_use]
    pub fn invalid_field(pointer: impl Into<String>, code: &str, detail: impl Into<String>) -> Self {
        Self::invalid(vec![FieldError {
            pointer: pointer.into(),
            code: code.to_owned(),
            detail: detail.into(),
            line: None,
            column: None,
        }])
    }

    /// 401: one text for whatever is wrong with the caller's credentials, so that nothing can be probed.
    #[must_use]
    pub fn unauthorized() -> Self {
        let detail = "Send a valid customer token or API key as `Authorization: Bearer …`.";
        Self::new(StatusCode::UNAUTHORIZED, "unauthorized", detail)
            .with_header(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer realm=\"counteroffer\""))
    }

    /// 403: a good caller of the wrong kind; `needed` says which kind would do.
    #[must_use]
    pub fn forbidden(needed: &str) -> Self {
        Self::new(StatusCode::FORBIDDEN, "forbidden", format!("This needs {needed}."))
    }

    /// 404: no such thing, or none that the caller may know of.
    #[must_use]
    pub fn not_found(what: &str) -> Self {
        Self::new(StatusCode::NOT_FOUND, "not_found", format!("There is no such {what}."))
    }

    /// 500: our fault; the cause is for the log only.
    #[must_use]
    pub fn internal(cause: &dyn fmt::Display) -> Self {
        tracing::error!(%cause, "request failed");
        let detail = "Something went wrong here. Try again; if it stays, report the `request_id`.";
        Self::new(StatusCode::INTERNAL_SERVER_ERROR, "internal_error", detail)
    }
}

impl From<ServiceError> for Problem {
    fn from(error: ServiceError) -> Self {
        match error {
            ServiceError::NotFound(what) => Self::not_found(what),
            ServiceError::Conflict { code, detail, state } => {
                let mut problem = Self::new(StatusCode::CONFLICT, code, detail);
                problem.0.state = state;
                problem
            }
            ServiceError::Cannot(cannot) => {
                let detail = format!(
                    "The subscription cannot take it: {}. Instead: {}.",
                    cannot.reason,
                    cannot.reason.instead()
                );
                let mut problem = Self::new(StatusCode::CONFLICT, cannot.reason.code(), detail);
                problem.0.state = Some(cannot.state);
                problem.0.possible = Some(cannot.possible);
                problem
            }
            ServiceError::Invalid(errors) => {
                let detail = "Correct the fields named in `errors` and send the request again.";
                Self::new(StatusCode::UNPROCESSABLE_ENTITY, "invalid_content", detail).with_errors(errors)
            }
            ServiceError::KeyReused => Self::new(
                StatusCode::UNPROCESSABLE_ENTITY,
                "idempotency_key_reused",
                "This Idempotency-Key was used with another request; use a new key for a new request.",
            ),
            ServiceError::KeyRunning => Self::new(
                StatusCode::CONFLICT,
                "idempotency_key_running",
                "The first request with this Idempotency-Key still runs; repeat this one in a moment.",
            )
            .retry_after(1),
            ServiceError::Busy { retry_after } => {
                let detail = "There is too much to do at the moment; nothing was changed. Repeat this later.";
                Self::new(StatusCode::SERVICE_UNAVAILABLE, "busy", detail).retry_after(retry_after)
            }
            ServiceError::BillingUnavailable(cause) => {
                tracing::warn!(%cause, "billing unavailable");
                let detail = "Stripe could not be asked; nothing was changed. Repeat this later.";
                Self::new(StatusCode::SERVICE_UNAVAILABLE, "billing_unavailable", detail).retry_after(5)
            }
            ServiceError::Internal(cause) => Self::internal(&cause),
        }
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.0.status, self.0.code)
    }
}

impl ResponseError for Problem {
    fn status_code(&self) -> StatusCode {
        StatusCode::from_u16(self.0.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR)
    }

    fn error_response(&self) -> HttpResponse {
        let mut response = HttpResponse::build(self.status_code());
        for (name, value) in &self.0.headers {
            response.insert_header((name.clone(), value.clone()));
        }
        // Also here, for a problem that is answered above the middleware that sets them.
        response.insert_header((super::edge::request_id::HEADER, self.0.request_id.header()));
        response.insert_header((header::X_CONTENT_TYPE_OPTIONS, "nosniff"));
        response.insert_header((header::CACHE_CONTROL, "no-store"));
        let body = serde_json::to_string(&self.0).unwrap_or_default();
        response.insert_header((header::CONTENT_TYPE, MEDIA_TYPE)).body(body)
    }
}
