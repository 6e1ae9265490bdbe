//! Something in return: listed, settled once, summed up.

use counteroffer::boot;
use counteroffer::services::keys::Role;
use counteroffer::services::verify::verify;
use reqwest::Method;
use serde_json::{Value, json};

use super::discount_by_hand;
use crate::support::app::{Answer, FLOW, Subscriber, TestApp, on_every_database};

async fn publish(test: &TestApp) {
    let asks = "half-off: {type: discount, asks: [\
                {key: tell, type: referral, label: {en: Tell a friend, de: Erzählen Sie es weiter}, required: true}, \
                {key: talk, type: webinar, label: {en: Join us}}],";
    test.publish(&FLOW.replace("half-off: {type: discount,", asks)).await;
}

async fn accept(test: &TestApp, agreed: Value) -> (Subscriber, Answer) {
    let who = test.subscriber();
    let session = test.begin(&who, Some("too_expensive")).await.expect(201);
    let accept = format!("offers/{}/accept", session.offer("half-off"));
    let saved = test.act(&who, &session, &accept, json!({"asks": agreed})).await.expect(200);
    (who, saved)
}

fn states(list: &Answer) -> Vec<(String, String)> {
    let word = |value: Value| value.as_str().unwrap().to_owned();
    let (keys, states) = (list.each("/data", "key"), list.each("/data", "state"));
    let mut all: Vec<_> = keys.into_iter().map(word).zip(states.into_iter().map(word)).collect();
    all.sort();
    all
}

fn pair(key: &str, state: &str) -> (String, String) {
    (key.to_owned(), state.to_owned())
}

/// The ask of this key and session.
fn ask(list: &Answer, session: &Answer, key: &str) -> String {
    let all = list.body["data"].as_array().unwrap();
    let found = all.iter().find(|ask| ask["session"] == session.body["id"] && ask["key"] == key);
    found.unwrap()["id"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn what_was_agreed_to_is_listed_and_settled_once() {
    on_every_database(async |test| {
        publish(&test).await;
        let (analyst, operator) = (test.key(Role::Analyst).await, test.key(Role::Operator).await);
        let (first, one) = accept(&test, json!({"tell": true})).await;
        let (_, two) = accept(&test, json!({"tell": true, "talk": true})).await;
        let all = test.get("/v1/asks", &analyst).await.expect(200);
        let wanted =
            [pair("talk", "agreed"), pair("talk", "refused"), pair("tell", "agreed"), pair("tell", "agreed")];
        assert_eq!(states(&all), wanted);
        let told = ask(&all, &one, "tell");
        let (talk, refused) = (ask(&all, &two, "talk"), ask(&all, &one, "talk"));

        test.post(&format!("/v1/asks/{told}/fulfill"), &analyst, json!({})).await.expect(403);
        for _ in 0..2 {
            let done = test.post(&format!("/v1/asks/{told}/fulfill"), &operator, json!({})).await.expect(200);
            assert_eq!(done.body["state"], "fulfilled");
            assert!(done.body["settled_at"].is_string());
        }
        test.post(&format!("/v1/asks/{talk}/waive"), &operator, json!({})).await.expect(200);
        for (id, verb, state) in [(&told, "waive", "fulfilled"), (&refused, "fulfill", "refused")] {
            let late = test.post(&format!("/v1/asks/{id}/{verb}"), &operator, json!({})).await.expect(409);
            assert_eq!((late.text_at("/code"), late.text_at("/state")), ("ask_not_open", state));
        }
        let nothing = told.replace("ask_0", "ask_1");
        test.post(&format!("/v1/asks/{nothing}/waive"), &operator, json!({})).await.expect(404);

        let trail = test.app.store.audit_trail(None, 100).await.unwrap();
        let lines = |action: &str| trail.iter().filter(|entry| entry.line.action == action).count();
        assert_eq!((lines("ask.fulfill"), lines("ask.waive")), (1, 1));
        for (kind, key) in [("ask.fulfilled", "tell"), ("ask.waived", "talk")] {
            let events = test.get(&format!("/v1/events?type={kind}"), &analyst).await.expect(200);
            assert_eq!(events.body["data"].as_array().unwrap().len(), 1);
            assert_eq!(events.body["data"][0]["data"]["key"], key);
        }
        // What is written later of the session does not bring an ask back.
        test.advance(jiff::SignedDuration::from_hours(24 * 31));
        counteroffer::services::saves::drain(&test.app).await.unwrap();
        let mine = test.get(&format!("/v1/asks?customer={}", first.customer), &analyst).await.expect(200);
        assert_eq!(states(&mine), [pair("talk", "refused"), pair("tell", "fulfilled")]);
        let verified = verify(boot::verifying(&test.config, false, &test.clock).unwrap()).await.unwrap();
        assert_eq!(verified.violations, [], "{}", test.database.name);
        test
    })
    .await;
}

#[tokio::test]
async fn asks_are_found_by_what_they_are_and_summed_up_by_type() {
    on_every_database(async |test| {
        publish(&test).await;
        let (analyst, operator) = (test.key(Role::Analyst).await, test.key(Role::Operator).await);
        let (_, one) = accept(&test, json!({"tell": true})).await;
        let middle = test.clock.now();
        test.advance(jiff::SignedDuration::from_hours(1));
        accept(&test, json!({"tell": true, "talk": true})).await;
        // What Stripe refuses asks for nothing.
        let refused = test.subscriber();
        let session = test.begin(&refused, Some("too_expensive")).await.expect(201);
        discount_by_hand(&test, &refused);
        let path = format!("offers/{}/accept", session.offer("half-off"));
        test.act(&refused, &session, &path, json!({"asks": {"tell": true}})).await.expect(409);

        let list = async |query: &str| test.get(&format!("/v1/asks?{query}"), &analyst).await.expect(200);
        let count = async |query: &str| list(query).await.body["data"].as_array().unwrap().len();
        for (query, found) in [
            ("", 6),
            ("state=agreed", 3),
            ("state=withdrawn", 2),
            ("type=webinar", 3),
            ("offer=half-off&type=referral", 3),
            ("offer=breather", 0),
            ("livemode=true", 0),
            (&*format!("created_from={}", middle + jiff::SignedDuration::from_secs(1)), 4),
            (&*format!("created_to={}", middle + jiff::SignedDuration::from_secs(1)), 2),
            (&*format!("session={}", one.text_at("/id")), 2),
        ] {
            assert_eq!(count(query).await, found, "{query}");
        }
        let page = list("limit=4").await;
        let rest = list(&format!("limit=4&cursor={}", page.text_at("/next_cursor"))).await;
        assert_eq!((page.body["data"].as_array().unwrap().len(), rest.body["data"].as_array().unwrap().len()), (4, 2));
        assert_eq!(rest.body["next_cursor"], Value::Null);
        test.get("/v1/asks?state=done", &analyst).await.expect(400);
        let csv = test.send(Method::GET, "/v1/asks?limit=4", &analyst, None, &[("accept", "text/csv")]).await;
        let csv = csv.expect(200);
        assert_eq!(csv.text.lines().count(), 5, "{}", csv.text);
        assert!(csv.headers["link"].to_str().unwrap().contains("cursor="), "{}", csv.text);

        let all = list("").await;
        let told = ask(&all, &one, "tell");
        test.post(&format!("/v1/asks/{told}/fulfill"), &operator, json!({})).await.expect(200);
        let summary = test.get("/v1/analytics/summary", &analyst).await.expect(200);
        let rate = |numerator: u64, denominator: u64, value: f64| {
            json!({"numerator": numerator, "denominator": denominator, "value": value})
        };
        let wanted = json!([
            {"type": "referral", "asked": 2, "agreed": 2, "fulfilled": 1, "waived": 0,
                "fulfillment_rate": rate(1, 2, 0.5)},
            {"type": "webinar", "asked": 2, "agreed": 1, "fulfilled": 0, "waived": 0,
                "fulfillment_rate": rate(0, 1, 0.0)},
        ]);
        assert_eq!(summary.body["asks"], wanted);
        let open = test.get("/v1/analytics/summary?status=canceled", &analyst).await.expect(200);
        assert_eq!(open.body["asks"], json!([]));
        test
    })
    .await;
}

#[tokio::test]
async fn the_asks_of_an_erased_customer_are_nobodys() {
    on_every_database(async |test| {
        publish(&test).await;
        let (who, _) = accept(&test, json!({"tell": true})).await;
        let (analyst, admin) = (test.key(Role::Analyst).await, test.key(Role::Admin).await);
        let path = format!("/v1/customers/{}", who.customer);
        test.send(Method::DELETE, &path, &admin, None, &[]).await.expect(204);
        let all = test.get("/v1/asks", &analyst).await.expect(200);
        assert_eq!(states(&all), [pair("talk", "refused"), pair("tell", "agreed")]);
        assert!(!all.text.contains(&*who.customer), "{}", all.text);
        test
    })
    .await;
}
