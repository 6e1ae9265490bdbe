//! Budgets and cooldowns.

use std::collections::BTreeMap;

use counteroffer::sandbox::{Fault, FaultKind};
use counteroffer::services::keys::Role;
use futures_util::future::join_all;
use jiff::SignedDuration;
use serde_json::json;

use super::discount_by_hand;
use crate::support::app::{Answer, FLOW, Subscriber, TestApp, on_every_database};

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

#[tokio::test]
async fn sixty_four_accepts_at_once_get_what_the_budget_allows() {
    on_every_database(async |test| {
        publish(&test, &budget(3)).await;
        let mut sessions = Vec::new();
        for _ in 0..64 {
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

#[tokio::test]
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

#[tokio::test]
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

#[tokio::test]
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

#[tokio::test]
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

/// Why each offer is left out of the first decision of a session, by key.
async fn left_out(test: &TestApp, session: &Answer) -> BTreeMap<String, String> {
    let path = format!("/v1/sessions/{}/explanation", session.text_at("/id"));
    let explained = test.get(&path, &test.key(Role::Analyst).await).await.expect(200);
    let decision = &explained.body["decisions"][0]["trace"]["decision"];
    let word = |value: &serde_json::Value| value.as_str().unwrap().to_owned();
    let all = decision["left_out"].as_array().unwrap();
    all.iter().map(|one| (word(&one["offer"]), word(&one["code"]))).collect()
}

async fn keep(test: &TestApp, who: &Subscriber, session: &Answer) {
    test.act(who, session, "keep", json!({})).await.expect(200);
}

#[tokio::test]
async fn an_accepted_offer_rests_for_its_own_time_and_all_others_for_the_general_one() {
    on_every_database(async |test| {
        let flow = FLOW
            .replace("policy:\n", "policy:\n  cooldown_days: {any: 30}\n")
            .replace("half-off: {type: discount,", "half-off: {type: discount, cooldown_days: 365,");
        test.publish(&flow).await;
        let who = test.subscriber();
        let session = test.begin(&who, Some("too_expensive")).await.expect(201);
        test.accept(&who, &session, "half-off").await.expect(200);
        test.advance(SignedDuration::from_hours(24 * 29));
        let session = test.begin(&who, Some("no_time")).await.expect(201);
        let codes = left_out(&test, &session).await;
        assert_eq!((&*codes["breather"], &*codes["more-time"]), ("any_cooldown", "any_cooldown"));
        keep(&test, &who, &session).await;
        test.advance(SignedDuration::from_hours(24 * 200));
        let session = test.begin(&who, Some("too_expensive")).await.expect(201);
        assert_eq!(session.presented(), ["breather"]);
        assert_eq!(left_out(&test, &session).await["half-off"], "offer_cooldown");
        test
    })
    .await;
}

#[tokio::test]
async fn what_was_declined_is_not_asked_again_for_a_time() {
    on_every_database(async |test| {
        publish(&test, "declined_cooldown_days: {offer: 60, pause: 10}").await;
        let who = test.subscriber();
        let session = test.begin(&who, Some("too_expensive")).await.expect(201);
        for offer in ["half-off", "breather"] {
            let decline = format!("offers/{}/decline", session.offer(offer));
            test.act(&who, &session, &decline, json!({})).await.expect(200);
        }
        keep(&test, &who, &session).await;
        test.advance(SignedDuration::from_hours(24 * 59));
        let session = test.begin(&who, Some("too_expensive")).await.expect(201);
        let codes = left_out(&test, &session).await;
        assert_eq!((&*codes["half-off"], &*codes["breather"]), ("declined_before", "declined_before"));
        keep(&test, &who, &session).await;
        test.advance(SignedDuration::from_hours(24));
        let session = test.begin(&who, Some("too_expensive")).await.expect(201);
        assert_eq!(session.presented(), ["half-off", "breather"]);
        test
    })
    .await;
}

#[tokio::test]
async fn a_discount_goes_on_top_of_another_only_where_the_policy_says_so() {
    on_every_database(async |test| {
        let who = test.subscriber();
        let coupon =
            test.sandbox.create("coupons", &[("percent_off", "10"), ("duration", "forever")]).unwrap();
        test.sandbox.seed_customer_discount(&who.customer, &coupon).unwrap();
        let session = test.begin(&who, Some("too_expensive")).await.expect(201);
        assert_eq!(left_out(&test, &session).await["half-off"], "no_stacking");
        keep(&test, &who, &session).await;
        publish(&test, "stacking: true").await;
        let session = test.begin(&who, Some("too_expensive")).await.expect(201);
        assert_eq!(session.presented(), ["half-off", "breather"]);
        test
    })
    .await;
}

#[tokio::test]
async fn a_discount_is_as_deep_as_the_segments_say_and_stays_as_it_was_shown() {
    on_every_database(async |test| {
        let deep = |percent: i64| {
            let depth =
                format!("half-off: {{type: discount, depth: {{max: 80, segments: {{monthly: {percent}}}}},");
            FLOW.replace("half-off: {type: discount,", &depth)
        };
        test.publish(&deep(70)).await;
        let who = test.subscriber();
        let session = test.begin(&who, Some("too_expensive")).await.expect(201);
        test.publish(&deep(60)).await;
        assert_eq!(session.body["offers"][0]["terms"]["percent_off"], 70);
        assert_eq!(session.body["offers"][0]["preview"]["next_invoice_amount"], 1470);
        let saved = test.accept(&who, &session, "half-off").await.expect(200);
        assert_eq!(saved.body["offers"][0]["terms"]["percent_off"], 70);
        test
    })
    .await;
}

#[tokio::test]
async fn past_a_cap_the_flow_says_thank_you_and_lets_go() {
    on_every_database(async |test| {
        let flow = FLOW
            .replace("policy:\n", "policy:\n  caps: [{per: customer, max: 1, within_days: 365}]\n")
            .replace("rules:\n", "goodbye: {en: Thank you for everything}\nrules:\n");
        test.publish(&flow).await;
        let who = test.subscriber();
        let session = test.begin(&who, Some("too_expensive")).await.expect(201);
        test.accept(&who, &session, "half-off").await.expect(200);
        test.advance(SignedDuration::from_hours(24 * 120));
        let session = test.begin(&who, None).await.expect(201);
        assert_eq!(session.body["step"], "confirm");
        assert_eq!(session.body["offers"], json!([]));
        assert_eq!(session.body["message"], "Thank you for everything");
        assert_eq!(left_out(&test, &session).await["breather"], "customer_cap_reached");
        let path = format!("/v1/sessions/{}/explanation", session.text_at("/id"));
        let explained = test.get(&path, &test.key(Role::Analyst).await).await.expect(200);
        assert_eq!(explained.text_at("/decisions/0/trace/decision/let_go"), "customer_cap_reached");
        test.act(&who, &session, "cancel", json!({})).await.expect(200);
        test
    })
    .await;
}

#[tokio::test]
async fn of_many_accepts_at_once_a_cap_lets_through_what_it_allows_and_takes_back_what_fails() {
    on_every_database(async |test| {
        let flow = FLOW
            .replace("half-off: {type: discount,", "half-off: {type: discount, campaign: spring,")
            .replace("policy:\n", "policy:\n  caps: [{per: offer, offer: half-off, max: 9}, {per: campaign, campaign: spring, max: 3, within_days: 30}]\n");
        test.publish(&flow).await;
        let refused = test.subscriber();
        let session = test.begin(&refused, Some("too_expensive")).await.expect(201);
        discount_by_hand(&test, &refused);
        test.accept(&refused, &session, "half-off").await.expect(409);
        let mut sessions = Vec::new();
        for _ in 0..64 {
            let who = test.subscriber();
            let session = test.begin(&who, Some("too_expensive")).await.expect(201);
            sessions.push((who, session));
        }
        let answers =
            join_all(sessions.iter().map(|(who, session)| test.accept(who, session, "half-off"))).await;
        let saved = answers.iter().filter(|answer| answer.status == 200).count();
        assert_eq!(saved, 3, "{}", test.database.name);
        let others = answers.iter().filter(|answer| answer.status != 200);
        others.for_each(|answer| assert_eq!(answer.text_at("/code"), "cap_reached"));
        let late = test.begin(&test.subscriber(), Some("too_expensive")).await.expect(201);
        assert_eq!(left_out(&test, &late).await["half-off"], "cap_reached");
        test.advance(SignedDuration::from_hours(24 * 30));
        let later = test.begin(&test.subscriber(), Some("too_expensive")).await.expect(201);
        assert_eq!(later.presented(), ["half-off", "breather"], "the window has moved on");
        test
    })
    .await;
}

#[tokio::test]
async fn two_subscriptions_of_one_customer_share_the_customers_cap() {
    on_every_database(async |test| {
        publish(&test, "caps: [{per: customer, offer_types: [discount], max: 1}]").await;
        let one = test.subscriber();
        let price = test.sandbox.seed_price("Second", 4900, "usd", "month").unwrap();
        let subscription = test.sandbox.seed_subscription(&one.customer, &price).unwrap();
        let two = Subscriber { subscription, ..one.clone() };
        let first = test.begin(&one, Some("too_expensive")).await.expect(201);
        let second = test.begin(&two, Some("too_expensive")).await.expect(201);
        let (a, b) = futures_util::join!(
            test.accept(&one, &first, "half-off"),
            test.accept(&two, &second, "half-off")
        );
        let mut statuses = [a.status.as_u16(), b.status.as_u16()];
        statuses.sort_unstable();
        assert_eq!(statuses, [200, 409], "{}", test.database.name);
        test
    })
    .await;
}

#[tokio::test]
async fn what_is_set_aside_when_presented_is_free_again_however_the_session_goes_on() {
    on_every_database(async |test| {
        publish(&test, &budget(1).replace("currency: usd}", "currency: usd, reserve: presented}")).await;
        let free = async || {
            let who = test.subscriber();
            let session = test.begin(&who, Some("too_expensive")).await.expect(201);
            (session.presented().contains(&"half-off"), who, session)
        };
        let (first, who, session) = free().await;
        assert!(first);
        assert!(!free().await.0, "set aside for the first");
        let decline = format!("offers/{}/decline", session.offer("half-off"));
        test.act(&who, &session, &decline, json!({})).await.expect(200);
        let (declined, who, session) = free().await;
        assert!(declined);
        test.act(&who, &session, "answers", json!({"reason": "other"})).await.expect(200);
        let (withdrawn, who, session) = free().await;
        assert!(withdrawn);
        keep(&test, &who, &session).await;
        let (kept, who, session) = free().await;
        assert!(kept);
        test.act(&who, &session, "cancel", json!({})).await.expect(200);
        assert!(free().await.0, "canceled");
        test.advance(SignedDuration::from_hours(25));
        counteroffer::services::worker::sweep(&test.app).await.unwrap();
        let (abandoned, who, session) = free().await;
        assert!(abandoned);
        test.accept(&who, &session, "half-off").await.expect(200);
        assert!(!free().await.0, "taken for good");
        test
    })
    .await;
}

#[tokio::test]
async fn begins_at_once_set_aside_no_more_than_the_budget_holds() {
    on_every_database(async |test| {
        publish(&test, &budget(3).replace("currency: usd}", "currency: usd, reserve: presented}")).await;
        let all: Vec<_> = (0..16).map(|_| test.subscriber()).collect();
        let sessions = join_all(all.iter().map(|who| test.begin(who, Some("too_expensive")))).await;
        let with = sessions.iter().filter(|session| session.presented().contains(&"half-off")).count();
        assert_eq!(with, 3, "{}", test.database.name);
        for (who, session) in all.iter().zip(&sessions) {
            if session.presented().contains(&"half-off") {
                test.accept(who, session, "half-off").await.expect(200);
            }
        }
        test
    })
    .await;
}

#[tokio::test]
async fn answers_at_once_set_aside_no_more_than_the_budget_holds_and_none_is_refused_for_it() {
    on_every_database(async |test| {
        publish(&test, &budget(3).replace("currency: usd}", "currency: usd, reserve: presented}")).await;
        let mut sessions = Vec::new();
        for _ in 0..16 {
            let who = test.subscriber();
            let session = test.begin(&who, None).await.expect(201);
            assert!(!session.presented().contains(&"half-off"), "nothing is set aside yet");
            sessions.push((who, session));
        }
        let answer = |(who, session)| test.act(who, session, "answers", json!({"reason": "too_expensive"}));
        let answers = join_all(sessions.iter().map(|(who, session)| answer((who, session)))).await;
        let answers: Vec<_> = answers.into_iter().map(|answer| answer.expect(200)).collect();
        let with = answers.iter().filter(|answer| answer.presented().contains(&"half-off")).count();
        assert_eq!(with, 3, "{}", test.database.name);
        test
    })
    .await;
}

#[tokio::test]
async fn an_offer_may_ask_for_something_in_return() {
    on_every_database(async |test| {
        let asks = "asks: [{key: tell, type: referral, label: {en: Tell a friend}, required: true}, \
                    {key: talk, type: webinar, label: {en: Join us}}],";
        test.publish(
            &FLOW.replace("half-off: {type: discount,", &format!("half-off: {{type: discount, {asks}")),
        )
        .await;
        let who = test.subscriber();
        let session = test.begin(&who, Some("too_expensive")).await.expect(201);
        assert_eq!(session.text_at("/offers/0/asks/0/label"), "Tell a friend");
        let accept = format!("offers/{}/accept", session.offer("half-off"));
        let missing = test.act(&who, &session, &accept, json!({"asks": {"talk": true}})).await.expect(422);
        assert_eq!(missing.text_at("/errors/0/pointer"), "/asks/tell");
        let unknown =
            test.act(&who, &session, &accept, json!({"asks": {"tell": true, "x": true}})).await.expect(422);
        assert_eq!(unknown.text_at("/errors/0/code"), "unknown_ask");
        let saved = test.act(&who, &session, &accept, json!({"asks": {"tell": true}})).await.expect(200);
        assert_eq!(saved.body["offers"][0]["asks"][0]["agreed"], true);
        assert_eq!(saved.body["offers"][0]["asks"][1]["agreed"], false);
        test
    })
    .await;
}

#[tokio::test]
async fn what_is_left_after_the_cost_to_serve_stays_above_the_floors() {
    on_every_database(async |test| {
        let key = test.key(Role::Server).await;
        // Half of 49 dollars are left of the price, less 15 that serving costs: 9.50, which are 38.7 %.
        for (floor, code) in [
            ("margin_floor_percent: 40", Some("below_margin_floor")),
            ("margin_floor_percent: 38", None),
            ("margin_floor: [{amount: 951, currency: usd}]", Some("below_margin_amount")),
            ("margin_floor: [{amount: 950, currency: usd}]", None),
            ("margin_floor: [{amount: 951, currency: eur}]", None),
        ] {
            publish(&test, floor).await;
            let who = test.subscriber();
            let path = format!("/v1/customers/{}", who.customer);
            let body = json!({"attributes": {"cost_to_serve": 1500}});
            test.send(reqwest::Method::PUT, &path, &key, Some(body), &[]).await.expect(200);
            let session = test.begin(&who, Some("too_expensive")).await.expect(201);
            let found = left_out(&test, &session).await.get("half-off").cloned();
            assert_eq!(found.as_deref(), code, "{floor}, {}", test.database.name);
            assert_eq!(session.presented().contains(&"half-off"), code.is_none());
            // Of whom nobody knows what they cost, nothing is asked.
            let unknown = test.begin(&test.subscriber(), Some("too_expensive")).await.expect(201);
            assert_eq!(unknown.presented(), ["half-off", "breather"]);
        }
        test
    })
    .await;
}

#[tokio::test]
async fn what_was_set_aside_comes_back_when_billing_refuses_the_offer_or_the_subscription_ends() {
    on_every_database(async |test| {
        publish(&test, &budget(1).replace("currency: usd}", "currency: usd, reserve: presented}")).await;
        let refused = test.subscriber();
        let session = test.begin(&refused, Some("too_expensive")).await.expect(201);
        discount_by_hand(&test, &refused);
        test.accept(&refused, &session, "half-off").await.expect(409);
        let ended = test.subscriber();
        let session = test.begin(&ended, Some("too_expensive")).await.expect(201);
        assert_eq!(session.presented(), ["half-off", "breather"], "refused by billing");
        test.sandbox.take_webhooks();
        test.sandbox.call("DELETE", &format!("/v1/subscriptions/{}", ended.subscription), &[]).unwrap();
        test.sandbox.deliver(&test.sandbox.take_webhooks()).await;
        assert_eq!(test.read(&ended, &session).await.expect(200).body["status"], "canceled");
        let next = test.begin(&test.subscriber(), Some("too_expensive")).await.expect(201);
        assert_eq!(next.presented(), ["half-off", "breather"], "ended elsewhere");
        test
    })
    .await;
}

#[tokio::test]
async fn what_is_undone_no_longer_counts_against_the_cap_on_the_offer() {
    on_every_database(async |test| {
        publish(&test, "caps: [{per: offer, offer: half-off, max: 1}]").await;
        let who = test.subscriber();
        let session = test.begin(&who, Some("too_expensive")).await.expect(201);
        test.accept(&who, &session, "half-off").await.expect(200);
        let full = test.begin(&test.subscriber(), Some("too_expensive")).await.expect(201);
        assert_eq!(left_out(&test, &full).await["half-off"], "cap_reached");
        let key = test.key(Role::Operator).await;
        let path = format!("/v1/billing-operations?session={}", session.text_at("/id"));
        let operation = test.get(&path, &key).await.expect(200).text_at("/data/0/id").to_owned();
        let undo = format!("/v1/billing-operations/{operation}/undo");
        test.post(&undo, &key, json!({"reason": "by mistake"})).await.expect(200);
        let next = test.begin(&test.subscriber(), Some("too_expensive")).await.expect(201);
        assert_eq!(next.presented(), ["half-off", "breather"]);
        test
    })
    .await;
}

#[tokio::test]
async fn a_cap_on_what_asks_nothing_of_billing_holds_too() {
    on_every_database(async |test| {
        publish(&test, "caps: [{per: offer, offer: tour, max: 1}]").await;
        let (one, two) = (test.subscriber(), test.subscriber());
        let first = test.begin(&one, Some("too_hard")).await.expect(201);
        let second = test.begin(&two, Some("too_hard")).await.expect(201);
        test.accept(&one, &first, "tour").await.expect(200);
        let late = test.accept(&two, &second, "tour").await.expect(409);
        assert_eq!(late.text_at("/code"), "cap_reached");
        test
    })
    .await;
}
