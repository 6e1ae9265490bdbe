//! What an accepted offer or a cancellation changes in Stripe, whatever fails on the way.

use std::time::Duration;

use counteroffer::sandbox::{Fault, FaultKind};
use counteroffer::services::keys::Role;
use jiff::SignedDuration;
use reqwest::Method;
use serde_json::json;

use crate::support::app::{TestApp, on_every_database};

/// How often a call acted in the sandbox.
fn acted(test: &TestApp, method: &str, path: &str) -> usize {
    test.sandbox
        .calls()
        .iter()
        .filter(|call| call.acted && call.method == method && call.path.starts_with(path))
        .count()
}

#[tokio::test]
async fn each_offer_that_changes_billing_is_seen_in_stripe_before_the_answer() {
    on_every_database(async |test| {
        let who = test.subscriber();
        let session = test.begin(&who, Some("too_expensive")).await.expect(201);
        let saved = test.accept(&who, &session, "half-off").await.expect(200);
        assert_eq!(saved.body["status"], "saved");
        assert_eq!(saved.body["billing"]["state"], "applied");
        assert_eq!(test.in_stripe(&who)["discounts"].as_array().unwrap().len(), 1);

        let who = test.subscriber();
        let session = test.begin(&who, Some("no_time")).await.expect(201);
        let choose = format!("offers/{}/accept", session.offer("breather"));
        let missing = test.act(&who, &session, &choose, json!({})).await.expect(422);
        assert_eq!(missing.text_at("/errors/0/pointer"), "/choice");
        let saved = test.act(&who, &session, &choose, json!({"choice": 1})).await.expect(200);
        assert_eq!(saved.body["status"], "saved");
        let pause = &test.in_stripe(&who)["pause_collection"];
        assert_eq!(pause["behavior"], "void");
        let resumes: jiff::Timestamp = "2027-06-01T12:00:00Z".parse().unwrap();
        assert_eq!(pause["resumes_at"], resumes.as_second());

        let who = test.subscriber();
        let before = test.in_stripe(&who);
        let paid_until = before["items"]["data"][0]["current_period_end"].as_i64().unwrap();
        let session = test.begin(&who, Some("no_time")).await.expect(201);
        test.accept(&who, &session, "more-time").await.expect(200);
        assert_eq!(test.in_stripe(&who)["trial_end"], paid_until + 14 * 86_400);
        test
    })
    .await;
}

#[tokio::test]
async fn free_features_are_attached_and_taken_away_again_when_their_time_is_over() {
    on_every_database(async |test| {
        let who = test.subscriber();
        let session = test.begin(&who, Some("missing_feature")).await.expect(201);
        test.accept(&who, &session, "add-ons").await.expect(200);
        assert_eq!(test.in_stripe(&who)["items"]["data"].as_array().unwrap().len(), 2);
        test.advance(SignedDuration::from_hours(24 * 55));
        assert_eq!(test.work().await, 0, "not before their time");
        // Nobody was working when the time came; it is made up for.
        test.advance(SignedDuration::from_hours(24 * 20));
        assert_eq!(test.work().await, 1);
        let items = test.in_stripe(&who)["items"]["data"].as_array().unwrap().clone();
        assert_eq!(items.len(), 1);
        assert_ne!(items[0]["price"]["id"], test.free_price.as_str());
        test
    })
    .await;
}

#[tokio::test]
async fn offers_that_only_hand_on_are_recorded_and_ask_nothing_of_stripe() {
    on_every_database(async |test| {
        for key in ["tour", "gift"] {
            let who = test.subscriber();
            let session = test.begin(&who, Some("too_hard")).await.expect(201);
            test.sandbox.clear_calls();
            let saved = test.accept(&who, &session, key).await.expect(200);
            assert_eq!(saved.body["status"], "saved");
            assert_eq!(saved.body["billing"]["state"], "none");
            assert!(test.sandbox.calls().is_empty());
        }
        test
    })
    .await;
}

#[tokio::test]
async fn a_cancel_works_at_every_step() {
    on_every_database(async |test| {
        for reason in [None, Some("too_expensive")] {
            let who = test.subscriber();
            let session = test.begin(&who, reason).await.expect(201);
            let canceled = test.act(&who, &session, "cancel", json!({})).await.expect(200);
            assert_eq!(canceled.body["status"], "canceled");
            let stripe = test.in_stripe(&who);
            assert_eq!(stripe["cancel_at_period_end"], true);
            assert_eq!(stripe["status"], "active");
            let again = test.act(&who, &session, "cancel", json!({})).await.expect(200);
            assert_eq!(again.body["status"], "canceled");
        }
        let who = test.subscriber();
        let session = test.begin(&who, Some("too_expensive")).await.expect(201);
        test.act(&who, &session, "answers", json!({"comment": "Too dear for me."})).await.expect(200);
        let canceled = test.act(&who, &session, "cancel", json!({"when": "now"})).await.expect(200);
        assert_eq!(canceled.body["status"], "canceled");
        let stripe = test.in_stripe(&who);
        assert_eq!(stripe["status"], "canceled");
        assert_eq!(stripe["cancellation_details"]["feedback"], "too_expensive");
        assert_eq!(stripe["cancellation_details"]["comment"], "Too dear for me.");
        test
    })
    .await;
}

#[tokio::test]
async fn a_cancel_is_kept_while_stripe_is_down_and_carried_out_afterwards() {
    on_every_database(async |test| {
        let (known, unknown) = (test.subscriber(), test.subscriber());
        let open = test.begin(&known, None).await.expect(201);
        test.sandbox.stop().await;
        // The first call of all, about a subscription that was never seen; the token names it.
        let first = test.begin(&unknown, None).await.expect(201);
        assert!(first.presented().is_empty());
        for (who, session) in [(&known, &open), (&unknown, &first)] {
            let accepted = test.act(who, session, "cancel", json!({})).await.expect(202);
            assert_eq!(
                accepted.body["status"], "in_progress",
                "nobody is told canceled before Stripe has said so"
            );
            assert_eq!(accepted.body["step"], "canceling");
            assert_eq!(accepted.body["billing"]["state"], "applying");
        }
        test.sandbox.start_again().await.unwrap();
        test.advance(SignedDuration::from_hours(2));
        test.work().await;
        for (who, session) in [(&known, &open), (&unknown, &first)] {
            assert_eq!(test.read(who, session).await.expect(200).body["status"], "canceled");
            assert_eq!(test.in_stripe(who)["cancel_at_period_end"], true);
        }
        test
    })
    .await;
}

#[tokio::test]
async fn an_accept_whose_answer_from_stripe_is_lost_changes_billing_once() {
    on_every_database(async |test| {
        for (method, path) in [("POST", "/v1/coupons"), ("POST", "/v1/subscriptions/")] {
            let who = test.subscriber();
            let session = test.begin(&who, Some("too_expensive")).await.expect(201);
            test.sandbox.clear_calls();
            for kind in [FaultKind::Timeout { acted: true }, FaultKind::ServerError { acted: false }] {
                test.sandbox.script(Fault::once(method, path, kind));
            }
            test.accept(&who, &session, "half-off").await;
            test.sandbox.clear_faults();
            test.advance(SignedDuration::from_hours(2));
            test.work().await;
            assert_eq!(test.read(&who, &session).await.expect(200).body["status"], "saved");
            assert_eq!(acted(&test, "POST", "/v1/coupons"), 1);
            assert_eq!(test.in_stripe(&who)["discounts"].as_array().unwrap().len(), 1);
        }
        test
    })
    .await;
}

#[tokio::test]
async fn an_offer_that_the_subscription_can_take_no_more_is_a_conflict_that_says_what_can_be_done() {
    on_every_database(async |test| {
        let who = test.subscriber();
        let session = test.begin(&who, Some("too_expensive")).await.expect(201);
        // Somebody gives a discount by hand between the offer and the click.
        let coupon =
            test.sandbox.create("coupons", &[("percent_off", "10"), ("duration", "forever")]).unwrap();
        let path = format!("/v1/subscriptions/{}", who.subscription);
        test.sandbox.call("POST", &path, &[("discounts[0][coupon]", &coupon)]).unwrap();
        let path =
            format!("/v1/sessions/{}/offers/{}/accept", session.text_at("/id"), session.offer("half-off"));
        let accept = async || {
            let headers = [("idempotency-key", "once")];
            test.send(Method::POST, &path, &test.token(&who), Some(json!({})), &headers).await
        };
        let refused = accept().await.expect(409);
        assert_eq!(refused.text_at("/code"), "already_discounted");
        assert_eq!(refused.body["possible"]["offers"], json!([session.offer("breather")]));
        assert_eq!(
            refused.body["possible"]["actions"],
            json!(["answer", "accept", "decline", "keep", "cancel"])
        );
        let cancel = format!("/v1/sessions/{}/cancel", session.text_at("/id"));
        assert_eq!(refused.text_at("/possible/cancel_url"), cancel);
        let repeated = accept().await.expect(409);
        assert_eq!(repeated.body["possible"], refused.body["possible"]);
        let open = test.read(&who, &session).await.expect(200);
        assert_eq!(open.body["status"], "in_progress");
        assert_eq!(open.body["billing"]["state"], "rejected");
        assert_eq!(test.in_stripe(&who)["discounts"].as_array().unwrap().len(), 1, "theirs is kept");
        let canceled = test.act(&who, &session, "cancel", json!({})).await.expect(200);
        assert_eq!(canceled.body["status"], "canceled");
        test
    })
    .await;
}

#[tokio::test]
async fn an_offer_that_stripe_refuses_for_good_leaves_the_session_open() {
    on_every_database(async |test| {
        let who = test.subscriber();
        let session = test.begin(&who, Some("too_expensive")).await.expect(201);
        let decline = FaultKind::Decline { code: "coupon_limit".to_owned() };
        test.sandbox.script(Fault::once("POST", "/v1/subscriptions/*", decline));
        let refused = test.accept(&who, &session, "half-off").await.expect(200);
        assert_eq!(refused.body["status"], "in_progress");
        assert_eq!(refused.body["billing"]["state"], "rejected");
        assert!(refused.text_at("/billing/detail").contains("could not be applied"));
        assert!(!refused.text.contains("declined"), "Stripe's words are for operations");
        let key = test.key(Role::Operator).await;
        let rejected = test.get("/v1/billing-operations?state=rejected", &key).await.expect(200);
        assert_eq!(rejected.text_at("/data/0/problem/code"), "card_declined");
        assert!(rejected.text_at("/data/0/problem/request_id").starts_with("req_"));
        let canceled = test.act(&who, &session, "cancel", json!({})).await.expect(200);
        assert_eq!(canceled.body["status"], "canceled");
        test
    })
    .await;
}

#[tokio::test]
async fn webhooks_refresh_the_snapshot_and_close_sessions_that_ended_elsewhere() {
    on_every_database(async |test| {
        let who = test.subscriber();
        let session = test.begin(&who, None).await.expect(201);
        test.sandbox.take_webhooks();
        test.sandbox.call("DELETE", &format!("/v1/subscriptions/{}", who.subscription), &[]).unwrap();
        let mut events = test.sandbox.take_webhooks();
        events.reverse();
        test.sandbox.deliver(&events).await;
        let closed = test.read(&who, &session).await.expect(200);
        assert_eq!(closed.body["status"], "canceled");
        // Twice is the same as once.
        test.sandbox.deliver(&events).await;
        assert_eq!(test.read(&who, &session).await.expect(200).body, closed.body);
        test
    })
    .await;
}

#[tokio::test]
async fn a_cancel_that_a_worker_takes_up_first_is_answered_when_it_is_done() {
    on_every_database(async |test| {
        test.sandbox.answer_after(Duration::from_millis(20));
        for _ in 0..10 {
            let who = test.subscriber();
            let session = test.begin(&who, None).await.expect(201);
            let worker = async {
                loop {
                    test.work().await;
                }
            };
            tokio::select! {
                answer = test.act(&who, &session, "cancel", json!({})) => drop(answer.expect(200)),
                () = worker => {}
            }
        }
        test
    })
    .await;
}
