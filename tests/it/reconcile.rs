//! Stripe changed behind our back: what is found, what is told, what is repaired, and that it is once.

mod process;

use counteroffer::domain::ids::SubscriptionId;
use counteroffer::services::keys::Role;
use counteroffer::services::reconcile::{self, Report};
use counteroffer::services::reconciling::Reconciling;
use counteroffer::services::{App, Settings};
use counteroffer::store::{Lease, Reconciled};
use jiff::SignedDuration;
use serde_json::{Value, json};

use crate::support::app::{Answer, Subscriber, TestApp, on_every_database};

const DAY: SignedDuration = SignedDuration::from_hours(24);

async fn saved(test: &TestApp, reason: &str, offer: &str, body: Value) -> Subscriber {
    let who = test.subscriber();
    let session = test.begin(&who, Some(reason)).await.expect(201);
    let accept = format!("offers/{}/accept", session.offer(offer));
    assert_eq!(test.act(&who, &session, &accept, body).await.expect(200).body["status"], "saved");
    who
}

async fn canceled(test: &TestApp) -> Subscriber {
    let who = test.subscriber();
    let session = test.begin(&who, None).await.expect(201);
    test.act(&who, &session, "cancel", json!({})).await.expect(200);
    who
}

/// Changes the subscription in Stripe's dashboard.
fn by_hand(test: &TestApp, who: &Subscriber, form: &[(&str, &str)]) {
    test.sandbox.call("POST", &format!("/v1/subscriptions/{}", who.subscription), form).unwrap();
}

/// The item of the free features.
fn free_item(test: &TestApp, who: &Subscriber) -> Option<Value> {
    let items = test.in_stripe(who)["items"]["data"].as_array().unwrap().clone();
    items.into_iter().find(|item| item["price"]["id"] == test.free_price.as_str())
}

/// Adds an item that looks like the one that was taken away.
fn add_again(test: &TestApp, who: &Subscriber, item: &Value) {
    let mark = item["metadata"]["counteroffer_operation"].as_str().unwrap();
    let form = [
        ("subscription", who.subscription.as_str()),
        ("price", test.free_price.as_str()),
        ("metadata[counteroffer_operation]", mark),
    ];
    test.sandbox.call("POST", "/v1/subscription_items", &form).unwrap();
}

/// Free features whose time is over, taken away, and added again by somebody.
async fn overdue(test: &TestApp) -> (Subscriber, Value) {
    let who = saved(test, "missing_feature", "add-ons", json!({})).await;
    let item = free_item(test, &who).unwrap();
    test.advance(DAY * 75);
    test.work().await;
    assert_eq!(free_item(test, &who), None);
    add_again(test, &who, &item);
    (who, item)
}

/// Our application as another process would run it, hurrying.
fn replica(test: &TestApp, owner: &str) -> App {
    let every = Some(DAY);
    let reconciling = Reconciling { every, repair: true, pause: std::time::Duration::ZERO };
    let settings = Settings { reconciling, ..test.app.settings.clone() };
    App { owner: owner.to_owned(), settings, ..test.app.clone() }
}

async fn compared(test: &TestApp, repair: bool) -> Report {
    reconcile::everything(&replica(test, "command"), repair).await.unwrap()
}

/// What was found, as pairs of subscription and kind.
fn kinds(report: &Report) -> Vec<(String, &'static str)> {
    let mut found: Vec<_> =
        report.drift.iter().map(|drift| (drift.subscription.to_string(), drift.kind.as_str())).collect();
    found.sort();
    found
}

fn reads(test: &TestApp, who: &Subscriber) -> usize {
    let path = format!("/v1/subscriptions/{}", who.subscription);
    test.sandbox.calls().iter().filter(|call| call.method == "GET" && call.path == path).count()
}

async fn open(test: &TestApp, key: &str, query: &str) -> Answer {
    test.get(&format!("/v1/drift?{query}"), key).await.expect(200)
}

#[tokio::test]
async fn what_somebody_else_undid_is_found_and_left_to_a_person() {
    on_every_database(async |test| {
        let discounted = saved(&test, "too_expensive", "half-off", json!({})).await;
        let paused = saved(&test, "no_time", "breather", json!({"choice": 1})).await;
        let longer = saved(&test, "no_time", "breather", json!({"choice": 0})).await;
        let trying = saved(&test, "no_time", "more-time", json!({})).await;
        let enriched = saved(&test, "missing_feature", "add-ons", json!({})).await;
        let left = canceled(&test).await;
        assert!(compared(&test, true).await.drift.is_empty(), "{}: nothing differs", test.database.name);

        by_hand(&test, &discounted, &[("discounts", "")]);
        by_hand(&test, &paused, &[("pause_collection", "")]);
        let later = (test.clock.now() + DAY * 200).as_second().to_string();
        let form = [("pause_collection[behavior]", "void"), ("pause_collection[resumes_at]", &later)];
        by_hand(&test, &longer, &form);
        by_hand(&test, &trying, &[("trial_end", "now"), ("proration_behavior", "none")]);
        let item = free_item(&test, &enriched).unwrap()["id"].as_str().unwrap().to_owned();
        test.sandbox.call("DELETE", &format!("/v1/subscription_items/{item}"), &[]).unwrap();
        by_hand(&test, &left, &[("cancel_at_period_end", "false")]);
        test.sandbox.clear_calls();
        let report = compared(&test, true).await;
        let mut wanted = vec![
            (discounted.subscription.clone(), "discount_missing"),
            (paused.subscription.clone(), "pause_missing"),
            (longer.subscription.clone(), "pause_differs"),
            (trying.subscription.clone(), "trial_shortened"),
            (enriched.subscription.clone(), "features_missing"),
            (left.subscription.clone(), "cancel_lost"),
        ];
        wanted.sort();
        assert_eq!(kinds(&report), wanted);
        assert!(test.sandbox.calls().iter().all(|call| call.method == "GET"), "nothing is changed in Stripe");
        assert!(
            test.app
                .store
                .snapshot(&left.subscription.parse().unwrap())
                .await
                .unwrap()
                .is_some_and(|(seen, at)| !seen.cancel_at_period_end && at == test.clock.now())
        );

        let (analyst, operator) = (test.key(Role::Analyst).await, test.key(Role::Operator).await);
        assert_eq!(open(&test, &analyst, "").await.each("/data", "kind").len(), 6);
        assert_eq!(compared(&test, true).await.left(), 6);
        assert_eq!(
            open(&test, &analyst, "").await.each("/data", "kind").len(),
            6,
            "found twice, listed once"
        );
        let events = test.get("/v1/events?type=drift.found", &analyst).await.expect(200);
        assert_eq!(events.each("/data", "id").len(), 6, "and told once");
        let lost = open(&test, &analyst, "kind=cancel_lost&state=open").await;
        assert_eq!(lost.each("/data", "subscription"), [json!(left.subscription)]);
        let dismiss = format!("/v1/drift/{}/dismiss", lost.text_at("/data/0/id"));
        test.post(&dismiss, &analyst, json!({})).await.expect(403);
        let dismissed = test.post(&dismiss, &operator, json!({})).await.expect(200);
        assert_eq!(dismissed.body["state"], "dismissed");
        test.post(&dismiss, &operator, json!({})).await.expect(200);
        assert_eq!(compared(&test, true).await.left(), 5, "what was meant is not told again");

        by_hand(&test, &left, &[("cancel_at_period_end", "true")]);
        assert_eq!(compared(&test, true).await.drift.len(), 5);
        let gone = open(&test, &analyst, "state=resolved").await;
        assert_eq!(gone.each("/data", "subscription"), [json!(left.subscription)]);
        test.post(&dismiss, &operator, json!({})).await.expect(409);
        by_hand(&test, &left, &[("cancel_at_period_end", "false")]);
        assert_eq!(compared(&test, true).await.left(), 6, "back again, it is open again");
        test
    })
    .await;
}

#[tokio::test]
async fn features_left_behind_are_taken_away_once_however_many_compare() {
    on_every_database(async |test| {
        let key = test.key(Role::Analyst).await;
        let (who, item) = overdue(&test).await;
        let told = compared(&test, false).await;
        assert_eq!((kinds(&told)[0].1, told.left()), ("features_overdue", 1));
        assert!(free_item(&test, &who).is_some(), "without the word nothing is repaired");

        test.sandbox.clear_calls();
        let replicas = [replica(&test, "one"), replica(&test, "two"), replica(&test, "three")];
        let runs = replicas.iter().map(|app| reconcile::everything(app, true));
        for report in futures_util::future::join_all(runs).await {
            report.unwrap();
        }
        test.work().await;
        let mended = |call: &counteroffer::sandbox::RecordedCall| call.acted && call.method == "DELETE";
        assert_eq!(test.sandbox.calls().iter().filter(|call| mended(call)).count(), 1);
        assert_eq!(free_item(&test, &who), None);
        let path = format!("/v1/billing-operations?subscription={}", who.subscription);
        let operations = test.get(&path, &key).await.expect(200);
        assert_eq!(operations.each("/data", "effect").len(), 3, "given, taken away, and repaired");
        compared(&test, true).await;
        let repaired = open(&test, &key, "state=repaired").await;
        let repair = repaired.body["data"][0]["repair"].clone();
        assert!(operations.each("/data", "id").contains(&repair));

        add_again(&test, &who, &item);
        test.advance(DAY);
        assert_eq!(compared(&test, true).await.left(), 0);
        assert_eq!(free_item(&test, &who), None, "found again, repaired again");
        assert_eq!(test.get(&path, &key).await.expect(200).each("/data", "effect").len(), 4);
        test
    })
    .await;
}

#[tokio::test]
async fn a_repair_that_dies_half_way_is_ended_by_the_worker() {
    on_every_database(async |test| {
        let (who, _) = overdue(&test).await;
        let report = compared(&test, false).await;
        // The process that has written the repair dies before it asks Stripe.
        let repair = test.app.store.repair_drift(report.drift[0].id, test.clock.now()).await.unwrap();
        assert!(repair.is_some());
        let again = test.app.store.repair_drift(report.drift[0].id, test.clock.now()).await.unwrap();
        assert_eq!(again, None);
        let meanwhile = compared(&test, true).await;
        assert_eq!(meanwhile.not_compared.len(), 1, "what is under way is left alone");
        assert_eq!(test.work().await, 1);
        assert_eq!(free_item(&test, &who), None);
        assert_eq!(compared(&test, true).await.left(), 0);
        let key = test.key(Role::Analyst).await;
        assert_eq!(open(&test, &key, "").await.each("/data", "state"), ["repaired"]);
        test
    })
    .await;
}

#[tokio::test]
async fn once_a_day_one_process_compares_and_another_goes_on_where_it_stopped() {
    on_every_database(async |test| {
        let mut people = Vec::new();
        for _ in 0..5 {
            people.push(canceled(&test).await);
        }
        people.sort_by(|a, b| a.subscription.cmp(&b.subscription));
        let (one, two) = (replica(&test, "one"), replica(&test, "two"));
        test.sandbox.clear_calls();
        let steps = std::cell::Cell::new(0);
        let going = || steps.replace(steps.get() + 1) < 2;
        assert!(!reconcile::daily(&one, going).await.unwrap());
        let seen = || people.iter().map(|who| reads(&test, who)).collect::<Vec<_>>();
        assert_eq!(seen(), [1, 1, 0, 0, 0]);

        // Another takes up the third, notes it, and dies: its lease runs out.
        let now = test.clock.now();
        let lease = Lease { owner: "dead".to_owned(), until: now + SignedDuration::from_secs(60) };
        let cursor = test.app.store.claim_reconciliation(lease.clone(), now, DAY).await.unwrap().unwrap();
        assert_eq!(cursor.map(|id| id.to_string()), Some(people[1].subscription.clone()));
        let third: SubscriptionId = people[2].subscription.parse().unwrap();
        let noted = Reconciled { subscription: third, drifts: Some(Vec::new()), lease: Some(lease), now };
        assert!(test.app.store.record_reconciled(noted.clone()).await.unwrap().is_some());
        assert!(!reconcile::daily(&two, || true).await.unwrap(), "somebody is at it");
        test.advance(SignedDuration::from_secs(61));
        assert!(reconcile::daily(&two, || true).await.unwrap());
        assert_eq!(seen(), [1, 1, 0, 1, 1]);
        let late = test.app.store.record_reconciled(noted).await.unwrap();
        assert_eq!(late, None, "who has lost the lease writes nothing");

        assert!(!reconcile::daily(&one, || true).await.unwrap(), "once a day");
        test.advance(DAY);
        assert!(reconcile::daily(&one, || true).await.unwrap());
        assert_eq!(seen(), [2, 2, 1, 2, 2]);
        test
    })
    .await;
}

#[tokio::test]
async fn while_stripe_is_away_the_rest_waits() {
    on_every_database(async |test| {
        for _ in 0..4 {
            canceled(&test).await;
        }
        let app = replica(&test, "one");
        test.sandbox.stop().await;
        assert!(reconcile::daily(&app, || true).await.is_err());
        let report = compared(&test, true).await;
        assert_eq!((report.not_compared.len(), report.drift.len()), (4, 0));
        test.sandbox.start_again().await.unwrap();
        // Stripe is left alone for a while, then asked by one call at a time until two have come back.
        test.advance(SignedDuration::from_mins(1));
        for _ in 0..2 {
            app.gateway.check().await.unwrap();
        }
        assert!(reconcile::daily(&app, || true).await.unwrap(), "it is taken up again");
        test
    })
    .await;
}

#[tokio::test]
async fn what_has_ended_or_is_over_asks_nothing_of_stripe() {
    on_every_database(async |test| {
        let who = test.subscriber();
        let session = test.begin(&who, None).await.expect(201);
        test.act(&who, &session, "cancel", json!({"when": "now"})).await.expect(200);
        let over = saved(&test, "too_expensive", "half-off", json!({})).await;
        test.advance(DAY * 100);
        test.sandbox.clear_calls();
        let report = compared(&test, true).await;
        assert_eq!((report.subscriptions, report.asked, report.drift.len()), (2, 0, 0));
        assert_eq!(reads(&test, &who) + reads(&test, &over), 0);
        test
    })
    .await;
}
