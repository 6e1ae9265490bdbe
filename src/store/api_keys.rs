//! API keys: who they stand for and a hash of each; never the key.

use diesel::prelude::*;
use jiff::Timestamp;

use super::Store;
use super::error::{Failure, StoreError, malformed};
use super::schema::api_keys::{self, dsl};
use super::text::{parsed, whole};
use super::time::{instant, micros};
use crate::domain::ids::ApiKeyId;

/// An API key as stored.
#[derive(Clone, PartialEq, Eq)]
pub struct ApiKeyRecord {
    /// Its id.
    pub id: ApiKeyId,
    /// What it is for.
    pub name: String,
    /// What it may do: `server`, `analyst`, `operator`, `admin`.
    pub role: String,
    /// SHA-256 of the key.
    pub hash: [u8; 32],
    /// How the key begins, to tell keys apart.
    pub prefix: String,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it was last used, as far as that was noted.
    pub last_used_at: Option<Timestamp>,
    /// When it was revoked.
    pub revoked_at: Option<Timestamp>,
}

/// Silent about the hash.
impl std::fmt::Debug for ApiKeyRecord {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ApiKeyRecord")
            .field("id", &self.id)
            .field("role", &self.role)
            .field("revoked_at", &self.revoked_at)
            .finish_non_exhaustive()
    }
}

#[derive(Queryable, Selectable, Insertable)]
#[diesel(table_name = api_keys, treat_none_as_default_value = false)]
struct ApiKeyRow {
    id: String,
    name: String,
    role: String,
    hash: Vec<u8>,
    prefix: String,
    created_at: i64,
    last_used_at: Option<i64>,
    revoked_at: Option<i64>,
}

impl ApiKeyRow {
    fn read(self) -> Result<ApiKeyRecord, Failure> {
        let at = |place, micros: Option<i64>| micros.map(|micros| instant(place, micros)).transpose();
        Ok(ApiKeyRecord {
            id: parsed("api_keys.id", &self.id)?,
            name: self.name,
            role: self.role,
            hash: self.hash.try_into().map_err(|_| malformed("api_keys.hash"))?,
            prefix: self.prefix,
            created_at: instant("api_keys.created_at", self.created_at)?,
            last_used_at: at("api_keys.last_used_at", self.last_used_at)?,
            revoked_at: at("api_keys.revoked_at", self.revoked_at)?,
        })
    }
}

impl Store {
    /// Stores a new key.
    ///
    /// # Errors
    /// When it cannot be written, or there is one with the same id or hash.
    pub async fn insert_api_key(&self, key: ApiKeyRecord) -> Result<(), StoreError> {
        let row = ApiKeyRow {
            id: key.id.to_string(),
            name: whole("the key's name", key.name)?,
            role: whole("the key's role", key.role)?,
            hash: key.hash.to_vec(),
            prefix: whole("the key's prefix", key.prefix)?,
            created_at: micros(key.created_at),
            last_used_at: key.last_used_at.map(micros),
            revoked_at: key.revoked_at.map(micros),
        };
        self.write(move |connection| {
            diesel::insert_into(dsl::api_keys).values(&row).execute(connection)?;
            Ok(())
        })
        .await
    }

    /// The key with this hash, revoked or not.
    ///
    /// # Errors
    /// When the database cannot be asked.
    pub async fn api_key_by_hash(&self, hash: [u8; 32]) -> Result<Option<ApiKeyRecord>, StoreError> {
        self.read(move |connection| {
            let query = dsl::api_keys.filter(dsl::hash.eq(hash.as_slice())).select(ApiKeyRow::as_select());
            let row: Option<ApiKeyRow> = query.first(connection).optional()?;
            row.map(ApiKeyRow::read).transpose()
        })
        .await
    }

    /// Every key, the oldest first.
    ///
    /// # Errors
    /// When the database cannot be asked.
    pub async fn api_keys(&self) -> Result<Vec<ApiKeyRecord>, StoreError> {
        self.read(|connection| {
            let query = dsl::api_keys.order(dsl::id).select(ApiKeyRow::as_select());
            query.load(connection)?.into_iter().map(ApiKeyRow::read).collect()
        })
        .await
    }

    /// Revokes a key; says whether there was one to revoke.
    ///
    /// # Errors
    /// When it cannot be written.
    pub async fn revoke_api_key(&self, id: ApiKeyId, now: Timestamp) -> Result<bool, StoreError> {
        self.write(move |connection| {
            let target = dsl::api_keys.find(id.to_string()).filter(dsl::revoked_at.is_null());
            let update = diesel::update(target).set(dsl::revoked_at.eq(micros(now)));
            Ok(update.execute(connection)? == 1)
        })
        .await
    }

    /// Notes that a key was used.
    ///
    /// # Errors
    /// When it cannot be written.
    pub async fn note_api_key_used(&self, id: ApiKeyId, now: Timestamp) -> Result<(), StoreError> {
        self.write(move |connection| {
            let update = diesel::update(dsl::api_keys.find(id.to_string()));
            update.set(dsl::last_used_at.eq(micros(now))).execute(connection)?;
            Ok(())
        })
        .await
    }
}
