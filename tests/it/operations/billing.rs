//! Billing operations as operations see them, and the retry by hand.

use counteroffer::sandbox::{Fault, FaultKind};
use counteroffer::services::keys::Role;
use jiff::SignedDuration;
use reqwest::Method;
use serde_json::{Value, json};

use crate::support::app::{Answer, Subscriber, TestApp, on_every_database};

/// A session whose cancellation Stripe refuses.
async fn stuck(test: &TestApp) -> (Subscriber, Answer) {
    let who = test.subscriber();
    let session = test.begin(&who, None).await.expect(201);
    let path = format!("/v1/subscriptions/{}", who.subscription);
    test.sandbox.script(Fault::once(
        "POST",
        &path,
        FaultKind::Decline { code: "generic_decline".to_owned() },
    ));
    let received = test.act(&who, &session, "cancel", json!({})).await.expect(202);
    assert_eq!(received.body["status"], "in_progress", "nobody is told canceled before Stripe has said so");
    assert_eq!(received.body["billing"]["state"], "needs_attention");
    assert!(received.text_at("/billing/detail").contains("received your cancellation"));
    (who, session)
}

#[tokio::test]
async fn a_cancellation_that_stripe_refuses_waits_for_a_person_and_is_carried_out_then() {
    on_every_database(async |test| {
        let key = test.key(Role::Operator).await;
        let (who, session) = stuck(&test).await;
        assert_eq!(test.in_stripe(&who)["cancel_at_period_end"], false);
        test.advance(SignedDuration::from_hours(1));
        assert_eq!(test.work().await, 0, "a person has to look");
        let again = test.act(&who, &session, "cancel", json!({})).await;
        assert_eq!(again.body["status"], "in_progress", "{}", again.text);

        let waiting = test.get("/v1/billing-operations?state=needs_attention", &key).await.expect(200);
        assert_eq!(waiting.each("/data", "session"), [session.body["id"].clone()]);
        assert_eq!(waiting.text_at("/data/0/effect"), "cancel");
        assert_eq!(waiting.text_at("/data/0/problem/code"), "card_declined");
        let rows = test.get("/v1/sessions", &key).await.expect(200);
        assert_eq!(rows.each("/data", "needs_attention"), [true]);

        let retry = format!("/v1/billing-operations/{}/retry", waiting.text_at("/data/0/id"));
        test.post(&retry, &test.key(Role::Analyst).await, json!({})).await.expect(403);
        test.post(&retry, &test.token(&who), json!({})).await.expect(403);
        let once = [("idempotency-key", "retry-1")];
        let done = test.send(Method::POST, &retry, &key, Some(json!({})), &once).await.expect(200);
        assert_eq!(done.body["state"], "applied", "{}", done.text);
        assert_eq!((&done.body["problem"], &done.body["attempts"]), (&Value::Null, &json!(2)));
        let canceled = test.read(&who, &session).await.expect(200);
        assert_eq!(canceled.body["status"], "canceled");
        assert_eq!(canceled.body["billing"]["state"], "applied");
        assert_eq!(test.in_stripe(&who)["cancel_at_period_end"], true);
        let rows = test.get("/v1/sessions", &key).await.expect(200);
        assert_eq!(rows.each("/data", "needs_attention"), [false]);

        let refused = test.post(&retry, &key, json!({})).await.expect(409);
        assert_eq!(refused.text_at("/code"), "operation_not_retriable");
        assert_eq!(refused.text_at("/state"), "applied");
        let replayed = test.send(Method::POST, &retry, &key, Some(json!({})), &once).await.expect(200);
        assert_eq!(replayed.text, done.text);
        test.post("/v1/billing-operations/bop_none/retry", &key, json!({})).await.expect(404);
        test
    })
    .await;
}

#[tokio::test]
async fn a_retry_that_fails_again_leaves_it_for_the_next() {
    on_every_database(async |test| {
        let key = test.key(Role::Operator).await;
        let (who, session) = stuck(&test).await;
        let waiting = test.get("/v1/billing-operations", &key).await.expect(200);
        let retry = format!("/v1/billing-operations/{}/retry", waiting.text_at("/data/0/id"));
        let path = format!("/v1/subscriptions/{}", who.subscription);
        let decline = FaultKind::Decline { code: "generic_decline".to_owned() };
        test.sandbox.script(Fault { times: 9, ..Fault::once("POST", &path, decline) });
        let failed = test.post(&retry, &key, json!({})).await.expect(200);
        assert_eq!(failed.body["state"], "needs_attention");
        assert_eq!(test.read(&who, &session).await.body["billing"]["state"], "needs_attention");
        test.sandbox.clear_faults();
        test.advance(SignedDuration::from_hours(25));
        let done = test.post(&retry, &key, json!({})).await.expect(200);
        assert_eq!(done.body["state"], "applied", "{}", done.text);
        assert_eq!(test.read(&who, &session).await.body["status"], "canceled");
        test
    })
    .await;
}

#[tokio::test]
async fn operations_are_listed_newest_first_and_filtered() {
    on_every_database(async |test| {
        let key = test.key(Role::Analyst).await;
        let mut told = Vec::new();
        for (reason, offer) in
            [("too_expensive", "half-off"), ("no_time", "more-time"), ("missing_feature", "talk")]
        {
            test.advance(SignedDuration::from_secs(1));
            let who = test.subscriber();
            let session = test.begin(&who, Some(reason)).await.expect(201);
            told.insert(0, (who, session, offer));
        }
        for (who, session, offer) in told.iter().rev() {
            test.advance(SignedDuration::from_secs(1));
            test.accept(who, session, offer).await.expect(200);
        }
        let (who, session) = stuck(&test).await;

        let all = test.get("/v1/billing-operations", &key).await.expect(200);
        assert_eq!(all.each("/data", "effect"), ["cancel", "extend_trial", "discount"]);
        let ids = all.each("/data", "id");
        let only = async |query: String| {
            test.get(&format!("/v1/billing-operations?{query}"), &key).await.expect(200).each("/data", "id")
        };
        assert_eq!(only("state=applied".to_owned()).await, ids[1..]);
        assert!(only("state=rejected".to_owned()).await.is_empty());
        assert_eq!(only(format!("session={}", session.text_at("/id"))).await, ids[..1]);
        assert_eq!(only(format!("subscription={}", who.subscription)).await, ids[..1]);
        assert!(only(format!("subscription={}&state=applied", who.subscription)).await.is_empty());

        let first = test.get("/v1/billing-operations?limit=2", &key).await.expect(200);
        assert_eq!(first.each("/data", "id"), ids[..2]);
        let next = first.text_at("/next_cursor");
        let second =
            test.get(&format!("/v1/billing-operations?limit=2&cursor={next}"), &key).await.expect(200);
        assert_eq!(second.each("/data", "id"), ids[2..]);
        assert_eq!(second.body["next_cursor"], Value::Null);
        let exact = test.get("/v1/billing-operations?limit=3", &key).await.expect(200);
        assert_eq!(exact.body["next_cursor"], Value::Null, "nothing comes after the last");
        test.get("/v1/billing-operations?state=lost", &key).await.expect(400);
        test
    })
    .await;
}
