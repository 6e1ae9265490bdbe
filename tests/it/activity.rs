//! Activity that the app tells of: idempotent by day, bounded in time, counted in the decision with its source and age.

use counteroffer::services::keys::Role;
use futures_util::future::join_all;
use jiff::SignedDuration;
use reqwest::Method;
use serde_json::{Value, json};

use crate::support::app::{TestApp, on_every_database};

/// Offers a talk to those who fade, a mug to everybody else.
const FLOW: &str = "key: default
segments:
  fading: {any: [{attribute: usage.trend, lte: -50}, {attribute: usage.days_since_seen, gte: 14}]}
offers:
  talk: {type: contact, terms: {url: 'https://example.com'}}
  mug: {type: custom, terms: {gift: mug}}
rules:
  - {when: {segments: [fading]}, present: [talk]}
  - {otherwise: true, present: [mug]}
";

const DAY: SignedDuration = SignedDuration::from_hours(24);

/// The instant so many days ago, as JSON.
fn ago(test: &TestApp, days: i64) -> Value {
    json!(test.clock.now() - SignedDuration::from_hours(24 * days))
}

/// Tells of days, so many days ago, of one customer in one batch.
async fn batch(test: &TestApp, key: &str, customer: &str, days: &[i64]) {
    let data: Vec<_> =
        days.iter().map(|days| json!({"customer": customer, "at": ago(test, *days)})).collect();
    test.post("/v1/activity", key, json!({"data": data})).await.expect(200);
}

#[tokio::test]
async fn a_day_counts_once() {
    on_every_database(async |test| {
        let key = test.key(Role::Server).await;
        let path = "/v1/customers/ada/activity";
        test.get(path, &key).await.expect(404);
        let first = test.send(Method::POST, path, &key, None, &[]).await.expect(200);
        assert_eq!(first.body["active_days_7"], 1);
        assert_eq!((&first.body["trend"], first.text_at("/last_active_day")), (&Value::Null, "2027-03-01"));
        test.clock.advance(SignedDuration::from_hours(2));
        let again = test.post(path, &key, json!({})).await.expect(200);
        assert_eq!(again.body, first.body, "nothing is written for a day that is known");
        test.post(path, &key, json!({"at": ago(&test, 8)})).await.expect(200);
        batch(&test, &key, "ada", &[8, 8, 29, 30, 89, 90, 120]).await;
        let read = test.get(path, &test.key(Role::Analyst).await).await.expect(200);
        for (name, wanted) in [("active_days_7", 1), ("active_days_30", 3), ("active_days_90", 5)] {
            assert_eq!(read.body[name], wanted, "{name} in {}", read.text);
        }
        assert_eq!((&read.body["stickiness"], &read.body["trend"]), (&json!(10.0), &json!(200.0)));
        test.clock.advance(DAY * 3);
        assert_eq!(test.get(path, &key).await.expect(200).body["days_since_seen"], 3);
        test
    })
    .await;
}

#[tokio::test]
async fn what_lies_too_far_ahead_or_back_is_refused_by_place_and_nothing_is_written() {
    on_every_database(async |test| {
        let key = test.key(Role::Server).await;
        let at = |minutes: i64| json!(test.clock.now() + SignedDuration::from_mins(minutes));
        for (minutes, code) in [(6, "in_the_future"), (-24 * 60 * 120 - 1, "too_late")] {
            let refused = test.post("/v1/customers/ada/activity", &key, json!({"at": at(minutes)})).await;
            let refused = refused.expect(422);
            assert_eq!(
                (refused.text_at("/errors/0/pointer"), refused.text_at("/errors/0/code")),
                ("/at", code)
            );
            let good = json!({"customer": "bob"});
            let bad = json!({"customer": "ada", "at": at(minutes)});
            let refused = test.post("/v1/activity", &key, json!({"data": [good, bad]})).await.expect(422);
            assert_eq!(refused.each("/errors", "pointer"), ["/data/1/at"]);
        }
        for body in [
            json!({}),
            json!({"data": []}),
            json!({"data": vec![json!({"customer": "ada"}); 1001]}),
            json!({"data": [{"customer": ""}]}),
            json!({"data": [{"customer": "a", "on": 1}]}),
        ] {
            test.post("/v1/activity", &key, body).await.expect(400);
        }
        test.post("/v1/customers/ada/activity", &key, json!({"at": "yesterday"})).await.expect(400);
        for customer in ["ada", "bob", "a"] {
            test.get(&format!("/v1/customers/{customer}/activity"), &key).await.expect(404);
        }
        test.post("/v1/customers/ada/activity", &key, json!({"at": at(5)})).await.expect(200);
        test.post("/v1/customers/ada/activity", &key, json!({"at": at(-24 * 60 * 120)})).await.expect(200);
        test
    })
    .await;
}

#[tokio::test]
async fn days_told_at_once_are_all_kept() {
    on_every_database(async |test| {
        let key = &test.key(Role::Server).await;
        let tell = async |days: i64| {
            let body = json!({"data": [{"customer": "ada", "at": ago(&test, days)}, {"customer": "bob", "at": ago(&test, days % 7)}]});
            test.post("/v1/activity", key, body).await.expect(200);
        };
        join_all((0..40).map(tell)).await;
        for (customer, days) in [("ada", 40), ("bob", 7)] {
            let read = test.get(&format!("/v1/customers/{customer}/activity"), key).await.expect(200);
            assert_eq!(read.body["active_days_90"], days, "{customer}");
        }
        test
    })
    .await;
}

#[tokio::test]
async fn usage_decides_and_the_trace_says_from_where_and_since_when() {
    on_every_database(async |test| {
        test.publish(FLOW).await;
        let (key, staff) = (test.key(Role::Server).await, test.key(Role::Analyst).await);
        let (faded, new) = (test.subscriber(), test.subscriber());
        // Ten days of the month before, two of this one.
        let days: Vec<i64> = (40..50).chain([2, 20, 100]).collect();
        batch(&test, &key, &faded.customer, &days).await;
        batch(&test, &key, &new.customer, &[0]).await;
        test.advance(SignedDuration::from_mins(30));
        let session = test.begin(&faded, None).await.expect(201);
        assert_eq!(session.presented(), ["talk"]);
        assert_eq!(test.begin(&new, None).await.expect(201).presented(), ["mug"]);
        let path = format!("/v1/sessions/{}/explanation", session.text_at("/id"));
        let explained = test.get(&path, &staff).await.expect(200);
        let facts = explained.body["decisions"][0]["trace"]["facts"].as_array().unwrap().clone();
        let trend = facts.iter().find(|fact| fact["attribute"] == "usage.trend");
        let wanted =
            json!({"attribute": "usage.trend", "value": -80, "source": "usage", "age_seconds": 1800});
        assert_eq!(trend, Some(&wanted));
        test
    })
    .await;
}

#[tokio::test]
async fn activity_goes_with_the_customer() {
    on_every_database(async |test| {
        let key = test.key(Role::Server).await;
        for customer in ["ada", "bob"] {
            batch(&test, &key, customer, &[0, 1]).await;
        }
        test.send(Method::DELETE, "/v1/customers/ada", &key, None, &[]).await.expect(204);
        test.get("/v1/customers/ada/activity", &key).await.expect(404);
        test.get("/v1/customers/bob/activity", &key).await.expect(200);
        test
    })
    .await;
}
