//! Flow documents over HTTP: drafted, validated, published, compared, rolled back, previewed.

use counteroffer::boot;
use counteroffer::services::keys::Role;
use reqwest::Method;
use serde_json::{Value, json};

use crate::support::app::{Answer, FLOW, TestApp, on_every_database};
use crate::support::database::databases;

const YAML: &str = "application/yaml";
const DRAFT: &str = "/v1/flows/default";

/// Three mistakes, far apart.
const BROKEN: &str = "key: default
reasons:
  - {key: too_expensive, label: {en: Too dear}, stripe_feedback: too_expensive}
offers:
  half-off:
    type: discount
    terms: {percent_off: 150, duration: once}
rules:
  - {otherwise: true, present: [nothing-such]}
surprise: 1
";

/// A flow that presents one discount of this many percent.
fn percent(percent: u32) -> String {
    format!(
        "key: default
offers:
  off: {{type: discount, terms: {{percent_off: {percent}, duration: once}}}}
rules:
  - {{otherwise: true, present: [off]}}
"
    )
}

async fn put(test: &TestApp, key: &str, document: &str) -> Answer {
    test.send_text(Method::PUT, DRAFT, key, YAML, document).await
}

/// Drafts and publishes.
async fn publish(test: &TestApp, key: &str, document: &str) -> Answer {
    put(test, key, document).await.expect(200);
    test.post("/v1/flows/default/publish", key, json!({})).await.expect(200)
}

fn all_problems_are_placed(problems: &[Value]) {
    let place = |problem: &Value| {
        let number = |name: &str| problem[name].as_u64().unwrap();
        (problem["pointer"].as_str().unwrap().to_owned(), number("line"), number("column"))
    };
    let mut places: Vec<_> = problems.iter().map(place).collect();
    places.sort_by_key(|(_, line, _)| *line);
    let wanted =
        [("/offers/half-off/terms/percent_off", 7, 26), ("/rules/0/present/0", 9, 33), ("/surprise", 10, 1)];
    assert_eq!(places, wanted.map(|(pointer, line, column)| (pointer.to_owned(), line, column)));
}

#[tokio::test]
async fn a_draft_may_have_problems_and_is_not_published_with_them() {
    on_every_database(async |test| {
        let key = test.key(Role::Operator).await;
        let drafted = put(&test, &key, BROKEN).await.expect(200);
        assert_eq!(drafted.body["active_version"], 1);
        assert_eq!(drafted.text_at("/draft/source"), BROKEN);
        all_problems_are_placed(drafted.body["draft"]["problems"].as_array().unwrap());

        let refused = test.post("/v1/flows/default/publish", &key, json!({})).await.expect(422);
        all_problems_are_placed(refused.body["errors"].as_array().unwrap());
        let refused =
            test.send_text(Method::POST, "/v1/flows/default/validate", &key, YAML, BROKEN).await.expect(422);
        assert_eq!(refused.headers["content-type"], "application/problem+json");
        all_problems_are_placed(refused.body["errors"].as_array().unwrap());

        let read = test.get(DRAFT, &key).await.expect(200);
        assert_eq!(read.body, drafted.body);
        assert_eq!(
            test.get("/v1/flows/default/versions", &key).await.expect(200).each("/data", "version"),
            [1]
        );
        test
    })
    .await;
}

#[tokio::test]
async fn validation_keeps_nothing_and_says_what_fits() {
    on_every_database(async |test| {
        let key = test.key(Role::Analyst).await;
        let path = "/v1/flows/other/validate";
        let mixed = test.send_text(Method::POST, path, &key, YAML, &percent(10)).await.expect(422);
        assert_eq!(mixed.text_at("/errors/0/code"), "key_mismatch");
        let document = percent(10).replace("key: default", "key: other");
        let good = test.send_text(Method::POST, path, &key, YAML, &document).await.expect(200);
        assert_eq!(good.body["valid"], true);
        assert_eq!(good.text_at("/document/key"), "other");
        let canonical = good.body["document"].to_string();
        let json = test.send_text(Method::POST, path, &key, "application/json", &canonical).await.expect(200);
        assert_eq!(json.body, good.body, "the canonical document is a document");
        test.send_text(Method::POST, path, &key, "text/plain", &document).await.expect(415);
        test.get("/v1/flows/other", &key).await.expect(404);
        test.send_text(Method::PUT, "/v1/flows/other", &key, YAML, &document).await.expect(403);
        test.send_text(Method::POST, path, &key, YAML, "key: [").await.expect(422);
        test.send_text(Method::POST, path, &key, YAML, "").await.expect(422);
        test.send_text(Method::POST, path, &key, YAML, "a\0b").await.expect(400);
        test
    })
    .await;
}

#[tokio::test]
async fn versions_tell_what_they_changed_and_an_old_one_comes_back_as_a_new_one() {
    on_every_database(async |test| {
        let key = test.key(Role::Operator).await;
        publish(&test, &key, &percent(10)).await;
        let third = publish(&test, &key, &percent(20)).await;
        assert_eq!(third.body["version"], 3);
        let changes = third.body["changes"].as_array().unwrap();
        assert_eq!(changes.len(), 1, "{changes:?}");
        assert_eq!(changes[0]["pointer"], "/offers/off/terms/percent_off");
        assert_eq!((&changes[0]["old"], &changes[0]["new"]), (&json!(10), &json!(20)));
        assert_eq!(changes[0]["kind"], "changed");

        let same = publish(&test, &key, &percent(20)).await;
        assert_eq!(same.body, third.body, "what decides already is not published again");

        let back = test.post("/v1/flows/default/rollback", &key, json!({"version": 2})).await.expect(200);
        assert_eq!(back.body["version"], 4);
        assert_eq!(back.body["changes"][0]["new"], 10);
        let versions = test.get("/v1/flows/default/versions", &key).await.expect(200);
        assert_eq!(versions.each("/data", "version"), [4, 3, 2, 1]);
        assert_eq!(versions.each("/data", "document")[0], versions.each("/data", "document")[2]);
        assert_eq!(versions.each("/data", "changes")[3], json!([]));
        assert_eq!(test.get(DRAFT, &key).await.expect(200).body["active_version"], 4);

        test.post("/v1/flows/default/rollback", &key, json!({"version": 9})).await.expect(404);
        let wrong = test.post("/v1/flows/default/rollback", &key, json!({"version": 0})).await.expect(400);
        assert_eq!(wrong.text_at("/errors/0/pointer"), "/version");
        test.post("/v1/flows/other/publish", &key, json!({})).await.expect(404);
        let reader = test.key(Role::Analyst).await;
        test.post("/v1/flows/default/publish", &reader, json!({})).await.expect(403);
        test
    })
    .await;
}

#[tokio::test]
async fn a_repeated_publish_gets_the_answer_of_the_first() {
    on_every_database(async |test| {
        let key = test.key(Role::Operator).await;
        put(&test, &key, &percent(10)).await.expect(200);
        let once = [("idempotency-key", "publish-1")];
        let path = "/v1/flows/default/publish";
        let first = test.send(Method::POST, path, &key, Some(json!({})), &once).await.expect(200);
        put(&test, &key, &percent(20)).await.expect(200);
        let again = test.send(Method::POST, path, &key, Some(json!({})), &once).await.expect(200);
        assert_eq!(again.text, first.text);
        assert_eq!(again.headers["idempotent-replayed"], "true");
        assert_eq!(test.get(DRAFT, &key).await.expect(200).body["active_version"], 2);
        test
    })
    .await;
}

#[tokio::test]
async fn a_preview_decides_with_the_draft_or_a_version_and_begins_nothing() {
    on_every_database(async |test| {
        let (key, who) = (test.key(Role::Operator).await, test.subscriber());
        let path = "/v1/flows/default/preview";
        let body = |extra: Value| {
            let mut body = json!({"subscription": who.subscription});
            body.as_object_mut().unwrap().extend(extra.as_object().unwrap().clone());
            body
        };
        test.post(path, &key, body(json!({}))).await.expect(404);
        put(&test, &key, &percent(10)).await.expect(200);
        let draft = test.post(path, &key, body(json!({}))).await.expect(200);
        assert_eq!(draft.body["offers"], json!(["off"]));
        assert_eq!(draft.body["trace"]["decision"]["rule"], 0);

        let reason = json!({"version": 1, "reason": "too_expensive"});
        let first = test.post(path, &key, body(reason.clone())).await.expect(200);
        assert_eq!(first.body["offers"], json!(["half-off", "breather"]));
        let mut yearly = reason;
        yearly["facts"] = json!({"plan.interval": "year"});
        let other = test.post(path, &key, body(yearly)).await.expect(200);
        assert_eq!(other.body["offers"], json!(["breather"]), "a given fact goes before Stripe's");

        test.post(path, &key, body(json!({"version": 9}))).await.expect(404);
        test.post(path, &key, json!({"subscription": "sub_none"})).await.expect(404);
        let bad = json!({"facts": {"interval": 1, "plan.amount": null}});
        let bad = test.post(path, &key, body(bad)).await.expect(422);
        assert_eq!(bad.each("/errors", "pointer"), ["/facts/interval", "/facts/plan.amount"]);
        put(&test, &key, BROKEN).await.expect(200);
        let broken = test.post(path, &key, body(json!({}))).await.expect(422);
        all_problems_are_placed(broken.body["errors"].as_array().unwrap());

        let sessions = test.get("/v1/sessions", &key).await.expect(200);
        assert_eq!(sessions.body["data"], json!([]));
        test
    })
    .await;
}

#[tokio::test]
async fn an_open_session_keeps_the_version_it_began_with() {
    on_every_database(async |test| {
        let (key, who, late) = (test.key(Role::Operator).await, test.subscriber(), test.subscriber());
        let open = test.begin(&who, None).await.expect(201);
        assert_eq!(open.presented(), ["breather"]);
        publish(&test, &key, &percent(10)).await;
        let answered = test.act(&who, &open, "answers", json!({"reason": "too_expensive"})).await.expect(200);
        assert_eq!(answered.presented(), ["half-off", "breather"]);
        test.accept(&who, &answered, "half-off").await.expect(200);
        // Ids sort by the time they were made at.
        test.advance(jiff::SignedDuration::from_secs(1));
        let new = test.begin(&late, None).await.expect(201);
        assert_eq!(new.presented(), ["off"]);
        assert_eq!(new.body["survey"]["reasons"], json!([]));
        let rows = test.get("/v1/sessions", &key).await.expect(200);
        let flows = rows.each("/data", "flow");
        assert_eq!(flows, [json!({"key": "default", "version": 2}), json!({"key": "default", "version": 1})]);
        test
    })
    .await;
}

#[tokio::test]
async fn another_process_sees_what_was_published() {
    for database in databases() {
        // SQLite serves one process.
        if database.name == "sqlite" {
            continue;
        }
        let test = TestApp::start(database).await;
        let key = test.key(Role::Operator).await;
        let other = boot::app(&test.config, test.clock.clone()).await.unwrap();
        let flow = "default".parse().unwrap();
        assert_eq!(other.flows.active(&flow).version, 1);
        publish(&test, &key, &percent(10)).await;
        assert_eq!(test.app.flows.active(&flow).version, 2, "at once in the process that published");
        assert!(other.flows.refresh(&other.store).await.unwrap());
        assert_eq!(other.flows.active(&flow).version, 2);
        assert!(!other.flows.refresh(&other.store).await.unwrap());
        other.store.close().await;
        test.finish().await;
    }
}

#[tokio::test]
async fn before_a_flow_is_published_there_are_no_offers_and_the_way_out_is_open() {
    for database in databases() {
        let test = TestApp::start_with(database, &[("COUNTEROFFER_SESSIONS__FLOW", "first")]).await;
        let (key, who) = (test.key(Role::Operator).await, test.subscriber());
        let session = test.begin(&who, None).await.expect(201);
        assert_eq!(session.body["offers"], json!([]));
        test.get("/v1/flows/first", &key).await.expect(404);
        let document = FLOW.replace("key: default", "key: first").replace("FREE_PRICE", &test.free_price);
        test.send_text(Method::PUT, "/v1/flows/first", &key, YAML, &document).await.expect(200);
        let drafted = test.get("/v1/flows/first", &key).await.expect(200);
        assert_eq!(drafted.body["active_version"], Value::Null);
        assert_eq!(drafted.body["draft"]["problems"], json!([]));
        let explained = format!("/v1/sessions/{}/explanation", session.text_at("/id"));
        assert_eq!(test.get(&explained, &key).await.expect(200).body["flow"]["version"], 0);
        let canceled = test.act(&who, &session, "cancel", json!({})).await.expect(200);
        assert_eq!(canceled.body["status"], "canceled");
        assert_eq!(test.in_stripe(&who)["cancel_at_period_end"], true);
        test.finish().await;
    }
}
