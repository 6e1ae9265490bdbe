//! Applied operations undone by operations, as far as Stripe takes things back.

use counteroffer::sandbox::{Fault, FaultKind};
use counteroffer::services::keys::Role;
use jiff::SignedDuration;
use reqwest::Method;
use serde_json::{Value, json};

use crate::support::app::{Answer, Subscriber, TestApp, on_every_database};

const DAYS: SignedDuration = SignedDuration::from_hours(24);

/// Begins with a reason and accepts an offer, which is applied.
async fn accepted(test: &TestApp, reason: &str, offer: &str, body: Value) -> (Subscriber, Answer) {
    let who = test.subscriber();
    let session = test.begin(&who, Some(reason)).await.expect(201);
    let path = format!("offers/{}/accept", session.offer(offer));
    test.act(&who, &session, &path, body).await.expect(200);
    (who, session)
}

/// The operation that carried out the session's offer or cancellation.
async fn operation(test: &TestApp, session: &Answer) -> Value {
    let key = test.key(Role::Operator).await;
    let path = format!("/v1/billing-operations?session={}", session.text_at("/id"));
    let listed = test.get(&path, &key).await.expect(200);
    let follows = [json!("detach_features"), json!("resume")];
    let first = |one: &&Value| one["undoes"].is_null() && !follows.contains(&one["effect"]);
    listed.body["data"].as_array().unwrap().iter().find(first).unwrap().clone()
}

async fn undo(test: &TestApp, session: &Answer) -> Answer {
    let key = test.key(Role::Operator).await;
    let id = operation(test, session).await["id"].as_str().unwrap().to_owned();
    test.post(&format!("/v1/billing-operations/{id}/undo"), &key, json!({"reason": "given by mistake"})).await
}

async fn is_undone(test: &TestApp, session: &Answer) {
    let undone = undo(test, session).await.expect(200);
    assert_eq!(undone.body["state"], "applied", "{}", undone.text);
    let before = operation(test, session).await;
    assert_eq!(undone.body["undoes"], before["id"]);
    assert_eq!(before["undone_by"], undone.body["id"]);
    // Nothing is left to repair or to tell.
    let report = counteroffer::services::reconcile::everything(&test.app, true).await.unwrap();
    assert!(report.drift.is_empty(), "{:?}", report.drift);
}

#[tokio::test]
async fn a_discount_is_taken_off_and_the_others_stay() {
    on_every_database(async |test| {
        let (who, session) = accepted(&test, "too_expensive", "half-off", json!({})).await;
        let ours = test.in_stripe(&who)["discounts"][0].as_str().unwrap().to_owned();
        let coupon = [("percent_off", "10"), ("duration", "forever")];
        let coupon = test.sandbox.create("coupons", &coupon).unwrap();
        let both = [("discounts[0][discount]", ours.as_str()), ("discounts[1][coupon]", &coupon)];
        test.sandbox.call("POST", &format!("/v1/subscriptions/{}", who.subscription), &both).unwrap();
        is_undone(&test, &session).await;
        let left = test.in_stripe(&who)["discounts"].as_array().unwrap().clone();
        assert_eq!(left.len(), 1);
        assert_eq!(
            test.sandbox.object(left[0].as_str().unwrap()).unwrap()["source"]["coupon"],
            coupon.as_str()
        );
        let session = test.read(&who, &session).await.expect(200);
        assert_eq!(session.body["status"], "saved", "what the subscriber did stays as it was");
        test
    })
    .await;
}

#[tokio::test]
async fn what_is_gone_already_counts_as_undone() {
    on_every_database(async |test| {
        let (who, session) = accepted(&test, "too_expensive", "half-off", json!({})).await;
        let path = format!("/v1/subscriptions/{}", who.subscription);
        test.sandbox.call("POST", &path, &[("discounts", "")]).unwrap();
        test.sandbox.clear_calls();
        is_undone(&test, &session).await;
        assert!(test.sandbox.calls().iter().all(|call| call.method == "GET"));
        let (who, session) = accepted(&test, "too_expensive", "half-off", json!({})).await;
        test.sandbox.call("DELETE", &format!("/v1/subscriptions/{}", who.subscription), &[]).unwrap();
        let undone = undo(&test, &session).await.expect(200);
        assert_eq!(undone.body["state"], "applied", "{}", undone.text);
        test
    })
    .await;
}

#[tokio::test]
async fn a_pause_is_ended_and_that_of_somebody_else_is_left_alone() {
    on_every_database(async |test| {
        let (who, session) = accepted(&test, "no_time", "breather", json!({"choice": 0})).await;
        is_undone(&test, &session).await;
        assert_eq!(test.in_stripe(&who)["pause_collection"], Value::Null);
        let (who, session) = accepted(&test, "no_time", "breather", json!({"choice": 0})).await;
        // Another pause, which does not bear our mark.
        let path = format!("/v1/subscriptions/{}", who.subscription);
        let other = [("pause_collection[behavior]", "keep_as_draft"), ("metadata[counteroffer_pause]", "")];
        test.sandbox.call("POST", &path, &other).unwrap();
        let undone = undo(&test, &session).await.expect(200);
        assert_eq!(undone.body["state"], "needs_attention", "{}", undone.text);
        assert_eq!(test.in_stripe(&who)["pause_collection"]["behavior"], "keep_as_draft");
        test
    })
    .await;
}

#[tokio::test]
async fn a_longer_trial_gets_its_former_end_while_that_is_to_come() {
    on_every_database(async |test| {
        let (who, session) = accepted(&test, "no_time", "more-time", json!({})).await;
        let item = &test.in_stripe(&who)["items"]["data"][0];
        let extended = item["current_period_end"].as_i64().unwrap();
        is_undone(&test, &session).await;
        assert_eq!(test.in_stripe(&who)["trial_end"], extended - 14 * 86_400);
        let (_, session) = accepted(&test, "no_time", "more-time", json!({})).await;
        test.advance(DAYS * 35);
        undo(&test, &session).await.expect(409);
        test
    })
    .await;
}

#[tokio::test]
async fn free_features_are_taken_away_at_once_and_that_is_told_once() {
    on_every_database(async |test| {
        let (who, session) = accepted(&test, "missing_feature", "add-ons", json!({})).await;
        is_undone(&test, &session).await;
        assert_eq!(test.in_stripe(&who)["items"]["data"].as_array().unwrap().len(), 1);
        test.advance(DAYS * 70);
        test.work().await;
        let events =
            test.get("/v1/events?type=features.ended", &test.key(Role::Analyst).await).await.expect(200);
        assert_eq!(events.body["data"].as_array().unwrap().len(), 1, "{}", events.text);
        test
    })
    .await;
}

#[tokio::test]
async fn a_credit_is_set_against_the_balance_once_whatever_is_lost() {
    on_every_database(async |test| {
        let flow = json!({
            "key": "default", "reasons": [], "segments": {},
            "offers": {"thanks": {"type": "credit", "terms": {"amount": 1500, "currency": "usd"}}},
            "rules": [{"otherwise": true, "present": ["thanks"]}],
            "policy": {"budgets": [{"offer_types": ["credit"], "per": "month", "amount": 1500, "currency": "usd"}]},
        });
        test.publish(&flow.to_string()).await;
        let who = test.subscriber();
        let session = test.begin(&who, None).await.expect(201);
        test.accept(&who, &session, "thanks").await.expect(200);
        assert!(test.begin(&test.subscriber(), None).await.expect(201).presented().is_empty(), "the budget is spent");
        for acted in [true, false] {
            let fault = FaultKind::ServerError { acted };
            test.sandbox.script(Fault::once("POST", "/v1/customers/*/balance_transactions", fault));
        }
        undo(&test, &session).await.expect(200);
        for _ in 0..4 {
            test.advance(SignedDuration::from_hours(1));
            test.work().await;
        }
        is_undone(&test, &session).await;
        assert_eq!(test.sandbox.object(&who.customer).unwrap()["balance"], 0);
        let again = test.begin(&test.subscriber(), None).await.expect(201);
        assert_eq!(again.presented(), ["thanks"], "the budget has its money back");
        test
    })
    .await;
}

#[tokio::test]
async fn a_plan_gets_its_former_price_and_a_scheduled_change_is_released() {
    on_every_database(async |test| {
        let lite = test.sandbox.seed_price("Lite", 1900, "usd", "month").unwrap();
        for when in ["now", "period_end"] {
            let terms = json!({"choices": [{"price": lite}], "when": when, "proration": "none"});
            let flow = json!({
                "key": "default", "reasons": [], "segments": {}, "policy": {},
                "offers": {"smaller": {"type": "plan_change", "terms": terms}},
                "rules": [{"otherwise": true, "present": ["smaller"]}],
            });
            test.publish(&flow.to_string()).await;
            let who = test.subscriber();
            let before = test.in_stripe(&who);
            let session = test.begin(&who, None).await.expect(201);
            test.accept(&who, &session, "smaller").await.expect(200);
            is_undone(&test, &session).await;
            let after = test.in_stripe(&who);
            assert_eq!(after["items"]["data"][0]["price"], before["items"]["data"][0]["price"]);
            assert_eq!(after["schedule"], Value::Null);
        }
        test.advance(DAYS * 33);
        test
    })
    .await;
}

#[tokio::test]
async fn a_scheduled_end_is_taken_back_and_an_end_that_has_come_is_not() {
    on_every_database(async |test| {
        let who = test.subscriber();
        let session = test.begin(&who, None).await.expect(201);
        test.act(&who, &session, "cancel", json!({})).await.expect(200);
        is_undone(&test, &session).await;
        let after = test.in_stripe(&who);
        assert_eq!((&after["cancel_at_period_end"], &after["status"]), (&json!(false), &json!("active")));
        let who = test.subscriber();
        let session = test.begin(&who, None).await.expect(201);
        test.act(&who, &session, "cancel", json!({"when": "now"})).await.expect(200);
        let refused = undo(&test, &session).await.expect(409);
        assert_eq!(refused.text_at("/code"), "irreversible");
        test
    })
    .await;
}

#[tokio::test]
async fn an_operation_is_undone_once_by_operators_and_on_record() {
    on_every_database(async |test| {
        let (who, session) = accepted(&test, "too_expensive", "half-off", json!({})).await;
        let id = operation(&test, &session).await["id"].as_str().unwrap().to_owned();
        let path = format!("/v1/billing-operations/{id}/undo");
        let reason = json!({"reason": "given by mistake"});
        test.post(&path, &test.key(Role::Analyst).await, reason.clone()).await.expect(403);
        test.post(&path, &test.token(&who), reason.clone()).await.expect(403);
        let key = test.key(Role::Operator).await;
        test.post(&path, &key, json!({})).await.expect(400);
        test.post(&path, &key, json!({"reason": ""})).await.expect(400);
        test.sandbox.clear_calls();
        let header = [("idempotency-key", "undo-1")];
        let first = test.send(Method::POST, &path, &key, Some(reason.clone()), &header);
        let second = test.post(&path, &key, reason.clone());
        let (first, second) = tokio::join!(first, second);
        let (first, second) = (first.expect(200), second.expect(200));
        assert_eq!(first.body["id"], second.body["id"]);
        let replayed = test.send(Method::POST, &path, &key, Some(reason.clone()), &header).await.expect(200);
        assert_eq!(replayed.text, first.text);
        test.work().await;
        let writes = test.sandbox.calls().iter().filter(|call| call.acted && call.method == "POST").count();
        assert_eq!(writes, 1);
        let trail = test.app.store.audit_trail(None, 50).await.unwrap();
        let lines: Vec<_> =
            trail.iter().filter(|entry| entry.line.action == "billing_operation.undo").collect();
        assert_eq!(lines.len(), 1);
        assert!(lines[0].line.actor.starts_with("key_") && lines[0].line.detail.contains("given by mistake"));
        let undone = first.text_at("/id").to_owned();
        let refused =
            test.post(&format!("/v1/billing-operations/{undone}/undo"), &key, reason).await.expect(409);
        assert_eq!(refused.text_at("/code"), "operation_is_undo");
        test
    })
    .await;
}
