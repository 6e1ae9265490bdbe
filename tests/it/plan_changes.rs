//! Offers of another plan: what is presented of them, and what Stripe shows once one is accepted, whatever fails.

use counteroffer::sandbox::{Fault, FaultKind};
use counteroffer::services::keys::Role;
use jiff::SignedDuration;
use serde_json::{Value, json};

use crate::support::app::{Answer, Subscriber, TestApp, on_every_database};

const DAY: i64 = 86_400;

fn flow(choices: &[&str], when: &str, proration: &str) -> String {
    let choices: Vec<Value> = choices.iter().map(|price| json!({"price": price})).collect();
    let terms = json!({"choices": choices, "when": when, "proration": proration});
    let copy = json!({"en": {"headline": "From {{ changes_at }} on"}});
    json!({
        "key": "default", "reasons": [], "segments": {}, "policy": {},
        "offers": {"smaller": {"type": "plan_change", "terms": terms, "copy": copy}},
        "rules": [{"otherwise": true, "present": ["smaller"]}],
    })
    .to_string()
}

fn price_of(test: &TestApp, who: &Subscriber) -> Value {
    test.in_stripe(who)["items"]["data"][0]["price"]["id"].clone()
}

/// Three seats of Pro with a discount.
fn with_seats(test: &TestApp) -> Subscriber {
    let price = test.sandbox.seed_price("Pro", 4900, "usd", "month").unwrap();
    let extra = test.sandbox.seed_price("Extra", 1000, "usd", "month").unwrap();
    let customer = test.sandbox.seed_customer("subscriber@example.com").unwrap();
    let coupon = [("percent_off", "10"), ("duration", "forever")];
    let coupon = test.sandbox.create("coupons", &coupon).unwrap();
    let params = [
        ("customer", customer.as_str()),
        ("items[0][price]", &price),
        ("items[0][quantity]", "3"),
        ("items[1][price]", &extra),
        ("discounts[0][coupon]", &coupon),
    ];
    let subscription = test.sandbox.create("subscriptions", &params).unwrap();
    Subscriber { customer, subscription }
}

fn acted(test: &TestApp, method: &str, path: &str) -> usize {
    let calls = test.sandbox.calls();
    let acted = |call: &&counteroffer::sandbox::RecordedCall| call.acted && call.method == method;
    calls.iter().filter(acted).filter(|call| call.path.starts_with(path)).count()
}

async fn operation(test: &TestApp, session: &Answer) -> Answer {
    let key = test.key(Role::Operator).await;
    test.get(&format!("/v1/billing-operations?session={}", session.text_at("/id")), &key).await.expect(200)
}

#[tokio::test]
async fn a_plan_is_changed_at_once_with_quantity_discounts_and_other_items_kept() {
    on_every_database(async |test| {
        let lite = test.sandbox.seed_price("Lite", 1900, "usd", "month").unwrap();
        test.publish(&flow(&[&lite], "now", "none")).await;
        let who = with_seats(&test);
        let before = test.in_stripe(&who);
        let session = test.begin(&who, None).await.expect(201);
        let offer = &session.body["offers"][0];
        assert_eq!(offer["type"], "plan_change");
        assert_eq!(offer["terms"]["choices"][0]["plan"]["name"], "Lite");
        let plan = &offer["preview"]["plans"][0];
        assert_eq!((&plan["name"], &plan["amount"]), (&json!("Lite"), &json!(5_700)));
        assert_eq!((&plan["interval"], &plan["quantity"]), (&json!("month"), &json!(3)));
        assert_eq!(
            (&plan["proration"], &plan["effective_at"]),
            (&json!("none"), &json!("2027-03-01T12:00:00Z"))
        );
        // Three of Lite and one Extra, less the ten percent that are there.
        assert_eq!(plan["next_invoice_amount"], 6_030);
        assert_eq!(session.text_at("/offers/0/copy/headline"), "From March 1, 2027 on");

        let saved = test.accept(&who, &session, "smaller").await.expect(200);
        assert_eq!(
            (&saved.body["status"], &saved.body["billing"]["state"]),
            (&json!("saved"), &json!("applied"))
        );
        let after = test.in_stripe(&who);
        let item = &after["items"]["data"][0];
        assert_eq!((&item["price"]["id"], &item["quantity"]), (&json!(lite), &json!(3)));
        assert_eq!(item["id"], before["items"]["data"][0]["id"]);
        assert_eq!(after["items"]["data"][1], before["items"]["data"][1]);
        assert_eq!(after["discounts"], before["discounts"]);
        assert_eq!(item["current_period_end"], before["items"]["data"][0]["current_period_end"]);
        test
    })
    .await;
}

#[tokio::test]
async fn a_plan_is_changed_with_the_end_of_the_period_and_the_schedule_goes_away_by_itself() {
    on_every_database(async |test| {
        let lite = test.sandbox.seed_price("Lite", 1900, "usd", "month").unwrap();
        test.publish(&flow(&[&lite], "period_end", "none")).await;
        let who = with_seats(&test);
        let pro = price_of(&test, &who);
        let before = test.in_stripe(&who);
        let ends = before["items"]["data"][0]["current_period_end"].as_i64().unwrap();
        let session = test.begin(&who, None).await.expect(201);
        let at: jiff::Timestamp = session.text_at("/offers/0/preview/plans/0/effective_at").parse().unwrap();
        assert_eq!(at.as_second(), ends);
        test.accept(&who, &session, "smaller").await.expect(200);
        assert_eq!(price_of(&test, &who), pro, "not before its time");
        assert!(test.in_stripe(&who)["schedule"].is_string());

        let left = ends - test.sandbox.now().as_second();
        test.advance(SignedDuration::from_secs(left + 3_600));
        let after = test.in_stripe(&who);
        let item = &after["items"]["data"][0];
        assert_eq!((&item["price"]["id"], &item["quantity"]), (&json!(lite), &json!(3)));
        assert_eq!(after["items"]["data"].as_array().unwrap().len(), 2);
        assert_eq!(after["discounts"].as_array().unwrap().len(), 1);
        let invoice = test.sandbox.object(after["latest_invoice"].as_str().unwrap()).unwrap();
        assert_eq!(invoice["total"], 6_030, "the first invoice at the new price");
        test.advance(SignedDuration::from_secs(2 * DAY));
        let after = test.in_stripe(&who);
        assert_eq!((&after["schedule"], &after["status"]), (&Value::Null, &json!("active")));
        assert_eq!(after["items"]["data"][0]["price"]["id"], lite.as_str());
        test
    })
    .await;
}

/// The invoices of a subscriber, the newest first.
fn invoices(test: &TestApp, who: &Subscriber) -> Vec<Value> {
    let params = [("customer", who.customer.as_str()), ("limit", "100")];
    test.sandbox.call("GET", "/v1/invoices", &params).unwrap()["data"].as_array().unwrap().clone()
}

/// Half of the period is over, as nearly as seconds allow.
async fn half_way(test: &TestApp, price: &str, proration: &str) -> (Subscriber, Answer) {
    test.publish(&flow(&[price], "now", proration)).await;
    let who = test.subscriber();
    let item = test.in_stripe(&who)["items"]["data"][0].clone();
    let at = |name: &str| item[name].as_i64().unwrap();
    let half = (at("current_period_end") - at("current_period_start")) / 2;
    test.advance(SignedDuration::from_secs(half));
    let session = test.begin(&who, None).await.expect(201);
    (who, session)
}

fn pays_with(test: &TestApp, who: &Subscriber, card: &str) {
    let card = [("default_payment_method", card)];
    test.sandbox.call("POST", &format!("/v1/subscriptions/{}", who.subscription), &card).unwrap();
}

#[tokio::test]
async fn what_a_dearer_plan_costs_until_the_end_of_the_period_is_invoiced_at_once() {
    on_every_database(async |test| {
        let plus = test.sandbox.seed_price("Plus", 9900, "usd", "month").unwrap();
        let (who, session) = half_way(&test, &plus, "always_invoice").await;
        let before = test.in_stripe(&who);
        test.accept(&who, &session, "smaller").await.expect(200);
        let after = test.in_stripe(&who);
        let item = |subscription: &Value| subscription["items"]["data"][0].clone();
        assert_eq!(item(&after)["price"]["id"], plus.as_str());
        assert_eq!(item(&after)["current_period_end"], item(&before)["current_period_end"]);
        let made = invoices(&test, &who);
        assert_eq!(made.len(), 2, "one for the period, one for the change: {made:#?}");
        assert_eq!((&made[0]["total"], &made[0]["status"]), (&json!(2_500), &json!("paid")));
        test
    })
    .await;
}

#[tokio::test]
async fn another_interval_begins_a_period_that_is_billed_at_once_less_what_is_not_used() {
    on_every_database(async |test| {
        let yearly = test.sandbox.seed_price("Yearly", 49_000, "usd", "year").unwrap();
        let (who, session) = half_way(&test, &yearly, "create_prorations").await;
        let plan = &session.body["offers"][0]["preview"]["plans"][0];
        assert_eq!((&plan["amount"], &plan["interval"]), (&json!(49_000), &json!("year")));
        test.accept(&who, &session, "smaller").await.expect(200);
        let item = test.in_stripe(&who)["items"]["data"][0].clone();
        assert_eq!(item["price"]["id"], yearly.as_str());
        let days = (item["current_period_end"].as_i64().unwrap() - test.sandbox.now().as_second()) / DAY;
        assert!((364..=366).contains(&days), "{days}");
        let made = invoices(&test, &who);
        assert_eq!(made.len(), 2, "{made:#?}");
        assert_eq!((&made[0]["total"], &made[0]["status"]), (&json!(49_000 - 2_450), &json!("paid")));
        test
    })
    .await;
}

#[tokio::test]
async fn a_change_that_cannot_be_paid_for_is_refused_and_the_plan_stays() {
    on_every_database(async |test| {
        for (name, amount, interval, proration) in
            [("Plus", 9900, "month", "always_invoice"), ("Yearly", 49_000, "year", "create_prorations")]
        {
            let price = test.sandbox.seed_price(name, amount, "usd", interval).unwrap();
            let (who, session) = half_way(&test, &price, proration).await;
            pays_with(&test, &who, "pm_card_chargeCustomerFail");
            let (before, made) = (test.in_stripe(&who), invoices(&test, &who).len());
            let refused = test.accept(&who, &session, "smaller").await;
            let listed = operation(&test, &session).await;
            assert_eq!(listed.text_at("/data/0/state"), "rejected", "{}", listed.text);
            assert_eq!(listed.text_at("/data/0/problem/code"), "card_declined", "{}", refused.text);
            assert_eq!(test.in_stripe(&who), before);
            assert_eq!(invoices(&test, &who).len(), made);
            let left = test.read(&who, &session).await.expect(200);
            assert_eq!((&left.body["status"], left.presented().len()), (&json!("in_progress"), 0));
        }
        test
    })
    .await;
}

#[tokio::test]
async fn another_interval_may_begin_with_the_end_of_the_period() {
    on_every_database(async |test| {
        let yearly = test.sandbox.seed_price("Yearly", 49_000, "usd", "year").unwrap();
        test.publish(&flow(&[&yearly], "period_end", "none")).await;
        let who = test.subscriber();
        let session = test.begin(&who, None).await.expect(201);
        test.accept(&who, &session, "smaller").await.expect(200);
        assert_eq!(invoices(&test, &who).len(), 1);
        test.advance(SignedDuration::from_secs(40 * DAY));
        assert_eq!(price_of(&test, &who), yearly.as_str());
        let made = invoices(&test, &who);
        assert_eq!((made.len(), &made[0]["total"]), (2, &json!(49_000)));
        assert_eq!(test.in_stripe(&who)["schedule"], Value::Null);
        test
    })
    .await;
}

#[tokio::test]
async fn only_plans_that_the_subscription_can_change_to_are_presented_and_one_is_chosen() {
    on_every_database(async |test| {
        let seed = |name, amount, currency| test.sandbox.seed_price(name, amount, currency, "month").unwrap();
        let (lite, basic, euro) =
            (seed("Lite", 1900, "usd"), seed("Basic", 2900, "usd"), seed("Lite", 1800, "eur"));
        let old = seed("Old", 900, "usd");
        test.sandbox.call("POST", &format!("/v1/prices/{old}"), &[("active", "false")]).unwrap();
        let pro = seed("Pro", 4900, "usd");
        let all = [euro.as_str(), &old, &pro, "price_unheard_of", &lite, &basic];
        test.publish(&flow(&all, "now", "create_prorations")).await;
        let customer = test.sandbox.seed_customer("subscriber@example.com").unwrap();
        let subscription = test.sandbox.seed_subscription(&customer, &pro).unwrap();
        let who = Subscriber { customer, subscription };
        let session = test.begin(&who, None).await.expect(201);
        assert_eq!(session.each("/offers/0/terms/choices", "price"), [json!(lite), json!(basic)]);
        assert_eq!(session.each("/offers/0/preview/plans", "name"), ["Lite", "Basic"]);
        let accept = format!("offers/{}/accept", session.offer("smaller"));
        let missing = test.act(&who, &session, &accept, json!({})).await.expect(422);
        assert_eq!(missing.text_at("/errors/0/pointer"), "/choice");
        test.act(&who, &session, &accept, json!({"choice": 2})).await.expect(422);
        let saved = test.act(&who, &session, &accept, json!({"choice": 1})).await.expect(200);
        assert_eq!(saved.body["status"], "saved");
        assert_eq!(price_of(&test, &who), basic.as_str());

        for (choice, code) in [
            (euro.as_str(), "currency_mismatch"),
            (&old, "price_inactive"),
            (&pro, "same_price"),
            ("price_unheard_of", "price_unknown"),
        ] {
            test.publish(&flow(&[choice], "now", "none")).await;
            let customer = test.sandbox.seed_customer("subscriber@example.com").unwrap();
            let subscription = test.sandbox.seed_subscription(&customer, &pro).unwrap();
            let who = Subscriber { customer, subscription };
            let session = test.begin(&who, None).await.expect(201);
            assert!(session.presented().is_empty(), "{}", session.text);
            let path = format!("/v1/sessions/{}/explanation", session.text_at("/id"));
            let explained = test.get(&path, &test.key(Role::Analyst).await).await.expect(200);
            assert_eq!(explained.text_at("/decisions/0/trace/decision/left_out/0/code"), code);
        }
        test
    })
    .await;
}

#[tokio::test]
async fn prices_are_asked_for_once_and_known_while_stripe_is_away() {
    on_every_database(async |test| {
        let lite = test.sandbox.seed_price("Lite", 1900, "usd", "month").unwrap();
        test.publish(&flow(&[&lite], "now", "none")).await;
        let who = test.subscriber();
        test.sandbox.clear_calls();
        for _ in 0..3 {
            let session = test.begin(&who, None).await.expect(201);
            test.act(&who, &session, "keep", json!({})).await.expect(200);
        }
        let asked = test.sandbox.calls().iter().filter(|call| call.path.starts_with("/v1/prices")).count();
        assert_eq!(asked, 1);
        test.advance(SignedDuration::from_hours(2));
        test.sandbox.stop().await;
        let session = test.begin(&who, None).await.expect(201);
        assert_eq!(session.presented(), ["smaller"]);
        test.sandbox.start_again().await.unwrap();
        test
    })
    .await;
}

#[tokio::test]
async fn a_price_that_is_withdrawn_before_the_click_is_refused_and_nothing_is_changed() {
    on_every_database(async |test| {
        for when in ["now", "period_end"] {
            let lite = test.sandbox.seed_price("Lite", 1900, "usd", "month").unwrap();
            test.publish(&flow(&[&lite], when, "none")).await;
            let who = test.subscriber();
            let pro = price_of(&test, &who);
            let session = test.begin(&who, None).await.expect(201);
            test.sandbox.call("POST", &format!("/v1/prices/{lite}"), &[("active", "false")]).unwrap();
            let refused = test.accept(&who, &session, "smaller").await.expect(409);
            assert_eq!(refused.text_at("/code"), "price_inactive");
            let after = test.in_stripe(&who);
            assert_eq!((price_of(&test, &who), &after["schedule"]), (pro, &Value::Null));
        }
        test
    })
    .await;
}

#[tokio::test]
async fn lost_answers_and_refusals_change_a_plan_once() {
    on_every_database(async |test| {
        for when in ["now", "period_end"] {
            let lite = test.sandbox.seed_price("Lite", 1900, "usd", "month").unwrap();
            test.publish(&flow(&[&lite], when, "none")).await;
            let who = test.subscriber();
            let session = test.begin(&who, None).await.expect(201);
            test.sandbox.clear_calls();
            for path in ["/v1/subscriptions/*", "/v1/subscription_schedules", "/v1/subscription_schedules/*"]
            {
                for acted in [true, false] {
                    test.sandbox.script(Fault::once("POST", path, FaultKind::ServerError { acted }));
                }
                test.sandbox.script(Fault::once("POST", path, FaultKind::Timeout { acted: true }));
            }
            test.accept(&who, &session, "smaller").await;
            for _ in 0..6 {
                test.advance(SignedDuration::from_hours(1));
                test.work().await;
            }
            let listed = operation(&test, &session).await;
            assert_eq!(listed.text_at("/data/0/state"), "applied", "{}", listed.text);
            let (now, later) = (
                acted(&test, "POST", "/v1/subscriptions/"),
                acted(&test, "POST", "/v1/subscription_schedules"),
            );
            assert_eq!((now, later), if when == "now" { (1, 0) } else { (0, 2) });
            test.sandbox.clear_faults();
        }
        test
    })
    .await;
}

#[tokio::test]
async fn a_later_change_of_the_plan_takes_the_place_of_one_that_is_scheduled() {
    on_every_database(async |test| {
        let lite = test.sandbox.seed_price("Lite", 1900, "usd", "month").unwrap();
        let basic = test.sandbox.seed_price("Basic", 2900, "usd", "month").unwrap();
        let who = test.subscriber();
        test.publish(&flow(&[&lite], "period_end", "none")).await;
        let first = test.begin(&who, None).await.expect(201);
        test.accept(&who, &first, "smaller").await.expect(200);
        test.publish(&flow(&[&basic], "period_end", "none")).await;
        let second = test.begin(&who, None).await.expect(201);
        test.accept(&who, &second, "smaller").await.expect(200);
        test.advance(SignedDuration::from_secs(33 * DAY));
        assert_eq!(price_of(&test, &who), basic.as_str());
        assert_eq!(test.in_stripe(&who)["schedule"], Value::Null);
        test
    })
    .await;
}

#[tokio::test]
async fn a_cancellation_after_it_releases_the_schedule() {
    on_every_database(async |test| {
        let lite = test.sandbox.seed_price("Lite", 1900, "usd", "month").unwrap();
        test.publish(&flow(&[&lite], "period_end", "none")).await;
        let who = test.subscriber();
        let first = test.begin(&who, None).await.expect(201);
        test.accept(&who, &first, "smaller").await.expect(200);
        let second = test.begin(&who, None).await.expect(201);
        let canceled = test.act(&who, &second, "cancel", json!({})).await.expect(200);
        assert_eq!(canceled.body["status"], "canceled");
        let after = test.in_stripe(&who);
        assert_eq!((&after["schedule"], &after["cancel_at_period_end"]), (&Value::Null, &json!(true)));
        test
    })
    .await;
}

#[tokio::test]
async fn a_schedule_that_somebody_released_and_a_plan_that_somebody_changed_are_drift() {
    on_every_database(async |test| {
        let lite = test.sandbox.seed_price("Lite", 1900, "usd", "month").unwrap();
        let kinds = async |test: &TestApp| {
            let report = counteroffer::services::reconcile::everything(&test.app, true).await.unwrap();
            report.drift.iter().map(|drift| drift.kind.as_str()).collect::<Vec<_>>()
        };
        test.publish(&flow(&[&lite], "period_end", "none")).await;
        let who = test.subscriber();
        let session = test.begin(&who, None).await.expect(201);
        test.accept(&who, &session, "smaller").await.expect(200);
        assert!(kinds(&test).await.is_empty());
        let schedule = test.in_stripe(&who)["schedule"].as_str().unwrap().to_owned();
        let release = format!("/v1/subscription_schedules/{schedule}/release");
        test.sandbox.call("POST", &release, &[]).unwrap();
        assert_eq!(kinds(&test).await, ["plan_change_lost"]);
        test.advance(SignedDuration::from_secs(33 * DAY));
        assert_eq!(kinds(&test).await, ["plan_differs"]);
        test
    })
    .await;
}
