//! What can go wrong in the store. Texts name tables and columns, never the values in them.

use std::fmt;

use diesel::result::DatabaseErrorKind;

/// Why the store did not do what was asked.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The queue is full; nothing was written.
    #[error("the database has more to do than it can take")]
    Busy,
    /// The database refuses this command, and only this one; nothing was written.
    #[error("the database refused: {0}")]
    Refused(StoreCause),
    /// A text holds what a database cannot keep; nothing was written.
    #[error("{0} contains a NUL character")]
    Invalid(&'static str),
    /// The URL names no database that we know.
    #[error("not a database URL: expected `sqlite:PATH` or `postgres://…`")]
    Url,
    /// Another process holds the SQLite file.
    #[error("another process is using {0}; SQLite serves one process, use PostgreSQL for several")]
    InUse(String),
    /// Migrations are missing.
    #[error("the database lacks {} migration(s), from {}; run `counteroffer migrate`", pending.len(), first(pending))]
    SchemaBehind {
        /// Their names, the oldest first.
        pending: Vec<String>,
    },
    /// The database was migrated by a newer version of the program.
    #[error("the database has {} migration(s) unknown to this version, from {}; use a newer version", unknown.len(), first(unknown))]
    SchemaAhead {
        /// Their names, the oldest first.
        unknown: Vec<String>,
    },
    /// The database cannot be reached. A command may or may not have been carried out.
    #[error("the database is unavailable: {0}")]
    Unavailable(StoreCause),
    /// What is stored cannot be read back.
    #[error("the database holds something unreadable: {0}")]
    Corrupt(StoreCause),
}

fn first(names: &[String]) -> &str {
    names.first().map_or("none", String::as_str)
}

/// What lies behind an error, for the log.
pub struct StoreCause(Box<dyn std::error::Error + Send + Sync>);

impl StoreCause {
    pub(super) fn new(cause: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Self {
        Self(cause.into())
    }
}
impl fmt::Display for StoreCause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}
impl fmt::Debug for StoreCause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}

impl StoreError {
    pub(super) fn unavailable(cause: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Self {
        Self::Unavailable(StoreCause::new(cause))
    }

    pub(super) fn corrupt(cause: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Self {
        Self::Corrupt(StoreCause::new(cause))
    }
}

/// Why work inside a transaction stops.
#[derive(Debug)]
pub(super) enum Failure {
    /// The database says no.
    Database(diesel::result::Error),
    /// What is stored cannot be read back.
    Corrupt(StoreCause),
    /// Another process got in between; the whole command may be tried again.
    Again,
}

impl Failure {
    /// Whether the same command may well succeed when tried again.
    pub(super) fn is_passing(&self) -> bool {
        match self {
            Self::Again => true,
            Self::Database(diesel::result::Error::DatabaseError(kind, information)) => {
                matches!(kind, DatabaseErrorKind::SerializationFailure)
                    || information.message().starts_with("deadlock detected")
            }
            _ => false,
        }
    }
}

impl From<diesel::result::Error> for Failure {
    fn from(error: diesel::result::Error) -> Self {
        Self::Database(error)
    }
}

impl From<Failure> for StoreError {
    fn from(failure: Failure) -> Self {
        match failure {
            Failure::Database(error) => Self::Refused(StoreCause::new(error)),
            Failure::Corrupt(cause) => Self::Corrupt(cause),
            Failure::Again => Self::Busy,
        }
    }
}

/// Something stored under `place` that does not read back. Where it stands in the document is told, its content not.
pub(super) fn unreadable(place: &'static str, error: &serde_json::Error) -> Failure {
    let (line, column) = (error.line(), error.column());
    Failure::Corrupt(StoreCause::new(format!("{place}, line {line} column {column}")))
}

/// Something stored under `place` that is not of its type.
pub(super) fn malformed(place: &'static str) -> Failure {
    Failure::Corrupt(StoreCause::new(place))
}
