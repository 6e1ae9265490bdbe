use serde_json::json;

use super::*;
use crate::support::app::on_every_database;

/// Sends a request twice with one key, then another with the same key: one effect, one answer, one refusal.
async fn repeat(test: &TestApp, path: &str, credentials: &str, body: Value, other: Value) -> Answer {
    let headers = [("idempotency-key", path)];
    let send = |body: &Value| {
        test.send(Method::POST, path, credentials, (!body.is_null()).then(|| body.clone()), &headers)
    };
    let first = send(&body).await;
    assert!(first.status.is_success(), "{path}: {}", first.text);
    assert!(!first.headers.contains_key("idempotent-replayed"), "{path}");
    let calls = test.sandbox.calls().len();
    let again = send(&body).await;
    assert_eq!((again.status, &again.text), (first.status, &first.text), "{path}");
    assert_eq!(again.headers["idempotent-replayed"], "true", "{path}");
    assert_eq!(test.sandbox.calls().len(), calls, "{path} asked Stripe again");
    let refused = send(&other).await.expect(422);
    assert_eq!(refused.body["code"], "idempotency_key_reused", "{path}");
    first
}

#[tokio::test]
async fn what_subscribers_repeat_happens_once() {
    on_every_database(async |test| {
        let who = test.subscriber();
        let token = test.token(&who);
        let body = |reason: &str| json!({"subscription": who.subscription, "reason": reason});
        let session = repeat(&test, "/v1/sessions", &token, body("too_expensive"), body("no_time")).await;
        let path = format!("/v1/sessions/{}", session.text_at("/id"));
        repeat(&test, &format!("{path}/answers"), &token, json!({"comment": "a"}), json!({"comment": "b"}))
            .await;
        let accept = format!("{path}/offers/{}/accept", session.offer("half-off"));
        let accepted = repeat(&test, &accept, &token, json!({}), json!({"choice": 0})).await;
        assert_eq!(accepted.body["status"], "saved");

        let other = test.subscriber();
        let token = test.token(&other);
        // The same key of another caller is another key.
        let body = json!({"subscription": other.subscription});
        let german = json!({"subscription": other.subscription, "locale": "de"});
        let begun = repeat(&test, "/v1/sessions", &token, body, german).await;
        let path = format!("/v1/sessions/{}", begun.text_at("/id"));
        let cancel = format!("{path}/cancel");
        let canceled = repeat(&test, &cancel, &token, json!({}), json!({"when": "period_end"})).await;
        assert_eq!(canceled.body["status"], "canceled");
        test
    })
    .await;
}

#[tokio::test]
async fn what_operations_repeat_happens_once() {
    on_every_database(async |test| {
        let admin = test.key(Role::Admin).await;
        let flow = |offer: &str| {
            let rules = json!([{"otherwise": true, "present": [offer]}]);
            let offers = json!({offer: {"type": "custom"}});
            json!({"key": "default", "reasons": [], "offers": offers, "rules": rules})
        };
        let draft = "/v1/flows/default";
        test.send(Method::PUT, draft, &admin, Some(flow("gift")), &[]).await.expect(200);
        // Without a body it asks for the same, and still is not the same request.
        let published = repeat(&test, "/v1/flows/default/publish", &admin, json!({}), json!(null)).await;
        assert_eq!(published.body["version"], 2);
        let path = "/v1/flows/default/rollback";
        let rolled = repeat(&test, path, &admin, json!({"version": 1}), json!({"version": 2})).await;
        assert_eq!(rolled.body["version"], 3);
        let versions = test.get("/v1/flows/default/versions", &admin).await.expect(200);
        assert_eq!(versions.body["data"].as_array().unwrap().len(), 3);
        test
    })
    .await;
}
