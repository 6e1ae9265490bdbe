//! Customers' profiles over HTTP: what the app pushes decides who may cancel what, what is offered, and can be erased.

use counteroffer::domain::ids::{CustomerId, SessionId, SubscriptionId};
use counteroffer::services::keys::Role;
use reqwest::Method;
use serde_json::{Value, json};

use crate::support::app::{Answer, Subscriber, TestApp, on_every_database};

/// Offers a discount to travel agents who have been tagged, a talk to everybody else.
const FLOW: &str = "key: default
segments:
  travel: {all: [{attribute: customer.industry, eq: travel}, {attribute: customer.tags, contains: early}]}
offers:
  off: {type: discount, terms: {percent_off: 10, duration: once}}
  talk: {type: contact, terms: {url: 'https://example.com'}}
rules:
  - {when: {segments: [travel]}, present: [off]}
  - {otherwise: true, present: [talk]}
";

/// A token of this customer of the app's, naming a subscription or not.
fn token(test: &TestApp, customer: &str, subscription: Option<&str>) -> String {
    let customer: CustomerId = customer.parse().unwrap();
    let subscription: Option<SubscriptionId> = subscription.map(|id| id.parse().unwrap());
    let now = test.clock.now();
    counteroffer::http::auth::mint(&test.config.auth, &customer, subscription.as_ref(), 600, now).unwrap()
}

async fn put(test: &TestApp, key: &str, id: &str, profile: Value) -> Answer {
    test.send(Method::PUT, &format!("/v1/customers/{id}"), key, Some(profile), &[]).await
}

async fn begin(test: &TestApp, token: &str, who: &Subscriber) -> Answer {
    test.post("/v1/sessions", token, json!({"subscription": who.subscription})).await
}

#[tokio::test]
async fn a_profile_is_replaced_as_a_whole() {
    on_every_database(async |test| {
        let key = test.key(Role::Server).await;
        test.get("/v1/customers/ada", &key).await.expect(404);
        let profile = json!({
            "stripe_customer": "cus_1",
            "attributes": {"industry": "travel", "seats": 12, "share": 0.25, "vip": true, "tags": ["a", "b"]}
        });
        let written = put(&test, &key, "ada", profile.clone()).await.expect(200);
        assert_eq!(written.body["attributes"], profile["attributes"]);
        assert_eq!(written.body["updated_at"], "2027-03-01T12:00:00Z");
        assert_eq!(test.get("/v1/customers/ada", &key).await.expect(200).body, written.body);
        put(&test, &key, "ada", json!({"attributes": {"seats": 13}})).await.expect(200);
        let read = test.get("/v1/customers/ada", &test.key(Role::Analyst).await).await.expect(200);
        assert_eq!(read.body["attributes"], json!({"seats": 13}));
        assert_eq!(read.body["stripe_customer"], Value::Null);
        put(&test, &test.key(Role::Analyst).await, "ada", json!({})).await.expect(403);
        let odd = test.get("/v1/customers/ada%40example.com%2F1", &key).await.expect(404);
        assert_eq!(odd.text_at("/code"), "not_found");
        put(&test, &key, "ada%40example.com%2F1", json!({})).await.expect(200);
        let odd = test.get("/v1/customers/ada%40example.com%2F1", &key).await.expect(200);
        assert_eq!(odd.text_at("/id"), "ada@example.com/1");
        test
    })
    .await;
}

#[tokio::test]
async fn every_bad_attribute_is_named_and_nothing_is_written() {
    on_every_database(async |test| {
        let key = test.key(Role::Server).await;
        put(&test, &key, "ada", json!({"attributes": {"kept": 1}})).await.expect(200);
        let bad = json!({"ok": 1, "a/b": 1, "9": 1, "nothing": null, "map": {}, "mixed": [1], "long": "x".repeat(1025)});
        let refused = put(&test, &key, "ada", json!({"attributes": bad})).await.expect(422);
        let mut pointers = refused.each("/errors", "pointer");
        pointers.sort_by_key(Value::to_string);
        let wanted = ["9", "a~1b", "long", "map", "mixed", "nothing"];
        assert_eq!(pointers, wanted.map(|name| json!(format!("/attributes/{name}"))));
        let many: serde_json::Map<_, _> = (0..101).map(|n| (format!("a{n}"), json!(n))).collect();
        let refused = put(&test, &key, "ada", json!({"attributes": many})).await.expect(422);
        assert_eq!(refused.each("/errors", "pointer"), ["/attributes"]);
        for profile in [json!({"stripe_customer": "sub_1"}), json!({"other": 1}), json!({"attributes": []})] {
            put(&test, &key, "ada", profile).await.expect(400);
        }
        let read = test.get("/v1/customers/ada", &key).await.expect(200);
        assert_eq!(read.body["attributes"], json!({"kept": 1}));
        test
    })
    .await;
}

#[tokio::test]
async fn the_link_to_stripe_gives_and_denies_access() {
    on_every_database(async |test| {
        let key = test.key(Role::Server).await;
        let (mine, theirs) = (test.subscriber(), test.subscriber());
        begin(&test, &token(&test, "ada", None), &mine).await.expect(404);
        put(&test, &key, "ada", json!({"stripe_customer": mine.customer})).await.expect(200);
        begin(&test, &token(&test, "ada", None), &theirs).await.expect(404);
        // The link outweighs what a token says.
        begin(&test, &token(&test, "ada", Some(&theirs.subscription)), &theirs).await.expect(404);
        begin(&test, &token(&test, "ada", Some(&theirs.subscription)), &mine).await.expect(404);
        begin(&test, &token(&test, "ada", None), &mine).await.expect(201);
        // Without a link, a token that names the subscription vouches for it.
        begin(&test, &token(&test, "bob", Some(&theirs.subscription)), &theirs).await.expect(201);
        test
    })
    .await;
}

#[tokio::test]
async fn attributes_decide_what_is_offered() {
    on_every_database(async |test| {
        test.publish(FLOW).await;
        let key = test.key(Role::Server).await;
        for (name, attributes, offered) in [
            ("ada", json!({"industry": "travel", "tags": ["new", "early"]}), "off"),
            ("bob", json!({"industry": "travel"}), "talk"),
            ("cleo", json!({"industry": 5, "tags": "early"}), "talk"),
        ] {
            let who = test.subscriber();
            put(&test, &key, name, json!({"attributes": attributes})).await.expect(200);
            let session = begin(&test, &token(&test, name, Some(&who.subscription)), &who).await.expect(201);
            assert_eq!(session.presented(), [offered], "{name}");
        }
        test
    })
    .await;
}

#[tokio::test]
async fn a_server_begins_for_a_customer() {
    on_every_database(async |test| {
        test.publish(FLOW).await;
        let (key, who) = (test.key(Role::Server).await, test.subscriber());
        let profile =
            json!({"stripe_customer": who.customer, "attributes": {"industry": "travel", "tags": ["early"]}});
        put(&test, &key, "ada", profile).await.expect(200);
        let missing =
            test.post("/v1/sessions", &key, json!({"subscription": who.subscription})).await.expect(400);
        assert_eq!(missing.text_at("/errors/0/pointer"), "/customer");
        let other = test.subscriber();
        let body = json!({"subscription": other.subscription, "customer": "ada"});
        test.post("/v1/sessions", &key, body).await.expect(404);
        let body = json!({"subscription": who.subscription, "customer": "ada"});
        let session = test.post("/v1/sessions", &key, body).await.expect(201);
        assert_eq!(session.presented(), ["off"]);
        let path = format!("/v1/sessions/{}", session.text_at("/id"));
        test.get(&path, &token(&test, "ada", None)).await.expect(200);
        test
    })
    .await;
}

#[tokio::test]
async fn erasing_takes_the_person_and_leaves_the_figures() {
    on_every_database(async |test| {
        let (server, staff) = (test.key(Role::Server).await, test.key(Role::Operator).await);
        let (who, other) = (test.subscriber(), test.subscriber());
        put(&test, &server, "grace", json!({"attributes": {"industry": "travel"}})).await.expect(200);
        let mine = token(&test, "grace", Some(&who.subscription));
        let body = json!({"subscription": who.subscription, "reason": "missing_feature", "context": {"page": "grace's"}});
        let once = [("idempotency-key", "begin-1")];
        let session = test.send(Method::POST, "/v1/sessions", &mine, Some(body), &once).await.expect(201);
        let path = format!("/v1/sessions/{}", session.text_at("/id"));
        let said = json!({"follow_up": "More of grace", "comment": "I am grace"});
        test.post(&format!("{path}/answers"), &mine, said).await.expect(200);
        test.post(&format!("{path}/cancel"), &mine, json!({})).await.expect(200);
        let bystander = test.begin(&other, None).await.expect(201);
        let before = test.get("/v1/analytics/summary", &staff).await.expect(200);

        let delete = async || test.send(Method::DELETE, "/v1/customers/grace", &server, None, &[]).await;
        delete().await.expect(204);
        test.get("/v1/customers/grace", &server).await.expect(404);
        test.get(&path, &mine).await.expect(404);
        let rows = test.get("/v1/sessions?status=canceled", &staff).await.expect(200);
        assert!(rows.text_at("/data/0/customer").starts_with("erased_"));
        assert_eq!(rows.text_at("/data/0/reason"), "missing_feature");
        let left = test.get("/v1/sessions?customer=grace", &staff).await.expect(200);
        assert_eq!(left.body["data"], json!([]));
        let seen = test.get(&path, &staff).await.expect(200);
        assert_eq!(seen.body["status"], "canceled");
        let explained = test.get(&format!("{path}/explanation"), &staff).await.expect(200);
        assert_eq!(explained.body["decisions"], json!([]));
        let id: SessionId = session.text_at("/id").parse().unwrap();
        let stored = serde_json::to_string(&test.app.store.session(id).await.unwrap().unwrap().session).unwrap();
        assert!(!stored.contains("grace") && !stored.contains(&who.customer), "{stored}");
        let operations = test.get(&format!("/v1/billing-operations?session={id}"), &staff).await.expect(200);
        let operation = operations.text_at("/data/0/id").parse().unwrap();
        let operation = test.app.store.operation(operation).await.unwrap().unwrap();
        assert!(!serde_json::to_string(&operation).unwrap().contains("grace"));
        assert_eq!(test.get("/v1/analytics/summary", &staff).await.expect(200).body, before.body);

        let once_more = test.get("/v1/sessions", &staff).await.expect(200);
        delete().await.expect(204);
        assert_eq!(test.get("/v1/sessions", &staff).await.expect(200).body, once_more.body, "twice is the same");
        test.send(Method::DELETE, "/v1/customers/nobody", &server, None, &[]).await.expect(204);
        test.read(&other, &bystander).await.expect(200);
        test
    })
    .await;
}

#[tokio::test]
async fn declared_types_bind_profiles_and_drop_from_tokens() {
    const TYPED: &str = "key: default
attributes:
  customer.seats: number
  customer.vip: boolean
  customer.seen_at: instant
  customer.tags: text_list
  customer.industry: text
segments:
  large: {attribute: customer.seats, gte: 10}
offers:
  off: {type: discount, terms: {percent_off: 10, duration: once}}
  talk: {type: contact, terms: {url: 'https://example.com'}}
rules:
  - {when: {segments: [large]}, present: [off]}
  - {otherwise: true, present: [talk]}
";
    on_every_database(async |test| {
        test.publish(TYPED).await;
        let key = test.key(Role::Server).await;
        let good = json!({
            "seats": 12, "vip": true, "seen_at": "2027-03-01T12:00:00Z", "tags": [], "industry": "2027", "free": 1
        });
        put(&test, &key, "ada", json!({"attributes": good})).await.expect(200);
        let bad = json!({
            "seats": "12", "vip": "yes", "seen_at": "yesterday", "tags": "early", "industry": 5, "free": "x",
            "do_not_contact": "yes", "cost_to_serve": true
        });
        let refused = put(&test, &key, "ada", json!({"attributes": bad})).await.expect(422);
        let mut pointers = refused.each("/errors", "pointer");
        pointers.sort_by_key(Value::to_string);
        let names = ["cost_to_serve", "do_not_contact", "industry", "seats", "seen_at", "tags", "vip"];
        assert_eq!(pointers, names.map(|name| json!(format!("/attributes/{name}"))));
        assert!(refused.each("/errors", "code").iter().all(|code| code == "wrong_type"));
        assert!(refused.text.contains("`customer.seats` is declared as number; send a number"), "{}", refused.text);
        assert_eq!(test.get("/v1/customers/ada", &key).await.expect(200).body["attributes"], good);

        // A token of the wrong type is no reason to keep anybody from leaving: the profile counts then.
        let who = test.subscriber();
        put(&test, &key, &who.customer, json!({"attributes": {"seats": 12}})).await.expect(200);
        for (attributes, offered) in [(json!({"seats": "3"}), "off"), (json!({"seats": 3}), "talk")] {
            let token = with_attributes(&test, &who, &attributes);
            let session = begin(&test, &token, &who).await.expect(201);
            assert_eq!(session.presented(), [offered], "{attributes}");
            let path = format!("/v1/sessions/{}/keep", session.text_at("/id"));
            test.post(&path, &token, json!({})).await.expect(200);
        }
        test
    })
    .await;
}

/// A token with attributes, as an app's back end signs it.
fn with_attributes(test: &TestApp, who: &Subscriber, attributes: &Value) -> String {
    let now = test.clock.now().as_second();
    let claims = json!({
        "aud": "counteroffer", "iss": "test", "sub": who.customer, "exp": now + 600,
        "jti": attributes.to_string().replace([' ', '"'], "."), "subscription": who.subscription,
        "attributes": attributes
    });
    let key = jsonwebtoken::EncodingKey::from_secret(crate::support::app::TOKEN_SECRET.as_bytes());
    jsonwebtoken::encode(&jsonwebtoken::Header::default(), &claims, &key).unwrap()
}
