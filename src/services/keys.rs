//! API keys: how they look, what they may do, and how one is recognised.
//!
//! A key is shown once, when it is made. What is stored is its SHA-256: a key is 160 random bits, so there is
//! nothing to guess and no need for a slow hash.

use std::fmt;
use std::str::FromStr;

use jiff::Timestamp;
use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use strum::{IntoStaticStr, VariantArray};
use utoipa::ToSchema;

use super::error::{Cause, ServiceError};
use crate::domain::ids::ApiKeyId;
use crate::store::{ApiKeyRecord, Store, StoreError};

/// What every key starts with.
const PREFIX: &str = "co_";
/// Random bytes in a key.
const RANDOM: usize = 20;
/// Bytes of checksum in a key, so that a mistyped one is refused without asking the database.
const CHECK: usize = 4;
/// Characters of a key that are kept in clear, to tell keys apart.
const SHOWN: usize = 4;

/// What an API key may do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
#[derive(IntoStaticStr, VariantArray)]
#[strum(serialize_all = "snake_case")]
pub enum Role {
    /// The app's back end: pushes customers and begins sessions.
    Server,
    /// Reads sessions, explanations and numbers.
    Analyst,
    /// An analyst who also decides offers and repeats billing operations.
    Operator,
    /// Everything.
    Admin,
}

impl Role {
    /// The word on the wire and in the database.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        self.into()
    }

    /// Whether this role may do all that `needed` may: admin all, operator what an analyst may, server its own.
    #[must_use]
    pub fn includes(self, needed: Self) -> bool {
        match self {
            Self::Admin => true,
            Self::Operator => matches!(needed, Self::Operator | Self::Analyst),
            Self::Analyst | Self::Server => self == needed,
        }
    }
}

/// A text that is no role.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a role; there are: server, analyst, operator, admin")]
pub struct InvalidRole;

impl FromStr for Role {
    type Err = InvalidRole;

    fn from_str(text: &str) -> Result<Self, InvalidRole> {
        Self::VARIANTS.iter().copied().find(|role| role.as_str() == text).ok_or(InvalidRole)
    }
}

/// The SHA-256 of a key: what is stored and looked up.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct KeyHash([u8; 32]);

impl KeyHash {
    /// The digest.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }

    /// The digest in lower case hexadecimal.
    #[must_use]
    pub fn to_hex(&self) -> String {
        hex::encode(self.0)
    }
}

impl fmt::Debug for KeyHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("KeyHash(…)")
    }
}

/// What is known of a key that is in force.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KnownKey {
    /// Its id.
    pub id: ApiKeyId,
    /// What it may do.
    pub role: Role,
}

/// A key as it is listed: never the key itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ListedKey {
    /// Its id.
    pub id: ApiKeyId,
    /// What it is for.
    pub name: String,
    /// What it may do.
    pub role: Role,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it was revoked.
    pub revoked_at: Option<Timestamp>,
}

/// Makes and stores a key. The text is known only now.
///
/// # Errors
/// When the database cannot be reached.
pub async fn create(
    store: &Store,
    name: &str,
    role: Role,
    now: Timestamp,
) -> Result<(ApiKeyId, SecretString), StoreError> {
    let (key, hash) = generate();
    let id = ApiKeyId::generate(now);
    let prefix = key.expose_secret().chars().take(PREFIX.len() + SHOWN).collect();
    let record = ApiKeyRecord {
        id,
        name: name.to_owned(),
        role: role.as_str().to_owned(),
        hash: hash.0,
        prefix,
        created_at: now,
        last_used_at: None,
        revoked_at: None,
    };
    store.insert_api_key(record).await?;
    Ok((id, key))
}

/// Every key, the oldest first.
///
/// # Errors
/// When the database cannot be reached.
pub async fn list(store: &Store) -> Result<Vec<ListedKey>, ServiceError> {
    store.api_keys().await?.into_iter().map(listed).collect()
}

/// Revokes a key; every process refuses it within a few seconds. Says whether there was such a key in force.
///
/// # Errors
/// When the database cannot be reached.
pub async fn revoke(store: &Store, id: ApiKeyId, now: Timestamp) -> Result<bool, StoreError> {
    store.revoke_api_key(id, now).await
}

/// The key with this hash, if it is in force.
///
/// # Errors
/// When the database cannot be reached.
pub async fn find(store: &Store, hash: KeyHash) -> Result<Option<KnownKey>, Cause> {
    let record = store.api_key_by_hash(hash.0).await.map_err(Cause::new)?;
    let Some(record) = record.filter(|record| record.revoked_at.is_none()) else { return Ok(None) };
    let role = record.role.parse().map_err(|error: InvalidRole| Cause::new(error))?;
    Ok(Some(KnownKey { id: record.id, role }))
}

fn listed(record: ApiKeyRecord) -> Result<ListedKey, ServiceError> {
    let role = record.role.parse().map_err(|error: InvalidRole| ServiceError::Internal(Cause::new(error)))?;
    Ok(ListedKey {
        id: record.id,
        name: record.name,
        role,
        created_at: record.created_at,
        revoked_at: record.revoked_at,
    })
}

/// Makes a key: the text to show once, and the hash to store.
#[must_use]
pub fn generate() -> (SecretString, KeyHash) {
    let random: [u8; RANDOM] = rand::random();
    let body = hex::encode(random);
    let text = format!("{PREFIX}{body}{}", checksum(&body));
    let hash = digest(&text);
    (SecretString::from(text), hash)
}

/// The hash of `text` if it has the form of a key.
#[must_use]
pub fn hash(text: &SecretString) -> Option<KeyHash> {
    let text = text.expose_secret();
    let body = text.strip_prefix(PREFIX)?;
    let (random, check) = body.split_at_checked(RANDOM * 2)?;
    (check == checksum(random)).then(|| digest(text))
}

fn digest(text: &str) -> KeyHash {
    KeyHash(Sha256::digest(text).into())
}

fn checksum(body: &str) -> String {
    let digest: [u8; 32] = Sha256::digest(body).into();
    digest.iter().take(CHECK).map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_generated_key_is_recognised_and_a_mistyped_one_is_not() {
        let (key, stored) = generate();
        assert_eq!(hash(&key), Some(stored));
        let text = key.expose_secret();
        assert_eq!(text.len(), PREFIX.len() + (RANDOM + CHECK) * 2);
        let last = if text.ends_with('0') { "1" } else { "0" };
        let mistyped = SecretString::from(format!("{}{last}", &text[..text.len() - 1]));
        assert_eq!(hash(&mistyped), None);
        for text in ["", "co_", "sk_test", "co_é"] {
            assert_eq!(hash(&SecretString::from(text)), None);
        }
    }

    #[test]
    fn roles_include_what_they_should() {
        let allowed = |role: Role| {
            [Role::Server, Role::Analyst, Role::Operator, Role::Admin].map(|needed| role.includes(needed))
        };
        assert_eq!(allowed(Role::Server), [true, false, false, false]);
        assert_eq!(allowed(Role::Analyst), [false, true, false, false]);
        assert_eq!(allowed(Role::Operator), [false, true, true, false]);
        assert_eq!(allowed(Role::Admin), [true, true, true, true]);
    }
}
