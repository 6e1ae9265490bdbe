//! Recognises API keys, and remembers for a few seconds which are good.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use futures_util::future::BoxFuture;
use jiff::{SignedDuration, Timestamp};
use secrecy::SecretString;

use crate::services::caller::{Caller, KeyCaller};
use crate::services::error::Cause;
use crate::services::keys::{self, KeyHash, KnownKey};

use super::Identity;

/// How long an answer of the store is believed: the longest a revoked key keeps working.
const REMEMBERED: SignedDuration = SignedDuration::from_secs(2);
/// The most answers remembered.
const CAPACITY: usize = 4096;

/// Looks a key up in the store; `None` when it is unknown or revoked.
pub type FindKey = Box<dyn Fn(KeyHash) -> BoxFuture<'static, Result<Option<KnownKey>, Cause>> + Send + Sync>;

/// Recognises API keys.
pub struct ApiKeys {
    find: FindKey,
    remembered: Mutex<HashMap<KeyHash, (Timestamp, Option<KnownKey>)>>,
}

impl ApiKeys {
    /// With nothing remembered.
    #[must_use]
    pub fn new(find: FindKey) -> Self {
        Self { find, remembered: Mutex::new(HashMap::new()) }
    }

    /// What `key` is worth.
    pub(super) async fn identify(
        &self,
        key: &SecretString,
        now: Timestamp,
        may_look_up: impl FnOnce() -> bool,
    ) -> Identity {
        let Some(hash) = keys::hash(key) else {
            return Identity::Refused;
        };
        let known = match self.recall(&hash, now) {
            Some(known) => known,
            None if !may_look_up() => return Identity::Throttled,
            None => match (self.find)(hash).await {
                Ok(known) => {
                    self.remember(hash, known.clone(), now);
                    known
                }
                Err(cause) => {
                    tracing::error!(%cause, "an API key could not be looked up");
                    return Identity::Unavailable;
                }
            },
        };
        match known {
            Some(key) => Identity::Known(Caller::Key(KeyCaller { id: key.id, role: key.role })),
            None => Identity::Refused,
        }
    }

    fn recall(&self, hash: &KeyHash, now: Timestamp) -> Option<Option<KnownKey>> {
        let remembered = self.remembered.lock().unwrap_or_else(PoisonError::into_inner);
        let (at, known) = remembered.get(hash)?;
        (now.duration_since(*at).abs() < REMEMBERED).then(|| known.clone())
    }

    fn remember(&self, hash: KeyHash, known: Option<KnownKey>, now: Timestamp) {
        let mut remembered = self.remembered.lock().unwrap_or_else(PoisonError::into_inner);
        if remembered.len() >= CAPACITY {
            remembered.clear();
        }
        remembered.insert(hash, (now, known));
    }
}
