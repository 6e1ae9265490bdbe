//! Budgets and cooldowns.

use counteroffer::sandbox::{Fault, FaultKind};
use counteroffer::services::keys::Role;
use futures_util::future::join_all;
use jiff::SignedDuration;
use serde_json::json;

use super::discount_by_hand;
use crate::support::app::{FLOW, TestApp, on_every_database};

/// What half off costs at most: half of the two invoices that fall into three months from today.
const HALF_OFF: i64 = 4_900;

async fn publish(test: &TestApp, policy: &str) {
    test.publish(&FLOW.replace("policy:\n", &format!("policy:\n  {policy}\n"))).await;
}

fn budget(times: i64) -> String {
    format!(
        "budgets: [{{offer_types: [discount], per: month, amount: {}, currency: usd}}]",
        times * HALF_OFF + 1
    )
}

#[actix_web::test]
async fn sixteen_accepts_at_once_get_what_the_budget_allows() {
    on_every_database(async |test| {
        publish(&test, &budget(3)).await;
        let mut sessions = Vec::new();
        for _ in 0..16 {
            let who = test.subscriber();
            let session = test.begin(&who, Some("too_expensive")).await.expect(201);
            sessions.push((who, session));
        }
        let answers =
            join_all(sessions.iter().map(|(who, session)| test.accept(who, session, "half-off"))).await;
        let saved = answers.iter().filter(|answer| answer.status == 200).count();
        assert_eq!(
            saved,
            3,
            "{}: {:?}",
            test.database.name,
            answers.iter().map(|a| a.status.as_u16()).collect::<Vec<_>>()
        );
        for ((who, session), answer) in sessions.iter().zip(&answers) {
            let discounts = test.in_stripe(who)["discounts"].as_array().unwrap().len();
            if answer.status == 200 {
                assert_eq!(discounts, 1);
            } else {
                assert_eq!(answer.status, 409);
                assert_eq!(answer.text_at("/code"), "budget_spent");
                assert_eq!(discounts, 0);
                assert_eq!(test.read(who, session).await.expect(200).body["status"], "in_progress");
            }
        }
        let who = test.subscriber();
        let late = test.begin(&who, Some("too_expensive")).await.expect(201);
        assert_eq!(late.presented(), ["breather"]);
        let path = format!("/v1/sessions/{}/explanation", late.text_at("/id"));
        let explained = test.get(&path, &test.key(Role::Analyst).await).await.expect(200);
        assert_eq!(explained.text_at("/decisions/0/trace/decision/left_out/0/code"), "budget_exhausted");

        test.advance(SignedDuration::from_hours(24 * 31));
        let fresh = test.begin(&test.subscriber(), Some("too_expensive")).await.expect(201);
        assert_eq!(fresh.presented(), ["half-off", "breather"], "a new month, a new budget");
        test
    })
    .await;
}

#[actix_web::test]
async fn what_stripe_refuses_is_given_back_to_the_budget() {
    on_every_database(async |test| {
        publish(&test, &budget(1)).await;
        let (refused, next) = (test.subscriber(), test.subscriber());
        let first = test.begin(&refused, Some("too_expensive")).await.expect(201);
        let second = test.begin(&next, Some("too_expensive")).await.expect(201);
        discount_by_hand(&test, &refused);
        let answer = test.accept(&refused, &first, "half-off").await.expect(409);
        assert_eq!(answer.text_at("/code"), "already_discounted");
        test.accept(&next, &second, "half-off").await.expect(200);
        let spent = test.begin(&test.subscriber(), Some("too_expensive")).await.expect(201);
        assert_eq!(spent.presented(), ["breather"]);
        test
    })
    .await;
}

#[actix_web::test]
async fn what_stripe_refuses_behind_a_cancellation_was_not_given() {
    on_every_database(async |test| {
        publish(&test, &format!("cooldown_days: {{discount: 180}}\n  {}", budget(1))).await;
        let who = test.subscriber();
        let session = test.begin(&who, Some("too_expensive")).await.expect(201);
        let fault = FaultKind::ServerError { acted: false };
        test.sandbox.script(Fault { times: 99, ..Fault::once("POST", "/v1/subscriptions/*", fault) });
        test.accept(&who, &session, "half-off").await.expect(202);
        test.advance(SignedDuration::from_secs(1));
        test.act(&who, &session, "cancel", json!({})).await.expect(202);
        test.sandbox.clear_faults();
        let decline = FaultKind::Decline { code: "coupon_limit".to_owned() };
        test.sandbox.script(Fault::once("POST", "/v1/subscriptions/*", decline));
        test.advance(SignedDuration::from_hours(2));
        test.work().await;
        let over = test.read(&who, &session).await.expect(200);
        assert_eq!(over.body["status"], "canceled");
        assert_eq!(over.each("/offers", "state"), ["rejected", "presented"]);
        // Neither figures, nor cooldowns, nor the budget count what was never given.
        let key = test.key(Role::Analyst).await;
        let summary = test.get("/v1/analytics/summary", &key).await.expect(200);
        assert_eq!(summary.each("/offers", "rejected"), [0, 1], "{}", summary.text);
        assert_eq!(summary.each("/offer_types", "accepted"), [0, 0]);
        assert_eq!(summary.body["mrr"][0]["given_away"]["amount"], 0);
        let history = test.app.store.history(&who.customer.parse().unwrap()).await.unwrap();
        assert!(history.accepted.is_empty(), "{history:?}");
        let next = test.subscriber();
        let session = test.begin(&next, Some("too_expensive")).await.expect(201);
        test.accept(&next, &session, "half-off").await.expect(200);
        test
    })
    .await;
}

#[actix_web::test]
async fn what_is_on_its_way_is_not_given_to_another() {
    on_every_database(async |test| {
        publish(&test, &budget(1)).await;
        let (slow, next) = (test.subscriber(), test.subscriber());
        let first = test.begin(&slow, Some("too_expensive")).await.expect(201);
        let second = test.begin(&next, Some("too_expensive")).await.expect(201);
        let fault = FaultKind::ServerError { acted: false };
        test.sandbox.script(Fault { times: 99, ..Fault::once("POST", "/v1/coupons", fault) });
        test.accept(&slow, &first, "half-off").await.expect(202);
        let refused = test.accept(&next, &second, "half-off").await.expect(409);
        assert_eq!(refused.text_at("/code"), "budget_spent");
        test.sandbox.clear_faults();
        test.advance(SignedDuration::from_hours(2));
        test.work().await;
        assert_eq!(test.read(&slow, &first).await.expect(200).body["status"], "saved");
        test
    })
    .await;
}

#[actix_web::test]
async fn an_accepted_discount_is_not_offered_again_before_its_cooldown_is_over() {
    on_every_database(async |test| {
        publish(&test, "cooldown_days: {discount: 180}").await;
        let (key, who) = (test.key(Role::Analyst).await, test.subscriber());
        let session = test.begin(&who, Some("too_expensive")).await.expect(201);
        test.accept(&who, &session, "half-off").await.expect(200);
        let left_out = async |days: i64| {
            test.advance(SignedDuration::from_hours(24 * days));
            let session = test.begin(&who, Some("too_expensive")).await.expect(201);
            let path = format!("/v1/sessions/{}/explanation", session.text_at("/id"));
            let explained = test.get(&path, &key).await.expect(200);
            test.act(&who, &session, "keep", json!({})).await.expect(200);
            let left_out = explained.body["decisions"][0]["trace"]["decision"]["left_out"].clone();
            (session.presented().contains(&"half-off"), left_out[0]["code"].clone())
        };
        assert_eq!(left_out(1).await, (false, json!("already_discounted")));
        assert_eq!(
            left_out(119).await,
            (false, json!("cooldown")),
            "the discount is over, the cooldown is not"
        );
        assert_eq!(left_out(59).await, (false, json!("cooldown")));
        assert!(left_out(1).await.0, "180 days after");
        test
    })
    .await;
}
