//! One connection to either database, and the differences between them that queries need to know.

use std::fs::File;
use std::path::Path;
use std::sync::Arc;

use diesel::connection::SimpleConnection;
use diesel::pg::PgConnection;
use diesel::sqlite::SqliteConnection;
use diesel::{Connection as _, QueryResult};

use super::error::StoreError;
use super::url::{DatabaseUrl, Target};

/// A connection to either database.
#[derive(diesel::MultiConnection)]
pub(super) enum Link {
    /// PostgreSQL.
    Postgres(PgConnection),
    /// SQLite.
    Sqlite(SqliteConnection),
}

/// The backend of queries that are built before it is known which database runs them.
pub(super) type AnyBackend = <Link as diesel::Connection>::Backend;

/// Compiles a query for each backend: `each!(connection, |c| query.execute(c))`. For what diesel cannot say
/// for both at once: `on_conflict`, `returning`, statements of our own.
macro_rules! each {
    ($connection:expr, |$inner:ident| $body:expr) => {
        match $connection {
            $crate::store::connection::Link::Postgres($inner) => $body,
            $crate::store::connection::Link::Sqlite($inner) => $body,
        }
    };
}
pub(super) use each;

/// Durable with every commit; readers never wait for the writer. Waits for a checkpoint of a reader, not for ever.
const SQLITE_SETTINGS: &str = "PRAGMA busy_timeout = 5000; PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; \
                               PRAGMA foreign_keys = ON; PRAGMA temp_store = MEMORY;";

/// What a writer does, it does to rows by their keys. A plan made while a table was small would go through all of it, and
/// stay until the table is next analyzed, which a table that grows fast outruns. What has to go through a whole table
/// still does; compiling for it would cost more than it gains.
const POSTGRES_WRITER_SETTINGS: &str =
    "SET enable_seqscan = off; SET enable_hashjoin = off; SET enable_mergejoin = off; SET jit = off;";

/// How PostgreSQL is to plan what a connection asks.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Plans {
    /// As it finds best.
    Any,
    /// As a writer needs it.
    ByKey,
}

pub(super) fn establish(url: &DatabaseUrl, plans: Plans) -> Result<Link, StoreError> {
    match url.target() {
        Target::Sqlite(path) => {
            let path = path.to_str().ok_or(StoreError::Url)?;
            let mut connection = SqliteConnection::establish(path).map_err(StoreError::unavailable)?;
            connection.batch_execute(SQLITE_SETTINGS).map_err(StoreError::unavailable)?;
            Ok(Link::Sqlite(connection))
        }
        Target::Postgres(text) => {
            let mut connection = PgConnection::establish(text).map_err(StoreError::unavailable)?;
            if plans == Plans::ByKey {
                connection.batch_execute(POSTGRES_WRITER_SETTINGS).map_err(StoreError::unavailable)?;
            }
            Ok(Link::Postgres(connection))
        }
    }
}

/// Holds a SQLite file for this process until dropped.
pub(super) type FileLock = Option<Arc<Locked>>;

/// A lock that is given back for good: a child being started has the file open too, for a moment, and closing ours would
/// leave the lock with it.
pub(super) struct Locked(File);

impl Drop for Locked {
    fn drop(&mut self) {
        // What cannot be given back now goes with the last that has the file open.
        self.0.unlock().ok();
    }
}

/// Takes the SQLite file for this process; PostgreSQL serves many and needs none.
///
/// The lock is a file beside the database: locking the database itself would release SQLite's own locks on close.
pub(super) fn lock(url: &DatabaseUrl) -> Result<FileLock, StoreError> {
    let Target::Sqlite(path) = url.target() else {
        return Ok(None);
    };
    let file = open_lock(path).map_err(StoreError::unavailable)?;
    match file.try_lock() {
        Ok(()) => Ok(Some(Arc::new(Locked(file)))),
        Err(std::fs::TryLockError::WouldBlock) => Err(StoreError::InUse(url.to_string())),
        Err(std::fs::TryLockError::Error(error)) => Err(StoreError::unavailable(error)),
    }
}

fn open_lock(database: &Path) -> std::io::Result<File> {
    let mut name = database.as_os_str().to_owned();
    name.push("-lock");
    File::options().create(true).truncate(false).write(true).open(name)
}

impl Link {
    /// Begins a transaction that writes. SQLite takes its write lock at once: one taken later fails instead of waiting.
    pub(super) fn begin(&mut self) -> QueryResult<()> {
        match self {
            Self::Postgres(pg) => pg.batch_execute("BEGIN"),
            Self::Sqlite(sqlite) => sqlite.batch_execute("BEGIN IMMEDIATE"),
        }
    }

    pub(super) fn commit(&mut self) -> QueryResult<()> {
        each!(self, |c| c.batch_execute("COMMIT"))
    }

    pub(super) fn rollback(&mut self) -> QueryResult<()> {
        each!(self, |c| c.batch_execute("ROLLBACK"))
    }

    /// Whether the database still answers.
    pub(super) fn answers(&mut self) -> bool {
        each!(self, |c| c.batch_execute("SELECT 1")).is_ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_free_again_though_a_child_being_started_has_its_lock_open() {
        let folder = tempfile::tempdir().unwrap();
        let url: DatabaseUrl = format!("sqlite:{}", folder.path().join("a.db").display()).parse().unwrap();
        let held = lock(&url).unwrap().unwrap();
        assert!(matches!(lock(&url), Err(StoreError::InUse(_))));
        let of_a_child = held.0.try_clone().unwrap();
        drop(held);
        assert!(lock(&url).is_ok());
        drop(of_a_child);
    }
}
