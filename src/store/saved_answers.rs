//! Answers saved under a caller's idempotency key, written in the transaction of the command they answer.

use std::collections::HashSet;

use diesel::prelude::*;
use diesel::sql_types::{BigInt, Binary, Integer, Text};
use jiff::Timestamp;

use super::Store;
use super::connection::{Link, each};
use super::error::{Failure, StoreError, malformed};
use super::schema::idempotency_keys::{self, dsl};
use super::statement::{many_rows, one_row};
use super::text::whole;
use super::time::{instant, micros};

/// An answer saved under a caller's idempotency key.
#[derive(Clone, PartialEq, Eq)]
pub struct SavedAnswer {
    /// Who asked: a digest of the customer, or the id of an API key.
    pub caller: String,
    /// The key.
    pub key: String,
    /// SHA-256 over method, path and body of the request.
    pub fingerprint: [u8; 32],
    /// The HTTP status.
    pub status: u16,
    /// The JSON document.
    pub body: String,
    /// When it was answered.
    pub created_at: Timestamp,
}

/// Silent about the answer and the key, which may tell of a person.
impl std::fmt::Debug for SavedAnswer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SavedAnswer").field("status", &self.status).finish_non_exhaustive()
    }
}

#[derive(Queryable, Selectable)]
#[diesel(table_name = idempotency_keys)]
pub(super) struct SavedRow {
    pub(super) caller: String,
    pub(super) key: String,
    fingerprint: Vec<u8>,
    status: i32,
    body: String,
    created_at: i64,
}

one_row!(InsertAnswer(SavedRow) =
    "INSERT INTO idempotency_keys (caller, key, fingerprint, status, body, created_at) VALUES (" caller: Text,
    ", " key: Text, ", " fingerprint: Binary, ", " status: Integer, ", " body: Text, ", " created_at: BigInt;
    ") ON CONFLICT DO NOTHING");

many_rows!(pub(super) InsertAnswers(SavedRow) =
    "INSERT INTO idempotency_keys (caller, key, fingerprint, status, body, created_at) SELECT * FROM unnest("
    [caller: String => Text, key: String => Text, fingerprint: Vec<u8> => Binary, status: i32 => Integer,
     body: String => Text, created_at: i64 => BigInt]
    ") ON CONFLICT DO NOTHING RETURNING caller, key" returning (Text, Text));

one_row!(OverwriteAnswer(SavedRow) =
    "UPDATE idempotency_keys SET status = " status: Integer, ", body = " body: Text,
    " WHERE caller = " caller: Text, " AND key = " key: Text, " AND fingerprint = " fingerprint: Binary; "");

many_rows!(pub(super) OverwriteAnswers(SavedRow) =
    "UPDATE idempotency_keys AS k SET status = r.status, body = r.body FROM unnest("
    [caller: String => Text, key: String => Text, fingerprint: Vec<u8> => Binary, status: i32 => Integer,
     body: String => Text]
    ") AS r (caller, key, fingerprint, status, body) \
     WHERE k.caller = r.caller AND k.key = r.key AND k.fingerprint = r.fingerprint" returning Text);

/// What each saved answer is told apart by.
pub(super) type CallerKey = (String, String);

impl SavedRow {
    pub(super) fn new(answer: SavedAnswer) -> Result<Self, StoreError> {
        Ok(Self {
            caller: whole("the caller", answer.caller)?,
            key: whole("the idempotency key", answer.key)?,
            fingerprint: answer.fingerprint.to_vec(),
            status: i32::from(answer.status),
            body: whole("the saved answer", answer.body)?,
            created_at: micros(answer.created_at),
        })
    }

    pub(super) fn id(&self) -> CallerKey {
        (self.caller.clone(), self.key.clone())
    }

    fn read(self) -> Result<SavedAnswer, Failure> {
        Ok(SavedAnswer {
            caller: self.caller,
            key: self.key,
            fingerprint: self
                .fingerprint
                .try_into()
                .map_err(|_| malformed("idempotency_keys.fingerprint"))?,
            status: u16::try_from(self.status).map_err(|_| malformed("idempotency_keys.status"))?,
            body: self.body,
            created_at: instant("idempotency_keys.created_at", self.created_at)?,
        })
    }
}

/// Saves answers; those whose key was free.
pub(super) fn insert(connection: &mut Link, rows: &mut [&SavedRow]) -> QueryResult<HashSet<CallerKey>> {
    // Everybody takes keys in one order, so that nobody waits in a ring.
    rows.sort_by(|a, b| (&a.caller, &a.key).cmp(&(&b.caller, &b.key)));
    if let (Link::Postgres(pg), [_, _, ..]) = (&mut *connection, &*rows) {
        return Ok(InsertAnswers::new(rows).load(pg)?.into_iter().collect());
    }
    let mut inserted = HashSet::new();
    for row in rows {
        if each!(connection, |c| InsertAnswer(row).execute(c))? == 1 {
            inserted.insert(row.id());
        }
    }
    Ok(inserted)
}

/// Overwrites the answer saved under the same key for the same request.
pub(super) fn overwrite(connection: &mut Link, row: &SavedRow) -> QueryResult<usize> {
    each!(connection, |c| OverwriteAnswer(row).execute(c))
}

pub(super) fn delete(connection: &mut Link, row: &SavedRow) -> QueryResult<usize> {
    diesel::delete(dsl::idempotency_keys.find((&row.caller, &row.key))).execute(connection)
}

/// The answer saved under a key.
pub(super) fn find(connection: &mut Link, caller: &str, key: &str) -> Result<Option<SavedAnswer>, Failure> {
    let found: Option<SavedRow> = dsl::idempotency_keys
        .find((caller, key))
        .select(SavedRow::as_select())
        .first(connection)
        .optional()?;
    found.map(SavedRow::read).transpose()
}

impl Store {
    /// The answer saved under a caller's key.
    ///
    /// # Errors
    /// When the database cannot be asked.
    pub async fn saved_answer(&self, caller: &str, key: &str) -> Result<Option<SavedAnswer>, StoreError> {
        let (caller, key) = (whole("the caller", caller.into())?, whole("the idempotency key", key.into())?);
        self.read(move |connection| find(connection, &caller, &key)).await
    }

    /// Saves an answer by itself; the one already saved under the key, if there is one.
    ///
    /// # Errors
    /// When it cannot be written.
    pub async fn save_answer(&self, answer: SavedAnswer) -> Result<Option<SavedAnswer>, StoreError> {
        let row = SavedRow::new(answer)?;
        self.write(move |connection| {
            if insert(connection, &mut [&row])?.is_empty() {
                find(connection, &row.caller, &row.key)
            } else {
                Ok(None)
            }
        })
        .await
    }

    /// Forgets answers saved before `before`; how many.
    ///
    /// # Errors
    /// When it cannot be written.
    pub async fn purge_saved_answers(&self, before: Timestamp) -> Result<usize, StoreError> {
        let before = micros(before);
        self.write(move |connection| {
            let old = dsl::idempotency_keys.filter(dsl::created_at.lt(before));
            Ok(diesel::delete(old).execute(connection)?)
        })
        .await
    }
}
