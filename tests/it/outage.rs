//! While Stripe is away the service goes on: nobody waits for it, nothing is lost, and the way out stays open.

use std::time::{Duration, Instant};

use counteroffer::billing::BreakerState;
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

async fn comes_back(test: &TestApp) {
    test.sandbox.start_again().await.unwrap();
    test.advance(SignedDuration::from_mins(1));
}

#[actix_web::test]
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
