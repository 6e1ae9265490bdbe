//! Win-back: what was missed is kept as tags, and once it is there those who left for it are told, once.

use counteroffer::domain::ids::SessionId;
use counteroffer::services::keys::Role;
use reqwest::Method;
use serde_json::{Value, json};

use crate::support::app::{Answer, Subscriber, TestApp, on_every_database};

const FLOW: &str = "key: default
reasons:
  - {key: missing, label: {en: Something is missing}, stripe_feedback: missing_features, feature_tags: true}
  - {key: other, label: {en: Other}, stripe_feedback: other}
rules: [{otherwise: true, present: []}]
policy: {cancel_now: true}
";

/// Somebody who says what is missing, and then acts; the session.
async fn leaves(test: &TestApp, who: &Subscriber, said: Value, action: &str) -> Answer {
    let session = test.begin(who, Some("missing")).await.expect(201);
    test.act(who, &session, "answers", said).await.expect(200);
    test.act(who, &session, action, json!({})).await.expect(200)
}

async fn ship(test: &TestApp, key: &str, tag: &str, body: Value) -> Answer {
    test.post(&format!("/v1/features/{tag}/shipped"), key, body).await.expect(200)
}

#[tokio::test]
async fn those_who_left_for_a_feature_are_told_once_when_it_is_there() {
    on_every_database(async |test| {
        test.publish(FLOW).await;
        let (server, staff) = (test.key(Role::Server).await, test.key(Role::Operator).await);
        let tags = json!({"feature_tags": ["CSV export", "csv-export", "SSO"]});
        let [ada, bob, silent, shy, stays] = std::array::from_fn(|_| test.subscriber());
        let path = format!("/v1/customers/{}", silent.customer);
        let profile = json!({"attributes": {"do_not_contact": true}});
        test.send(Method::PUT, &path, &server, Some(profile), &[]).await.expect(200);
        leaves(&test, &ada, tags.clone(), "cancel").await;
        leaves(&test, &bob, tags.clone(), "cancel").await;
        leaves(&test, &silent, tags.clone(), "cancel").await;
        leaves(&test, &shy, json!({"feature_tags": ["csv-export"], "do_not_contact": true}), "cancel").await;
        leaves(&test, &stays, tags.clone(), "keep").await;

        let first = ship(&test, &staff, "csv-export", json!({})).await;
        let mut left = vec![ada.customer.as_str(), bob.customer.as_str()];
        left.sort_unstable();
        assert_eq!(first.each("/data", "customer"), left, "{}", first.text);
        assert_eq!((&first.body["left_out"], &first.body["next_cursor"]), (&json!(2), &Value::Null));
        let told = async || test.get("/v1/events?type=winback.feature_shipped", &server).await.expect(200);
        let events = told().await;
        let mut customers = events.each("/data", "customer");
        customers.sort_by_key(Value::to_string);
        assert_eq!(customers, left);
        assert_eq!(events.body["data"][0]["data"]["feature"], "csv-export");

        // Again, in other words, page by page, and after somebody else has left.
        let late = test.subscriber();
        test.advance(jiff::SignedDuration::from_secs(1));
        leaves(&test, &late, tags.clone(), "cancel").await;
        assert_eq!(ship(&test, &staff, "CSV%20Export", json!({})).await.body, first.body);
        let (mut cursor, mut paged) = (Value::Null, Vec::new());
        for _ in 0..4 {
            let page = ship(&test, &staff, "csv-export", json!({"limit": 1, "cursor": cursor})).await;
            paged.extend(page.each("/data", "customer"));
            cursor = page.body["next_cursor"].clone();
        }
        assert_eq!((paged, cursor), (left.iter().map(|id| json!(id)).collect(), Value::Null));
        assert_eq!(told().await.body, events.body);

        let erase = format!("/v1/customers/{}", ada.customer);
        test.send(Method::DELETE, &erase, &server, None, &[]).await.expect(204);
        let rest = ship(&test, &staff, "csv-export", json!({})).await;
        assert_eq!(rest.each("/data", "customer"), [bob.customer.as_str()]);
        assert_eq!(ship(&test, &staff, "sso", json!({})).await.body["data"].as_array().unwrap().len(), 2);
        assert!(ship(&test, &staff, "nobody-missed", json!({})).await.each("/data", "customer").is_empty());
        test
    })
    .await;
}

#[tokio::test]
async fn tags_are_bounded_and_go_with_the_reason_and_the_customer() {
    on_every_database(async |test| {
        test.publish(FLOW).await;
        let (key, who) = (test.key(Role::Server).await, test.subscriber());
        let session = test.begin(&who, None).await.expect(201);
        assert_eq!(session.body["survey"]["reasons"][0]["feature_tags"], true);
        assert!(session.body["survey"]["reasons"][1].get("feature_tags").is_none());
        for said in [json!({"feature_tags": ["sso"]}), json!({"reason": "other", "feature_tags": ["sso"]})] {
            let refused = test.act(&who, &session, "answers", said).await.expect(422);
            assert_eq!(refused.text_at("/errors/0/code"), "no_feature_tags");
        }
        let many: Vec<_> = (0..11).map(|n| format!("tag-{n}")).collect();
        for tags in [json!(many), json!(["<b>"]), json!([""]), json!(["x".repeat(65)]), json!("sso")] {
            let said = json!({"reason": "missing", "feature_tags": tags});
            test.act(&who, &session, "answers", said).await.expect(400);
        }
        let id: SessionId = session.text_at("/id").parse().unwrap();
        let kept = async || {
            let stored = test.app.store.session(id).await.unwrap().unwrap().session;
            stored.answers.feature_tags.iter().map(ToString::to_string).collect::<Vec<_>>()
        };
        let said = json!({"reason": "missing", "feature_tags": [" Single  sign-on "]});
        test.act(&who, &session, "answers", said).await.expect(200);
        assert_eq!(kept().await, ["single-sign-on"]);
        test.act(&who, &session, "answers", json!({"comment": "please"})).await.expect(200);
        assert_eq!(kept().await, ["single-sign-on"]);
        test.act(&who, &session, "answers", json!({"reason": "other"})).await.expect(200);
        assert!(kept().await.is_empty());
        let said = json!({"reason": "missing", "feature_tags": ["sso"], "do_not_contact": true});
        test.act(&who, &session, "answers", said).await.expect(200);
        let erase = format!("/v1/customers/{}", who.customer);
        test.send(Method::DELETE, &erase, &key, None, &[]).await.expect(204);
        assert!(kept().await.is_empty());
        test.post("/v1/features/sso/shipped", &key, json!({})).await.expect(403);
        let staff = test.key(Role::Operator).await;
        test.post("/v1/features/%3Cb%3E/shipped", &staff, json!({})).await.expect(404);
        test.post("/v1/features/sso/shipped", &staff, json!({"limit": 201})).await.expect(400);
        test
    })
    .await;
}
