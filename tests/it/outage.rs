//! While Stripe is away the service goes on: nobody waits for it, nothing is lost, and the way out stays open.

use std::time::{Duration, Instant};

use counteroffer::billing::BreakerState;
use counteroffer::services::keys::Role;
use jiff::SignedDuration;
use serde_json::json;

use crate::support::app::{Subscriber, TestApp, on_every_database};

/// A subscriber whose picture is in the database, but no longer fresh.
async fn known(test: &TestApp) -> Subscriber {
    let who = test.subscriber();
    let session = test.begin(&who, None).await.expect(201);
    test.act(&who, &session, "keep", json!({})).await.expect(200);
    test.advance(SignedDuration::from_mins(10));
    who
}

/// Takes Stripe away until that is known.
async fn goes_away(test: &TestApp) {
    test.sandbox.stop().await;
    while test.app.gateway.breaker() != BreakerState::Open {
        test.app.gateway.check().await.unwrap_err();
    }
}

#[tokio::test]
async fn a_picture_too_old_leaves_what_asks_nothing_of_billing_and_the_way_out() {
    on_every_database(async |test| {
        let who = known(&test).await;
        test.advance(SignedDuration::from_hours(70));
        goes_away(&test).await;
        let seen = who_saw(&test, &who, "missing_feature").await;
        assert_eq!(seen, ["add-ons", "talk"], "what is three days old will do");
        test.advance(SignedDuration::from_hours(3));
        let seen = who_saw(&test, &who, "missing_feature").await;
        assert_eq!(seen, ["talk"]);
        comes_back(&test).await;
        test.app.gateway.check().await.unwrap();
        test.app.gateway.check().await.unwrap();
        assert_eq!(who_saw(&test, &who, "missing_feature").await, ["add-ons", "talk"]);
        test
    })
    .await;
}

/// Begins a session and keeps the subscription; says what was presented. The explanation says how old it was.
async fn who_saw(test: &TestApp, who: &Subscriber, reason: &str) -> Vec<String> {
    let session = test.begin(who, Some(reason)).await.expect(201);
    assert!(session.body["exit"]["cancel_url"].is_string());
    let as_of = session.text_at("/subscription/as_of").to_owned();
    let presented = session.presented().into_iter().map(str::to_owned).collect();
    let key = test.key(Role::Analyst).await;
    let path = format!("/v1/sessions/{}/explanation", session.text_at("/id"));
    let explained = test.get(&path, &key).await.expect(200);
    assert_eq!(explained.text_at("/decisions/0/snapshot_at"), as_of);
    for left_out in explained.each("/decisions/0/decision/left_out", "code") {
        assert_eq!(left_out, "stale_snapshot");
    }
    test.act(who, &session, "keep", json!({})).await.expect(200);
    presented
}

#[tokio::test]
async fn a_subscriber_never_seen_before_is_offered_what_asks_nothing_of_billing() {
    on_every_database(async |test| {
        let who = test.subscriber();
        goes_away(&test).await;
        let started = Instant::now();
        let session = test.begin(&who, Some("missing_feature")).await.expect(201);
        assert!(started.elapsed() < Duration::from_millis(700), "{:?}", started.elapsed());
        assert_eq!(session.presented(), ["talk"]);
        let key = test.key(Role::Analyst).await;
        let path = format!("/v1/sessions/{}/explanation", session.text_at("/id"));
        let explained = test.get(&path, &key).await.expect(200);
        assert_eq!(explained.each("/decisions/0/decision/left_out", "code"), ["subscription_unknown"]);
        let saved = test.accept(&who, &session, "talk").await.expect(200);
        assert_eq!(saved.body["status"], "saved");
        test
    })
    .await;
}

async fn comes_back(test: &TestApp) {
    test.sandbox.start_again().await.unwrap();
    test.advance(SignedDuration::from_mins(1));
}

#[tokio::test]
async fn a_session_begins_and_a_cancel_is_recorded_without_waiting_for_a_stripe_known_to_be_away() {
    on_every_database(async |test| {
        let who = known(&test).await;
        goes_away(&test).await;
        let ready = test.get("/readyz", "").await.expect(200);
        assert_eq!(ready.body, json!({"status": "ok", "checks": {"store": "ok", "stripe": "unavailable"}}));

        let started = Instant::now();
        let session = test.begin(&who, Some("too_expensive")).await.expect(201);
        assert!(started.elapsed() < Duration::from_millis(700), "{:?}", started.elapsed());
        assert_eq!(session.presented(), ["half-off", "breather"]);
        assert!(session.body["exit"]["cancel_url"].is_string());

        let canceled = test.act(&who, &session, "cancel", json!({})).await.expect(202);
        assert_eq!(canceled.body["billing"]["state"], "applying");
        test.advance(SignedDuration::from_secs(4));
        assert_eq!(test.work().await, 0, "operations are left alone while Stripe is");
        let text = test.get("/metrics", "").await.expect(200).text;
        assert!(text.contains("counteroffer_stripe_breaker_state{state=\"open\"} 1"), "{text}");
        assert!(text.contains("counteroffer_stale_snapshot_age_seconds_count 1"), "{text}");

        comes_back(&test).await;
        assert_eq!(test.work().await, 1);
        assert_eq!(test.in_stripe(&who)["cancel_at_period_end"], true);
        assert_eq!(test.read(&who, &session).await.body["status"], "canceled");
        let ready = test.get("/readyz", "").await.expect(200);
        assert_eq!(ready.body["checks"]["stripe"], "ok");
        test
    })
    .await;
}
