//! Signals: raised when facts change and when time alone changes them, once per subscription and cooldown.

use counteroffer::boot;
use counteroffer::services::keys::Role;
use counteroffer::services::signals;
use futures_util::future::join_all;
use jiff::SignedDuration;
use reqwest::Method;
use serde_json::{Value, json};

use crate::support::app::{Subscriber, TestApp, on_every_database};

const FLOW: &str = "key: default
segments:
  away: {attribute: usage.days_since_seen, gte: 14}
  ending: {attribute: subscription.cancel_scheduled, eq: true}
  large: {attribute: customer.seats, gte: 100}
rules: [{otherwise: true, present: []}]
signals:
  losing-interest: {when: {segments: [away, large]}, cooldown_days: 30}
  set-to-end: {when: {segments: [ending]}, cooldown_days: 10}
";

fn days(days: i64) -> SignedDuration {
    SignedDuration::from_hours(24 * days)
}

/// A subscriber whose subscription is known.
async fn known(test: &TestApp) -> Subscriber {
    let who = test.subscriber();
    let session = test.begin(&who, None).await.expect(201);
    test.act(&who, &session, "keep", json!({})).await.expect(200);
    who
}

/// The keys of the signals that events tell of, newest first.
async fn told(test: &TestApp, key: &str) -> Vec<Value> {
    let events = test.get("/v1/events?type=signal.raised", key).await.expect(200);
    events.each("/data", "data").into_iter().map(|data| data["key"].clone()).collect()
}

#[tokio::test]
async fn time_alone_raises_a_signal_once_per_cooldown() {
    on_every_database(async |test| {
        test.publish(FLOW).await;
        let (key, who) = (test.key(Role::Server).await, known(&test).await);
        let quiet = known(&test).await;
        test.post(&format!("/v1/customers/{}/activity", who.customer), &key, json!({})).await.expect(200);
        let after = async |more: i64| {
            test.advance(days(more));
            signals::drain(&test.app).await.unwrap();
            told(&test, &key).await.len()
        };
        assert_eq!([after(0).await, after(13).await, after(1).await, after(1).await], [0, 0, 1, 1]);
        let listed = test.get("/v1/signals", &key).await.expect(200);
        assert_eq!(listed.each("/data", "key"), ["losing-interest"], "{}", listed.text);
        assert_eq!(listed.text_at("/data/0/customer"), who.customer);
        assert_eq!(listed.text_at("/data/0/subscription"), who.subscription);
        assert_eq!(listed.body["data"][0]["segments"], json!(["away"]));
        assert_eq!(listed.text_at("/data/0/raised_at"), "2027-03-15T12:00:00Z");
        assert_eq!([after(28).await, after(1).await, after(1).await], [1, 2, 2]);
        let again = test.get("/v1/signals", &key).await.expect(200);
        assert_eq!(again.body["data"].as_array().unwrap().len(), 1);
        assert_ne!(again.text_at("/data/0/id"), listed.text_at("/data/0/id"));
        let none =
            test.get(&format!("/v1/signals?subscription={}", quiet.subscription), &key).await.expect(200);
        assert!(none.each("/data", "key").is_empty());
        for wrong in ["cursor=evn_1", "limit=0", "key=A", "signal=x"] {
            test.get(&format!("/v1/signals?{wrong}"), &key).await.expect(400);
        }
        test
    })
    .await;
}

#[tokio::test]
async fn what_changes_facts_raises_a_signal_without_waiting_for_the_day() {
    on_every_database(async |test| {
        test.publish(FLOW).await;
        let (key, who) = (test.key(Role::Server).await, known(&test).await);
        signals::drain(&test.app).await.unwrap();
        assert_eq!(signals::drain(&test.app).await.unwrap(), 0, "nothing is due");
        let profile = json!({"stripe_customer": who.customer, "attributes": {"seats": 100}});
        test.send(Method::PUT, "/v1/customers/ada", &key, Some(profile), &[]).await.expect(200);
        assert_eq!(signals::drain(&test.app).await.unwrap(), 1);
        assert_eq!(told(&test, &key).await, ["losing-interest"]);
        let path = format!("/v1/subscriptions/{}", who.subscription);
        test.advance(SignedDuration::from_secs(1));
        test.sandbox.call("POST", &path, &[("cancel_at_period_end", "true")]).unwrap();
        test.sandbox.deliver_all().await;
        signals::drain(&test.app).await.unwrap();
        assert_eq!(told(&test, &key).await, ["set-to-end", "losing-interest"]);
        let mine = test.get("/v1/signals?customer=ada&limit=1", &key).await.expect(200);
        assert_eq!(mine.each("/data", "key"), ["set-to-end"]);
        let next = format!("/v1/signals?customer=ada&cursor={}", mine.text_at("/next_cursor"));
        assert_eq!(test.get(&next, &key).await.expect(200).each("/data", "key"), ["losing-interest"]);
        test.send(Method::DELETE, "/v1/customers/ada", &key, None, &[]).await.expect(204);
        assert!(test.get("/v1/signals", &key).await.expect(200).each("/data", "key").is_empty());
        test
    })
    .await;
}

#[tokio::test]
async fn whoever_looks_at_the_same_time_raises_once() {
    on_every_database(async |test| {
        test.publish(FLOW).await;
        let key = test.key(Role::Server).await;
        let mut subscribers = Vec::new();
        for number in 0..20 {
            let who = known(&test).await;
            let profile = json!({"stripe_customer": who.customer, "attributes": {"seats": 200}});
            let path = format!("/v1/customers/user-{number}");
            test.send(Method::PUT, &path, &key, Some(profile), &[]).await.expect(200);
            subscribers.push(who);
        }
        // A second process, where the database serves several.
        let second = boot::app(&test.config, test.clock.clone()).await.ok();
        let apps: Vec<_> = std::iter::once(&test.app).chain(&second).cycle().take(6).collect();
        for looked in join_all(apps.into_iter().map(signals::drain)).await {
            looked.unwrap();
        }
        // Leases that ran out let others look again.
        test.clock.advance(days(2));
        signals::drain(&test.app).await.unwrap();
        assert_eq!(told(&test, &key).await.len(), subscribers.len());
        if let Some(second) = second {
            second.store.close().await;
        }
        test
    })
    .await;
}
