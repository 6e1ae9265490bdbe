//! Requests that may be repeated: the caller's key, and the answer saved under it.

use jiff::Timestamp;
use serde::Serialize;

use super::app::App;
use super::error::{Cause, ServiceError};
use crate::store::{Change, Changed, SavedAnswer};

/// The key under which an answer is saved, bound to the caller and to the request.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct IdempotencyKey {
    /// Who asks: a digest of the customer, or the id of the API key; never a token.
    pub caller: String,
    /// The `Idempotency-Key` header: 1 to 255 visible ASCII characters.
    pub key: String,
    /// SHA-256 over method, path and body.
    pub fingerprint: [u8; 32],
}

impl IdempotencyKey {
    /// The answer to save, in the same write as the work it answers for.
    pub(super) fn save(&self, status: u16, body: String, now: Timestamp) -> SavedAnswer {
        SavedAnswer {
            caller: self.caller.clone(),
            key: self.key.clone(),
            fingerprint: self.fingerprint,
            status,
            body,
            created_at: now,
        }
    }
}

/// The status under which is saved, instead of a document, why a subscription could not take something.
pub(super) const CANNOT: u16 = 409;

/// What a use case answers: a status and a JSON document, made now or saved earlier.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reply {
    /// The HTTP status: 200, 201 or 202.
    pub status: u16,
    /// The JSON document.
    pub body: String,
    /// Whether it was saved by an earlier request with the same key.
    pub replayed: bool,
}

/// The answer saved under `key`, if there is one.
pub(super) async fn saved_reply(
    app: &App,
    key: Option<&IdempotencyKey>,
) -> Result<Option<Reply>, ServiceError> {
    let Some(wanted) = key else { return Ok(None) };
    match app.store.saved_answer(&wanted.caller, &wanted.key).await? {
        Some(answer) => matching(key, answer).map(Some),
        None => Ok(None),
    }
}

/// The saved answer as a reply, if it was given to the same request.
pub(super) fn matching(key: Option<&IdempotencyKey>, answer: SavedAnswer) -> Result<Reply, ServiceError> {
    match key {
        Some(key) if key.fingerprint == answer.fingerprint && answer.status == CANNOT => {
            let cannot = serde_json::from_str(&answer.body);
            Err(cannot.map_or_else(|error| ServiceError::Internal(Cause::new(error)), ServiceError::Cannot))
        }
        Some(key) if key.fingerprint == answer.fingerprint => {
            Ok(Reply { status: answer.status, body: answer.body, replayed: true })
        }
        _ => Err(ServiceError::KeyReused),
    }
}

/// Does something once per key: a repeated request gets the saved answer. For work that is safe to repeat by its own
/// nature, since the answer is saved after it, not with it.
///
/// # Errors
/// Those of the work; a key that was used with another request.
pub async fn once<T: Serialize>(
    app: &App,
    key: Option<&IdempotencyKey>,
    status: u16,
    work: impl Future<Output = Result<T, ServiceError>>,
) -> Result<Reply, ServiceError> {
    let written = async {
        serde_json::to_string(&work.await?).map_err(|error| ServiceError::Internal(Cause::new(error)))
    };
    once_written(app, key, status, written).await
}

/// The same for work that writes its JSON document itself.
///
/// # Errors
/// Those of the work; a key that was used with another request.
pub async fn once_written(
    app: &App,
    key: Option<&IdempotencyKey>,
    status: u16,
    work: impl Future<Output = Result<String, ServiceError>>,
) -> Result<Reply, ServiceError> {
    if let Some(reply) = saved_reply(app, key).await? {
        return Ok(reply);
    }
    let body = work.await?;
    if let Some(wanted) = key {
        let now = app.clock.now();
        let change = Change { saved: Some(wanted.save(status, body.clone(), now)), ..Change::new(now) };
        if let Changed::Replayed(answer) = app.store.change(change).await? {
            return matching(key, answer);
        }
    }
    Ok(Reply { status, body, replayed: false })
}
