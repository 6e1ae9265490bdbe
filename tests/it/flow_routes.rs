//! Routing to another flow, and warnings, over HTTP.

use counteroffer::services::keys::Role;
use reqwest::Method;
use serde_json::json;

use crate::support::app::{Answer, TestApp, on_every_database};

const YAML: &str = "application/yaml";

/// The configured flow, which routes monthly plans on.
const ENTRY: &str = "key: default
reasons:
  - {key: too_expensive, label: {en: Too dear}, stripe_feedback: too_expensive}
segments:
  monthly: {attribute: plan.interval, eq: month}
offers:
  tenth: {type: discount, terms: {percent_off: 10, duration: once}}
routes:
  - {when: {segments: [monthly]}, flow: enterprise}
rules:
  - {otherwise: true, present: [tenth]}
";

/// The flow that it routes to, with a budget of its own.
const ENTERPRISE: &str = "key: enterprise
offers:
  half: {type: discount, terms: {percent_off: 50, duration: once}}
rules:
  - {otherwise: true, present: [half]}
policy:
  budgets: [{offer_types: [discount], per: month, amount: 2450, currency: usd}]
";

async fn put(test: &TestApp, key: &str, flow: &str, document: &str) -> Answer {
    test.send_text(Method::PUT, &format!("/v1/flows/{flow}"), key, YAML, document).await.expect(200)
}

async fn publish(test: &TestApp, key: &str, flow: &str, document: &str) -> Answer {
    put(test, key, flow, document).await;
    test.post(&format!("/v1/flows/{flow}/publish"), key, json!({})).await
}

#[tokio::test]
async fn a_session_runs_the_flow_it_is_routed_to_and_says_why() {
    on_every_database(async |test| {
        let key = test.key(Role::Operator).await;
        let refused = publish(&test, &key, "default", ENTRY).await.expect(422);
        assert_eq!(refused.text_at("/errors/0/code"), "unknown_flow");
        assert_eq!(refused.text_at("/errors/0/pointer"), "/routes/0/flow");
        publish(&test, &key, "enterprise", ENTERPRISE).await.expect(200);
        publish(&test, &key, "default", ENTRY).await.expect(200);

        let who = test.subscriber();
        // The reason is one of the configured flow's alone.
        let session = test.begin(&who, Some("too_expensive")).await.expect(201);
        assert_eq!(session.presented(), ["half"]);
        let path = format!("/v1/sessions/{}/explanation", session.text_at("/id"));
        let explained = test.get(&path, &key).await.expect(200);
        assert_eq!(explained.body["flow"], json!({"key": "enterprise", "version": 1}));
        let routed = &explained.body["decisions"][0]["routed"];
        assert_eq!(routed["from"], json!({"key": "default", "version": 2}));
        assert_eq!((&routed["route"], &routed["segments"]), (&json!(0), &json!(["monthly"])));
        test.accept(&who, &session, "half").await.expect(200);

        // The budget of the flow routed to is spent.
        let late = test.begin(&test.subscriber(), None).await.expect(201);
        assert_eq!(late.body["offers"], json!([]));

        let body = json!({"subscription": who.subscription});
        let seen = test.post("/v1/flows/default/preview", &key, body).await.expect(200);
        let expected = json!({"route": 0, "flow": "enterprise", "segments": ["monthly"]});
        assert_eq!(seen.body["routed_to"], expected);
        test
    })
    .await;
}

#[tokio::test]
async fn a_route_is_one_hop() {
    on_every_database(async |test| {
        let key = test.key(Role::Operator).await;
        publish(&test, &key, "enterprise", ENTERPRISE).await.expect(200);
        publish(&test, &key, "default", ENTRY).await.expect(200);
        let on = ENTERPRISE.replace(
            "offers:",
            "segments: {monthly: {attribute: plan.interval, eq: month}}\nroutes: [{when: {segments: [monthly]}, flow: default}]\noffers:",
        );
        let refused = publish(&test, &key, "enterprise", &on).await.expect(422);
        assert_eq!(refused.each("/errors", "code"), ["route_chain", "route_chain"]);
        assert_eq!(refused.each("/errors", "pointer"), ["/routes/0/flow", "/routes"]);
        test
    })
    .await;
}

#[tokio::test]
async fn warnings_come_with_every_answer_about_a_document() {
    on_every_database(async |test| {
        let key = test.key(Role::Operator).await;
        let document = ENTERPRISE.replace(
            "offers:",
            "segments:\n  idle: {all: [{attribute: plan.amount, gt: 5}, {attribute: plan.amount, lt: 5}]}\noffers:",
        );
        let expected = [json!("unused_segment"), json!("never_holds")];
        let drafted = put(&test, &key, "enterprise", &document).await;
        assert_eq!(drafted.each("/draft/warnings", "code"), expected);
        assert_eq!(drafted.each("/draft/warnings", "line"), [3, 3]);
        let path = "/v1/flows/enterprise/validate";
        let validated = test.send_text(Method::POST, path, &key, YAML, &document).await.expect(200);
        assert_eq!(validated.each("/warnings", "code"), expected);
        let published = test.post("/v1/flows/enterprise/publish", &key, json!({})).await.expect(200);
        assert_eq!(published.each("/warnings", "pointer"), ["/segments/idle", "/segments/idle"]);
        let clean = publish(&test, &key, "enterprise", ENTERPRISE).await.expect(200);
        assert!(clean.body.get("warnings").is_none());
        test
    })
    .await;
}
