//! The schema's history, embedded in the program.

use diesel::QueryResult;
use diesel::connection::SimpleConnection;
use diesel::migration::{Migration, MigrationSource, MigrationVersion};
use diesel_migrations::{EmbeddedMigrations, MigrationHarness, embed_migrations};

use super::connection::{Link, Plans, each, establish, lock};
use super::error::StoreError;
use super::url::DatabaseUrl;

const SQLITE: EmbeddedMigrations = embed_migrations!("migrations/sqlite");
const POSTGRES: EmbeddedMigrations = embed_migrations!("migrations/postgres");

/// Held while migrating, so that processes starting together do not migrate twice. An arbitrary number of our own.
const ADVISORY_LOCK: &str = "SELECT pg_advisory_lock(7205849306115432)";
const ADVISORY_UNLOCK: &str = "SELECT pg_advisory_unlock(7205849306115432)";

/// Brings the schema up to date; the names of the migrations that were applied, the oldest first.
///
/// # Errors
/// When the database cannot be reached or changed, or another process holds the SQLite file.
pub async fn migrate(url: &DatabaseUrl) -> Result<Vec<String>, StoreError> {
    in_background(url, |connection| match connection {
        Link::Postgres(pg) => names(pg.run_pending_migrations(POSTGRES)),
        Link::Sqlite(sqlite) => names(sqlite.run_pending_migrations(SQLITE)),
    })
    .await
}

/// Takes every migration back, and all data with them; their names, the newest first.
///
/// # Errors
/// As [`migrate`].
pub async fn revert_all(url: &DatabaseUrl) -> Result<Vec<String>, StoreError> {
    in_background(url, |connection| match connection {
        Link::Postgres(pg) => names(pg.revert_all_migrations(POSTGRES)),
        Link::Sqlite(sqlite) => names(sqlite.revert_all_migrations(SQLITE)),
    })
    .await
}

type Outcome<T> = Result<T, Box<dyn std::error::Error + Send + Sync>>;

fn names(applied: Outcome<Vec<MigrationVersion<'_>>>) -> Result<Vec<String>, StoreError> {
    let applied = applied.map_err(StoreError::unavailable)?;
    Ok(applied.iter().map(ToString::to_string).collect())
}

async fn in_background(
    url: &DatabaseUrl,
    work: fn(&mut Link) -> Result<Vec<String>, StoreError>,
) -> Result<Vec<String>, StoreError> {
    let url = url.clone();
    let task = move || {
        let _held = lock(&url)?;
        let mut connection = establish(&url, Plans::Any)?;
        advisory(&mut connection, ADVISORY_LOCK).map_err(StoreError::unavailable)?;
        let done = work(&mut connection);
        advisory(&mut connection, ADVISORY_UNLOCK).map_err(StoreError::unavailable)?;
        done
    };
    tokio::task::spawn_blocking(task).await.map_err(StoreError::unavailable)?
}

fn advisory(connection: &mut Link, statement: &str) -> QueryResult<()> {
    match connection {
        Link::Postgres(pg) => pg.batch_execute(statement),
        Link::Sqlite(_) => Ok(()),
    }
}

/// Refuses a schema that is not the one this program was built for.
pub(super) fn check(connection: &mut Link) -> Result<(), StoreError> {
    let known = known(connection).map_err(StoreError::corrupt)?;
    let applied =
        each!(connection, |c| c.applied_migrations().map(versions)).map_err(StoreError::unavailable)?;
    let missing = |from: &[String], of: &[String]| -> Vec<String> {
        let mut rest: Vec<_> = of.iter().filter(|name| !from.contains(name)).cloned().collect();
        rest.sort();
        rest
    };
    let unknown = missing(&known, &applied);
    if !unknown.is_empty() {
        return Err(StoreError::SchemaAhead { unknown });
    }
    let pending = missing(&applied, &known);
    if !pending.is_empty() {
        return Err(StoreError::SchemaBehind { pending });
    }
    Ok(())
}

fn known(connection: &Link) -> Outcome<Vec<String>> {
    fn list<DB: diesel::backend::Backend>(migrations: Vec<Box<dyn Migration<DB>>>) -> Vec<String> {
        migrations.iter().map(|m| m.name().version().to_string()).collect()
    }
    match connection {
        Link::Postgres(_) => MigrationSource::<diesel::pg::Pg>::migrations(&POSTGRES).map(list),
        Link::Sqlite(_) => MigrationSource::<diesel::sqlite::Sqlite>::migrations(&SQLITE).map(list),
    }
}

fn versions(applied: Vec<MigrationVersion<'_>>) -> Vec<String> {
    applied.iter().map(ToString::to_string).collect()
}
