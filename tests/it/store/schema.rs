use counteroffer::store::{Store, StoreError, StoreOptions, migrate, revert_all};
use diesel::connection::{Connection, SimpleConnection};
use futures_util::future::join_all;

use crate::support::database::{Database, empty_databases, empty_postgres, sqlite};

fn execute(database: &Database, sql: &str) {
    let done = match database.url().strip_prefix("sqlite:") {
        Some(path) => diesel::SqliteConnection::establish(path).unwrap().batch_execute(sql),
        None => diesel::PgConnection::establish(database.url()).unwrap().batch_execute(sql),
    };
    done.unwrap();
}

#[tokio::test]
async fn migrations_go_up_down_and_up_again() {
    for database in empty_databases() {
        let url = database.parsed_url();
        let options = StoreOptions::new(url.clone());
        let behind = Store::open(options.clone()).await.unwrap_err();
        assert!(matches!(behind, StoreError::SchemaBehind { .. }), "{}: {behind}", database.name);
        let up = migrate(&url).await.unwrap();
        assert!(!up.is_empty());
        assert_eq!(migrate(&url).await.unwrap(), Vec::<String>::new());
        let mut down = revert_all(&url).await.unwrap();
        down.reverse();
        assert_eq!(down, up, "{}", database.name);
        assert_eq!(migrate(&url).await.unwrap(), up);
        let store = Store::open(options.clone()).await.unwrap();
        store.ping().await.unwrap();
        store.close().await;
        execute(&database, "INSERT INTO __diesel_schema_migrations (version) VALUES ('99990101000000')");
        let ahead = Store::open(options).await.unwrap_err();
        assert!(matches!(ahead, StoreError::SchemaAhead { .. }), "{}: {ahead}", database.name);
    }
}

#[tokio::test]
async fn processes_that_start_together_migrate_once() {
    let Some(database) = empty_postgres() else { return };
    let url = database.parsed_url();
    let applied = join_all((0..4).map(|_| migrate(&url))).await;
    let busy = applied.into_iter().filter(|applied| !applied.as_ref().unwrap().is_empty()).count();
    assert_eq!(busy, 1);
}

#[tokio::test]
async fn a_sqlite_file_serves_one_process() {
    let database = sqlite();
    let store = database.store().await;
    let second = Store::open(StoreOptions::new(database.parsed_url())).await.unwrap_err();
    assert!(matches!(second, StoreError::InUse(_)), "{second}");
    assert!(second.to_string().contains("another process is using sqlite:"), "{second}");
    assert!(matches!(migrate(&database.parsed_url()).await, Err(StoreError::InUse(_))));
    store.close().await;
    database.store().await.close().await;
}
