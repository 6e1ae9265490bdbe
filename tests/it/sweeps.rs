//! Sweeps: two processes that sweep at the same time do everything once, and what was begun before evidence had a time to
//! be looked at gets one.

use std::collections::BTreeMap;

use counteroffer::boot;
use counteroffer::services::evidence::retention;
use counteroffer::services::{App, worker};
use counteroffer::store::{Inspection, Stored};
use diesel::prelude::*;
use diesel::sql_types::{BigInt, Nullable, Text};
use diesel_migrations::{FileBasedMigrations, MigrationHarness};
use futures_util::future::join;
use jiff::SignedDuration;
use serde_json::json;

use crate::jurisdictions::living_in;
use crate::support::app::{Answer, TestApp, on_every_database};
use crate::support::database::{Database, databases};

/// Evidence for two years in Switzerland, a while past the end of the contract in California, as long as the session
/// elsewhere.
const FLOW: &str = "
key: default
reasons: [{key: price, label: {en: Price}, stripe_feedback: too_expensive}]
offers: {gift: {type: credit, terms: {amount: 1500, currency: usd}}}
rules: [{otherwise: true, present: [gift]}]
policy:
  budgets: [{offer_types: [credit], per: month, amount: 900000, currency: usd, reserve: presented}]
  jurisdictions:
    places:
      US-CA: california
      CH: {key: two-years, version: 1, retention: {years: 2}}
";
const DAY: SignedDuration = SignedDuration::from_hours(24);

/// Another process on the same database; on SQLite, whose file is one process's, another sweep in the same one.
async fn neighbour(test: &TestApp) -> App {
    match test.database.name {
        "postgres" => boot::app(&test.config, test.clock.clone()).await.unwrap(),
        _ => test.app.clone(),
    }
}

async fn leave(test: &TestApp, app: App) {
    if test.database.name == "postgres" {
        app.store.close().await;
    }
}

async fn begin(test: &TestApp, country: &str, state: &str) -> Answer {
    test.begin(&living_in(test, country, state), None).await.expect(201)
}

async fn kept(test: &TestApp, country: &str, state: &str) -> Answer {
    let who = living_in(test, country, state);
    let session = test.begin(&who, None).await.expect(201);
    test.act(&who, &session, "keep", json!({})).await.expect(200);
    session
}

async fn stored(test: &TestApp, session: &Answer) -> Stored {
    test.app.store.session(session.text_at("/id").parse().unwrap()).await.unwrap().unwrap()
}

async fn spent(test: &TestApp) -> i64 {
    let budgets = Inspection::of(&test.database.parsed_url(), |inspection| inspection.budgets()).await;
    budgets.unwrap().iter().map(|(_, spent)| spent).sum()
}

#[tokio::test]
async fn two_that_sweep_at_once_abandon_each_session_once() {
    on_every_database(async |test| {
        test.publish(FLOW).await;
        let mut open = Vec::new();
        for _ in 0..20 {
            open.push(begin(&test, "JP", "").await);
        }
        assert_eq!(spent(&test).await, 20 * 1_500);
        let other = neighbour(&test).await;
        test.advance(DAY * 5);
        let (here, there) = join(worker::sweep(&test.app), worker::sweep(&other)).await;
        assert_eq!(here.unwrap() + there.unwrap(), 20);
        assert_eq!(spent(&test).await, 0, "what was set aside is given back once");
        for session in &open {
            let Stored { session, version } = stored(&test, session).await;
            assert_eq!((session.status().as_str(), version), ("abandoned", 2));
        }
        let (here, there) = join(worker::sweep(&test.app), worker::sweep(&other)).await;
        assert_eq!((here.unwrap(), there.unwrap()), (0, 0));
        leave(&test, other).await;
        test
    })
    .await;
}

#[tokio::test]
async fn two_that_sweep_at_once_delete_each_evidence_once() {
    on_every_database(async |test| {
        test.publish(FLOW).await;
        let (mut over, mut going_on) = (Vec::new(), Vec::new());
        for _ in 0..20 {
            over.push(kept(&test, "CH", "").await);
            going_on.push(kept(&test, "US", "CA").await);
        }
        let other = neighbour(&test).await;
        test.clock.advance(DAY * 365 * 4);
        let (here, there) = join(retention::sweep(&test.app), retention::sweep(&other)).await;
        assert_eq!(here.unwrap() + there.unwrap(), 20);
        for session in &over {
            let Stored { session, version } = stored(&test, session).await;
            assert!(session.evidence.deleted_at().is_some() && session.evidence.is_sound());
            assert_eq!(version, 3, "begun, kept, and its evidence deleted once");
        }
        for session in &going_on {
            let Stored { session, version } = stored(&test, session).await;
            assert!(session.evidence.deleted_at().is_none(), "that contract goes on");
            assert_eq!(version, 2);
        }
        let trail = test.app.store.audit_trail(None, 200).await.unwrap();
        let mut deleted: Vec<_> =
            trail.iter().filter(|entry| entry.line.action == "evidence.delete").collect();
        deleted.sort_by_key(|entry| entry.line.detail.clone());
        let mut ids: Vec<_> = over.iter().map(|session| session.text_at("/id")).collect();
        ids.sort_unstable();
        assert_eq!(deleted.iter().map(|entry| entry.line.detail.as_str()).collect::<Vec<_>>(), ids);
        let (here, there) = join(worker::sweep(&test.app), worker::sweep(&other)).await;
        assert_eq!((here.unwrap(), there.unwrap()), (0, 0));
        leave(&test, other).await;
        test
    })
    .await;
}

#[derive(QueryableByName)]
struct Due {
    #[diesel(sql_type = Text)]
    id: String,
    #[diesel(sql_type = BigInt)]
    created_at: i64,
    #[diesel(sql_type = Nullable<BigInt>)]
    evidence_until: Option<i64>,
}

/// When each session began and when its evidence is to be looked at, in microseconds, by id.
fn due(database: &Database) -> BTreeMap<String, (i64, Option<i64>)> {
    let query = diesel::sql_query("SELECT id, created_at, evidence_until FROM sessions");
    let rows: Vec<Due> = match database.url().strip_prefix("sqlite:") {
        Some(path) => query.load(&mut SqliteConnection::establish(path).unwrap()),
        None => query.load(&mut PgConnection::establish(database.url()).unwrap()),
    }
    .unwrap();
    rows.into_iter().map(|row| (row.id, (row.created_at, row.evidence_until))).collect()
}

/// Takes migrations back, the newest first, up to and with this one.
fn revert_to_before(database: &Database, version: &str) {
    fn revert<DB: diesel::backend::Backend>(on: &mut impl MigrationHarness<DB>, folder: &str, version: &str)
    where
        FileBasedMigrations: diesel::migration::MigrationSource<DB>,
    {
        let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("migrations").join(folder);
        let source = FileBasedMigrations::from_path(folder).unwrap();
        while on.revert_last_migration(source.clone()).unwrap().to_string() != version {}
    }
    match database.url().strip_prefix("sqlite:") {
        Some(path) => revert(&mut SqliteConnection::establish(path).unwrap(), "sqlite", version),
        None => revert(&mut PgConnection::establish(database.url()).unwrap(), "postgres", version),
    }
}

#[tokio::test]
async fn sessions_from_before_evidence_had_a_time_are_looked_at_soon() {
    for database in databases() {
        let test = TestApp::start(database).await;
        test.publish(FLOW).await;
        let id = |session: &Answer| session.text_at("/id").to_owned();
        let deleted = id(&kept(&test, "CH", "").await);
        test.clock.advance(DAY * 800);
        assert_eq!(retention::sweep(&test.app).await.unwrap(), 1);
        let [short, long, open, without] = [
            id(&kept(&test, "CH", "").await),
            id(&kept(&test, "US", "CA").await),
            id(&begin(&test, "CH", "").await),
            id(&kept(&test, "JP", "").await),
        ];
        let now = test.clock.now().checked_add(SignedDuration::from_hours(1)).unwrap();
        let (database, sandbox) = test.close().await;
        sandbox.stop().await;
        let before = due(&database);

        revert_to_before(&database, "20261126150600");
        counteroffer::store::migrate(&database.parsed_url()).await.unwrap();
        let after = due(&database);
        assert_eq!(after.keys().collect::<Vec<_>>(), before.keys().collect::<Vec<_>>(), "{}", database.name);
        for id in [&deleted, &short, &long, &open] {
            assert_eq!(after[id].1, Some(before[id].0), "looked at from its begin on");
        }
        assert_eq!(after[&without].1, None, "no rule says how long");

        let test = TestApp::start_at(database, now, &[]).await;
        assert_eq!(retention::sweep(&test.app).await.unwrap(), 0);
        let swept = due(&test.database);
        assert_eq!(swept[&short], before[&short], "the time that it would have had");
        assert!(swept[&long].1 > Some(now.as_microsecond()));
        assert_eq!(swept[&open].1, after[&open].1, "not before it has an outcome");
        assert_eq!((swept[&deleted].1, swept[&without].1), (None, None));
        test.finish().await;
    }
}
