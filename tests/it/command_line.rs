//! The real program, as a process of its own.

use reqwest::StatusCode;
use serde_json::Value;

use crate::support::client::client;
use crate::support::database::{databases, empty_databases, empty_sqlite, sqlite};
use crate::support::process::Program;

const FLOW: &str = "key: default
offers:
  off: {type: discount, terms: {percent_off: 10, duration: once}}
rules:
  - {otherwise: true, present: [off]}
";

/// A flow document in a file of its own.
fn file(name: &str, text: &str) -> (tempfile::TempDir, String) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join(name);
    std::fs::write(&path, text).unwrap();
    let path = path.display().to_string();
    (folder, path)
}

#[tokio::test]
async fn serve_wants_a_migrated_database_and_says_how() {
    for database in empty_databases() {
        let program = Program::on(database.url());
        let refused = program.run(&["serve"]).expect(1);
        assert!(refused.err.contains("counteroffer migrate"), "{}: {refused:?}", database.name);
        let applied = program.run(&["migrate"]).expect(0);
        assert!(applied.out.contains("applied"), "{applied:?}");
        assert!(program.run(&["migrate"]).expect(0).out.contains("up to date"));
        let served = program.serve();
        let ready = reqwest::get(format!("{}/healthz", served.base)).await.unwrap();
        assert_eq!(ready.status(), StatusCode::OK);
        assert!(served.terminate().success(), "told to end, it ends well");
    }
    let database = empty_sqlite();
    let served = Program::on(database.url()).with("COUNTEROFFER_DATABASE__MIGRATE_ON_START", "true").serve();
    assert!(served.terminate().success());
}

#[tokio::test]
async fn a_second_process_on_one_sqlite_file_is_refused() {
    let database = sqlite();
    let program = Program::on(database.url());
    let served = program.serve();
    for arguments in [["serve"].as_slice(), &["keys", "list"]] {
        let refused = program.run(arguments).expect(1);
        assert!(refused.err.contains("another process is using"), "{refused:?}");
        assert!(refused.err.contains("use PostgreSQL"), "{refused:?}");
    }
    assert!(served.terminate().success());
    program.run(&["keys", "list"]).expect(0);
}

#[test]
fn what_is_wrong_with_the_configuration_is_named() {
    let database = empty_sqlite();
    let program = Program::on(database.url());
    for (name, value, said) in [
        ("COUNTEROFFER_SERVER__LISTEN", "somewhere", "server.listen"),
        ("COUNTEROFFER_WORKER__LEASE_SECONDS", "4", "5 to 600"),
        ("COUNTEROFFER_WORKER__POLL_MS", "often", "COUNTEROFFER_WORKER__POLL_MS"),
        ("COUNTEROFFER_SERVER__LISTN", "127.0.0.1:0", "COUNTEROFFER_SERVER__LISTN"),
        ("COUNTEROFFER_AUTH__HS256_SECRET", "short-but-secret", "auth.hs256_secret"),
        ("DATABASE_URL", "mysql://localhost", "database.url"),
    ] {
        let refused = program.clone().with(name, value).run(&["serve"]).expect(1);
        assert!(refused.err.contains(said), "{name}={value}: {}", refused.err);
        assert!(!refused.err.contains("short-but-secret"), "a secret is not repeated");
    }
    let refused = program.clone().without("STRIPE_SECRET_KEY").run(&["migrate"]).expect(0);
    assert!(refused.out.contains("applied"));
    let refused = program.without("STRIPE_SECRET_KEY").run(&["serve"]).expect(1);
    assert!(refused.err.contains("STRIPE_SECRET_KEY") && refused.err.contains("demo"), "{}", refused.err);
}

#[tokio::test]
async fn keys_are_made_listed_and_revoked() {
    for database in databases() {
        let program = Program::on(database.url());
        let made = program.run(&["keys", "create", "--role", "analyst", "--name", "the board"]).expect(0);
        let mut lines = made.out.lines();
        let id = lines.next().unwrap().split_whitespace().next().unwrap();
        let key = lines.next().unwrap();
        assert!(id.starts_with("key_") && key.starts_with("co_"), "{made:?}");
        let listed = program.run(&["keys", "list"]).expect(0);
        assert!(listed.out.contains(id) && listed.out.contains("the board"), "{listed:?}");
        assert!(listed.out.contains("analyst") && listed.out.contains("in force"), "{listed:?}");
        assert!(!listed.out.contains(key));

        let served = program.serve();
        let list = || client().get(format!("{}/v1/sessions", served.base)).bearer_auth(key).send();
        assert_eq!(list().await.unwrap().status(), StatusCode::OK);
        assert!(served.terminate().success());
        program.run(&["keys", "revoke", id]).expect(0);
        assert!(program.run(&["keys", "list"]).expect(0).out.contains("revoked"));
        let served = program.serve();
        let list = client().get(format!("{}/v1/sessions", served.base)).bearer_auth(key).send();
        assert_eq!(list.await.unwrap().status(), StatusCode::UNAUTHORIZED);
        assert!(served.terminate().success());

        program.run(&["keys", "revoke", "key_01JAF5XT9Z4M2K7Q8W3E6R5T1Y"]).expect(1);
        let refused = program.run(&["keys", "create", "--role", "king", "--name", "x"]).expect(2);
        assert!(refused.err.contains("operator"), "{refused:?}");
    }
}

#[test]
fn a_token_is_minted_for_trying_things_out() {
    let database = sqlite();
    let program = Program::on(database.url());
    let minted = program.run(&["token", "--customer", "ada", "--subscription", "sub_1"]).expect(0);
    let parts: Vec<_> = minted.out.trim().split('.').collect();
    assert_eq!(parts.len(), 3, "{minted:?}");
    program.run(&["token", "--customer", "ada", "--ttl", "901"]).expect(2);
    let refused =
        program.without("COUNTEROFFER_AUTH__HS256_SECRET").run(&["token", "--customer", "ada"]).expect(1);
    assert!(refused.err.contains("auth.hs256_secret"), "{refused:?}");
}

#[test]
fn a_flow_is_checked_line_by_line_and_published() {
    for database in databases() {
        let program = Program::on(database.url());
        let broken = FLOW.replace("percent_off: 10", "percent_off: 150").replace("[off]", "[on]");
        let (_folder, path) = file("flow.yaml", &broken);
        for command in ["validate", "publish"] {
            let refused = program.run(&["flow", command, &path]).expect(1);
            let places: Vec<_> = refused.out.lines().map(|line| line.split_once(' ').unwrap().0).collect();
            assert_eq!(places, [format!("{path}:3:46:"), format!("{path}:5:33:")], "{refused:?}");
        }
        let (_folder, path) = file("flow.yaml", FLOW);
        let good = program.run(&["flow", "validate", &path]).expect(0);
        assert!(good.out.contains("valid"), "{good:?}");
        assert!(program.run(&["flow", "publish", &path]).expect(0).out.contains("version 1"));
        assert!(
            program.run(&["flow", "publish", &path]).expect(0).out.contains("version 1"),
            "it is the same"
        );
        let json = r#"{"key": "default", "rules": [{"otherwise": true, "present": []}]}"#;
        let (_folder, path) = file("flow.json", json);
        assert!(program.run(&["flow", "publish", &path]).expect(0).out.contains("version 2"));
        let missing = program.run(&["flow", "validate", "/nowhere/flow.yaml"]).expect(1);
        assert!(missing.err.contains("/nowhere/flow.yaml"), "{missing:?}");
    }
}

#[test]
fn warnings_are_printed_with_their_place_and_count_when_asked_to() {
    let idle =
        FLOW.replace("rules:", "  idle: {type: discount, terms: {percent_off: 20, duration: once}}\nrules:");
    let (_folder, path) = file("flow.yaml", &idle);
    let program = Program::on("sqlite::memory:");
    let warned = program.run(&["flow", "validate", &path]).expect(0);
    assert!(warned.out.contains(&format!("{path}:4:3: warning: /offers/idle ")), "{warned:?}");
    assert!(warned.out.contains("is valid"), "{warned:?}");
    let strict = program.run(&["flow", "validate", "--strict", &path]).expect(1);
    assert!(strict.out.contains("warning: /offers/idle "), "{strict:?}");
    let (_folder, path) = file("flow.yaml", FLOW);
    program.run(&["flow", "validate", "--strict", &path]).expect(0);
}

#[test]
fn validation_needs_no_configuration() {
    let (_folder, path) = file("flow.yaml", FLOW);
    Program::on("mysql://nonsense").run(&["flow", "validate", &path]).expect(0);
}

#[test]
fn the_openapi_document_is_printed() {
    let printed = Program::on("mysql://nonsense").run(&["openapi"]).expect(0);
    let document: Value = serde_json::from_str(&printed.out).unwrap();
    assert!(document["openapi"].as_str().unwrap().starts_with("3.1"));
    assert!(document["paths"]["/v1/sessions"]["post"].is_object());
}

#[test]
fn the_demo_plays_its_walk_and_exits() {
    let ran = Program::on("mysql://not-used").run(&["demo", "--exit", "--listen", "127.0.0.1:0"]).expect(0);
    assert!(ran.out.contains("The walk worked"), "{ran:?}");
}
