//! The id of a request, in its answer, its problems and its log lines.

use std::sync::Arc;

use actix_web::http::header::{HeaderMap, HeaderName, HeaderValue};
use jiff::Timestamp;
use ulid::Ulid;

/// The header that carries it, both ways.
pub const HEADER: HeaderName = HeaderName::from_static("x-request-id");

/// The longest id accepted from a caller, in bytes.
const MAX: usize = 128;

tokio::task_local! {
    /// The id of the request that runs.
    pub(in crate::http) static REQUEST_ID: RequestId;
}

/// The id of a request: what the caller sent, when that is harmless, else a ULID.
#[derive(Clone, Debug)]
pub struct RequestId(Arc<str>);

impl Default for RequestId {
    fn default() -> Self {
        Self(Arc::from("unknown"))
    }
}

impl RequestId {
    /// Takes the caller's id if it is 1 to 128 letters, digits, `-`, `_` or `.`; makes one otherwise.
    #[must_use]
    pub fn of(headers: &HeaderMap, now: Timestamp) -> Self {
        let good = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
        headers
            .get(HEADER)
            .and_then(|value| value.to_str().ok())
            .filter(|text| !text.is_empty() && text.len() <= MAX && text.chars().all(good))
            .map_or_else(
                || {
                    let millis = u64::try_from(now.as_millisecond()).unwrap_or(0);
                    Self(Ulid::from_parts(millis, rand::random()).to_string().into())
                },
                |text| Self(text.into()),
            )
    }

    /// As text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// As the value of a header.
    #[must_use]
    pub fn header(&self) -> HeaderValue {
        HeaderValue::from_str(&self.0).unwrap_or(HeaderValue::from_static("unknown"))
    }
}
