//! The `Idempotency-Key` header: bound to caller and request, and never running twice at once in this process.

use std::collections::HashSet;
use std::future::{Ready, ready};
use std::sync::{Arc, Mutex, PoisonError};

use actix_web::dev::Payload;
use actix_web::http::header::{HeaderName, HeaderValue};
use actix_web::web::Data;
use actix_web::{FromRequest, HttpMessage, HttpRequest, HttpResponse};
use sha2::{Digest, Sha256};

use crate::services::error::ServiceError;
use crate::services::idempotency::{IdempotencyKey, Reply};

use super::Shell;
use super::auth::Identity;
use super::edge::buffer::BodyBytes;
use super::problem::Problem;

const HEADER: HeaderName = HeaderName::from_static("idempotency-key");
const REPLAYED: HeaderName = HeaderName::from_static("idempotent-replayed");
/// The longest key, in bytes.
const MAX: usize = 255;

/// The keys whose first request still runs in this process.
#[derive(Clone, Debug, Default)]
pub struct Running(Arc<Mutex<HashSet<(String, String)>>>);

impl Running {
    fn enter(&self, key: &IdempotencyKey) -> Option<Claim> {
        let name = (key.caller.clone(), key.key.clone());
        let fresh = self.0.lock().unwrap_or_else(PoisonError::into_inner).insert(name.clone());
        fresh.then(|| Claim { running: self.clone(), name })
    }
}

/// Holds a key until the request is over, however it ends.
#[derive(Debug)]
struct Claim {
    running: Running,
    name: (String, String),
}

impl Drop for Claim {
    fn drop(&mut self) {
        self.running.0.lock().unwrap_or_else(PoisonError::into_inner).remove(&self.name);
    }
}

/// The request's key, if the caller sent one. Keep it until the answer is known: another request with the same key
/// gets 409 until it is dropped.
#[derive(Debug)]
pub struct Idempotency {
    key: Option<IdempotencyKey>,
    _claim: Option<Claim>,
}

impl Idempotency {
    /// The key, for the use case to save its answer under.
    #[must_use]
    pub fn key(&self) -> Option<&IdempotencyKey> {
        self.key.as_ref()
    }
}

impl FromRequest for Idempotency {
    type Error = Problem;
    type Future = Ready<Result<Self, Problem>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        ready(extract(request))
    }
}

fn extract(request: &HttpRequest) -> Result<Idempotency, Problem> {
    let mut values = request.headers().get_all(HEADER);
    let Some(value) = values.next() else {
        return Ok(Idempotency { key: None, _claim: None });
    };
    let good = value.to_str().ok().filter(|text| {
        values.next().is_none()
            && (1..=MAX).contains(&text.len())
            && text.bytes().all(|b| b.is_ascii_graphic())
    });
    let text = good.ok_or_else(|| {
        let detail = format!("Send one Idempotency-Key of 1 to {MAX} visible ASCII characters.");
        Problem::new(actix_web::http::StatusCode::BAD_REQUEST, "invalid_idempotency_key", detail)
    })?;
    let extensions = request.extensions();
    let Some(Identity::Known(caller)) = extensions.get::<Identity>() else {
        return Err(Problem::unauthorized());
    };
    let body = extensions.get::<BodyBytes>().cloned().unwrap_or_default();
    let key = IdempotencyKey {
        caller: caller.pseudonym(),
        key: text.to_owned(),
        fingerprint: fingerprint(request.method().as_str(), &request.uri().to_string(), &body.0),
    };
    let shell =
        request.app_data::<Data<Shell>>().ok_or_else(|| Problem::internal(&"the shell is not installed"))?;
    let claim = shell.running.enter(&key).ok_or(ServiceError::KeyRunning)?;
    Ok(Idempotency { key: Some(key), _claim: Some(claim) })
}

/// SHA-256 over method, path with query, and body, each with its length so that none can pass for another's part.
fn fingerprint(method: &str, path: &str, body: &[u8]) -> [u8; 32] {
    let mut hasher = Sha256::new();
    for part in [method.as_bytes(), path.as_bytes(), body] {
        hasher.update(part.len().to_be_bytes());
        hasher.update(part);
    }
    hasher.finalize().into()
}

/// The answer of a use case as HTTP; `Idempotent-Replayed: true` marks one saved by an earlier request.
#[must_use]
pub fn answer(reply: Reply) -> HttpResponse {
    let status =
        actix_web::http::StatusCode::from_u16(reply.status).unwrap_or(actix_web::http::StatusCode::OK);
    let mut response = HttpResponse::build(status);
    if reply.replayed {
        response.insert_header((REPLAYED, HeaderValue::from_static("true")));
    }
    response.content_type("application/json").body(reply.body)
}
