//! Who comes back soon is offered the same, and counts once.

use counteroffer::boot;
use counteroffer::services::backtest;
use counteroffer::services::keys::Role;
use counteroffer::services::verify::verify;
use counteroffer::services::worker;
use jiff::SignedDuration;
use serde_json::{Value, json};

use crate::support::app::{Answer, FLOW, Subscriber, TestApp, on_every_database};

const HOUR: SignedDuration = SignedDuration::from_hours(1);

/// By a segment that the app's own facts decide, so that they can change between two sessions.
fn flow(policy: &str) -> String {
    let flow = FLOW
        .replace("segments:\n", "attributes: {customer.plan_b: boolean}\nsegments:\n  second: {all: [{attribute: customer.plan_b, eq: true}]}\n")
        .replace("rules:\n", "rules:\n  - {when: {segments: [second]}, present: [gift]}\n");
    flow.replace("policy:\n", &format!("policy:\n  {policy}\n"))
}

async fn changes_segment(test: &TestApp, who: &Subscriber) {
    let path = format!("/v1/customers/{}", who.customer);
    let body = json!({"attributes": {"plan_b": true}});
    let key = test.key(Role::Server).await;
    test.send(reqwest::Method::PUT, &path, &key, Some(body), &[]).await.expect(200);
}

async fn abandons(test: &TestApp) {
    test.advance(SignedDuration::from_hours(25));
    worker::sweep(&test.app).await.unwrap();
}

async fn counts(test: &TestApp) -> [u64; 5] {
    let summary = test.get("/v1/analytics/summary", &test.key(Role::Analyst).await).await.expect(200);
    ["sessions", "in_progress", "saved", "canceled", "abandoned"]
        .map(|name| summary.body[name].as_u64().unwrap())
}

async fn keep(test: &TestApp, who: &Subscriber, session: &Answer) {
    test.act(who, session, "keep", json!({})).await.expect(200);
}

#[tokio::test]
async fn who_comes_back_soon_is_offered_the_same_and_counts_once() {
    on_every_database(async |test| {
        test.publish(&flow("reentry_window_hours: 48")).await;
        let who = test.subscriber();
        let first = test.begin(&who, Some("too_expensive")).await.expect(201);
        assert_eq!(first.presented(), ["half-off", "breather"]);
        assert_eq!(first.body["reentry_of"], Value::Null);
        abandons(&test).await;
        changes_segment(&test, &who).await;
        let second = test.begin(&who, None).await.expect(201);
        assert_eq!(second.body["reentry_of"], first.body["id"]);
        assert_eq!(second.presented(), ["half-off", "breather"], "as before, whatever the facts say now");
        assert_eq!(second.body["survey"]["answer"], "too_expensive");
        assert_eq!(counts(&test).await, [1, 1, 0, 0, 0]);

        // Leaving by staying is no end of it either.
        keep(&test, &who, &second).await;
        assert_eq!(counts(&test).await, [1, 0, 1, 0, 0]);
        test.advance(HOUR * 47);
        let third = test.begin(&who, None).await.expect(201);
        assert_eq!(third.body["reentry_of"], second.body["id"]);
        let same = test.act(&who, &third, "answers", json!({"reason": "too_expensive"})).await.expect(200);
        assert_eq!(same.presented(), ["half-off", "breather"]);
        let other = test.act(&who, &third, "answers", json!({"reason": "other"})).await.expect(200);
        assert_eq!(other.presented(), ["gift"], "another reason is decided anew");
        test.act(&who, &third, "cancel", json!({})).await.expect(200);
        assert_eq!(counts(&test).await, [1, 0, 0, 1, 0]);
        let history = test.app.store.history(&who.customer.parse().unwrap()).await.unwrap();
        assert_eq!((history.sessions, history.saves), (1, 0));

        let key = test.key(Role::Analyst).await;
        let all = test.get("/v1/sessions", &key).await.expect(200);
        assert_eq!(
            all.each("/data", "reentry_of"),
            [second.body["id"].clone(), first.body["id"].clone(), Value::Null]
        );
        let path = format!("/v1/sessions/{}/explanation", third.text_at("/id"));
        let explained = test.get(&path, &key).await.expect(200);
        assert_eq!(
            explained.body["decisions"][0]["trace"]["decision"],
            explained.body["decisions"][0]["decision"]
        );
        let verified = verify(boot::verifying(&test.config, false, &test.clock).unwrap()).await.unwrap();
        assert_eq!(verified.violations, [], "{}", test.database.name);

        test.advance(HOUR);
        let period = json!({"from": "2027-03-01T00:00:00Z", "to": "2027-04-01T00:00:00Z", "version": 1});
        let asked = test.post("/v1/flows/default/backtests", &key, period).await.expect(202);
        assert_eq!(asked.body["progress"], json!({"done": 0, "total": 1}));
        assert_eq!(backtest::take_up(&test.app, || true).await.unwrap(), 1);
        let path = format!("/v1/backtests/{}/sessions", asked.text_at("/id"));
        let tried = test.get(&path, &key).await.expect(200);
        assert_eq!(tried.each("/data", "session"), [third.body["id"].clone()]);
        test
    })
    .await;
}

#[tokio::test]
async fn what_is_no_longer_possible_is_left_out_of_what_was_offered_before() {
    on_every_database(async |test| {
        test.publish(&flow("reentry_window_hours: 48\n  declined_cooldown_days: {offer: 30}")).await;
        let who = test.subscriber();
        let first = test.begin(&who, Some("too_expensive")).await.expect(201);
        let decline = format!("offers/{}/decline", first.offer("breather"));
        test.act(&who, &first, &decline, json!({})).await.expect(200);
        keep(&test, &who, &first).await;
        let second = test.begin(&who, None).await.expect(201);
        assert_eq!(second.presented(), ["half-off"]);
        test
    })
    .await;
}

#[tokio::test]
async fn a_session_left_open_past_its_time_is_gone_on_with_before_anybody_has_closed_it() {
    on_every_database(async |test| {
        test.publish(&flow("reentry_window_hours: 48")).await;
        let who = test.subscriber();
        let first = test.begin(&who, Some("too_expensive")).await.expect(201);
        test.advance(HOUR * 25);
        let second = test.begin(&who, None).await.expect(201);
        assert_eq!(second.body["reentry_of"], first.body["id"]);
        assert_eq!(counts(&test).await, [1, 1, 0, 0, 0]);
        test
    })
    .await;
}

#[tokio::test]
async fn other_ends_later_begins_other_versions_and_flows_without_a_window_are_passes_of_their_own() {
    on_every_database(async |test| {
        test.publish(&flow("reentry_window_hours: 48")).await;
        // After the window.
        let late = test.subscriber();
        let session = test.begin(&late, Some("too_expensive")).await.expect(201);
        keep(&test, &late, &session).await;
        test.advance(HOUR * 48);
        let again = test.begin(&late, None).await.expect(201);
        assert_eq!(again.body["reentry_of"], Value::Null);
        keep(&test, &late, &again).await;
        // After an accepted offer.
        let saved = test.subscriber();
        let session = test.begin(&saved, Some("too_expensive")).await.expect(201);
        test.accept(&saved, &session, "half-off").await.expect(200);
        let again = test.begin(&saved, None).await.expect(201);
        assert_eq!(again.body["reentry_of"], Value::Null);
        keep(&test, &saved, &again).await;
        // A new version decides anew, and both count as one all the same.
        let who = test.subscriber();
        let session = test.begin(&who, Some("too_expensive")).await.expect(201);
        keep(&test, &who, &session).await;
        changes_segment(&test, &who).await;
        test.publish(&flow("reentry_window_hours: 49")).await;
        let again = test.begin(&who, None).await.expect(201);
        assert_eq!((&again.body["reentry_of"], again.presented()), (&session.body["id"], vec!["gift"]));
        keep(&test, &who, &again).await;
        // Without a window.
        test.publish(FLOW).await;
        let plain = test.begin(&who, None).await.expect(201);
        assert_eq!(plain.body["reentry_of"], Value::Null);
        assert_eq!(counts(&test).await[0], 6);
        test
    })
    .await;
}
