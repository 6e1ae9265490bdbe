//! What an HTTP answer of Stripe's means: done, refused for good, or unknown and perhaps worth another attempt.

use std::time::Duration;

use bytes::Bytes;
use reqwest::header::HeaderMap;
use serde::Deserialize;
use serde::de::DeserializeOwned;

use super::error::{OTHER_MODE, StripeError, StripeErrorKind};

/// A 2xx answer.
#[derive(Debug)]
pub(super) struct Answer {
    /// The status.
    pub(super) status: u16,
    /// The body, as it came.
    pub(super) body: Bytes,
    /// Stripe's request id.
    pub(super) request_id: Option<String>,
    /// Whether it is what the same key was answered earlier, so that what it shows may be out of date.
    pub(super) replayed: bool,
}

impl Answer {
    /// The body as `T`. What cannot be read may still have been done, so it counts as unknown.
    pub(super) fn parse<T: DeserializeOwned>(&self) -> Result<T, StripeError> {
        serde_json::from_slice(&self.body).map_err(|error| StripeError {
            status: Some(self.status),
            request_id: self.request_id.clone(),
            ..StripeError::unknown("unreadable_answer", error)
        })
    }
}

/// An error, and whether the same request may be sent again at once.
#[derive(Debug)]
pub(super) struct Failure {
    pub(super) error: StripeError,
    pub(super) retriable: bool,
}

/// Codes that ask for another attempt whatever the status.
const TRANSIENT: [&str; 3] = ["lock_timeout", "rate_limit", "idempotency_key_in_use"];

#[derive(Deserialize)]
struct Envelope {
    error: Refusal,
}

#[derive(Default, Deserialize)]
struct Refusal {
    code: Option<String>,
    #[serde(rename = "type")]
    kind: Option<String>,
    message: Option<String>,
}

/// A request that got no answer: it may have been done, unless it never left.
pub(super) fn unreached(error: reqwest::Error) -> Failure {
    let code = if error.is_timeout() { "timeout" } else { "connection_failed" };
    let retriable = !error.is_builder();
    Failure { error: StripeError::unknown(code, error.without_url()), retriable }
}

/// What an answer means.
pub(super) fn read(status: u16, headers: &HeaderMap, body: Bytes) -> Result<Answer, Failure> {
    let request_id = text(headers, "request-id").map(str::to_owned);
    let replayed = text(headers, "idempotent-replayed") == Some("true");
    if (200..300).contains(&status) {
        return Ok(Answer { status, body, request_id, replayed });
    }
    // A proxy in between answers in HTML; its status is what there is to know.
    let refusal = serde_json::from_slice(&body).map(|Envelope { error }| error).unwrap_or_default();
    let kind_word = refusal.kind.unwrap_or_default();
    let reused = kind_word == "idempotency_error" && status != 409;
    // What a key remembers, it answers for a day: to ask again takes another, also after a refusal that is out of date.
    let key_spent = reused || (replayed && status >= 400);
    let code = refusal.code.or(Some(kind_word).filter(|kind| !kind.is_empty()));
    let elsewhere = refusal.message.as_ref().is_some_and(|said| said.contains("a similar object exists in"));
    let code = code.map(|code| if elsewhere { OTHER_MODE.to_owned() } else { code });
    let code = code.unwrap_or_else(|| format!("http_{status}"));
    let transient = matches!(status, 408 | 409 | 424 | 429 | 500..) || TRANSIENT.contains(&code.as_str());
    let told = text(headers, "stripe-should-retry").and_then(|told| told.parse::<bool>().ok());
    let kind = match status {
        _ if transient || key_spent || told == Some(true) || status < 400 => StripeErrorKind::Unknown,
        401 => StripeErrorKind::Unauthorized,
        403 => StripeErrorKind::Permission,
        _ => StripeErrorKind::Rejected,
    };
    let error = StripeError {
        kind,
        status: Some(status),
        code,
        message: refusal.message.unwrap_or_else(|| format!("Stripe answered with status {status}")),
        request_id,
        retry_after: text(headers, "retry-after").and_then(|wait| wait.parse().ok()).map(Duration::from_secs),
        key_spent,
    };
    Err(Failure { error, retriable: told.unwrap_or(transient) && !key_spent })
}

fn text<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    headers.get(name).and_then(|value| value.to_str().ok())
}
