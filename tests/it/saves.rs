//! What became of saves: billing asked 30, 60 and 90 days after, and what the session and the figures say of it.

use counteroffer::services::keys::Role;
use counteroffer::services::{App, saves};
use jiff::SignedDuration;
use reqwest::Method;
use serde_json::{Value, json};

use crate::support::app::{Answer, Subscriber, TestApp, on_every_database};

const DAY: SignedDuration = SignedDuration::from_hours(24);

async fn saved(test: &TestApp, reason: &str, offer: &str, body: Value) -> (Subscriber, Answer) {
    let who = test.subscriber();
    let session = test.begin(&who, Some(reason)).await.expect(201);
    let accept = format!("offers/{}/accept", session.offer(offer));
    let saved = test.act(&who, &session, &accept, body).await.expect(200);
    assert_eq!(saved.body["status"], "saved");
    assert_eq!(saved.body["validated"], none(), "nobody knows yet");
    (who, session)
}

async fn kept(test: &TestApp) -> (Subscriber, Answer) {
    let who = test.subscriber();
    let session = test.begin(&who, None).await.expect(201);
    test.act(&who, &session, "keep", json!({})).await.expect(200);
    (who, session)
}

fn none() -> Value {
    json!({"days_30": null, "days_60": null, "days_90": null})
}

async fn checked(test: &TestApp) -> usize {
    saves::drain(&test.app).await.unwrap()
}

async fn validated(test: &TestApp, key: &str, session: &Answer) -> Value {
    let path = format!("/v1/sessions/{}", session.text_at("/id"));
    test.get(&path, key).await.expect(200).body["validated"].clone()
}

async fn evidence(test: &TestApp, key: &str, session: &Answer, check: usize) -> Value {
    let path = format!("/v1/sessions/{}/validation", session.text_at("/id"));
    test.get(&path, key).await.expect(200).body["checks"][check]["evidence"].clone()
}

fn end(test: &TestApp, who: &Subscriber) {
    let path = format!("/v1/subscriptions/{}", who.subscription);
    test.sandbox.call("DELETE", &path, &[]).unwrap();
}

/// How often the subscription was read in Stripe.
fn reads(test: &TestApp, who: &Subscriber) -> usize {
    let path = format!("/v1/subscriptions/{}", who.subscription);
    test.sandbox.calls().iter().filter(|call| call.method == "GET" && call.path == path).count()
}

#[tokio::test]
async fn a_save_is_validated_when_billing_shows_who_stays_and_pays() {
    on_every_database(async |test| {
        let key = test.key(Role::Analyst).await;
        let (payer, paying) = saved(&test, "too_expensive", "half-off", json!({})).await;
        let (_, pausing) = saved(&test, "no_time", "breather", json!({"choice": 0})).await;
        let (leaver, leaving) = kept(&test).await;
        let (undecided, ending) = kept(&test).await;
        test.advance(DAY * 29);
        assert_eq!(checked(&test).await, 0, "not before its time");
        let path = format!("/v1/subscriptions/{}", undecided.subscription);
        test.sandbox.call("POST", &path, &[("cancel_at_period_end", "true")]).unwrap();
        test.sandbox.clear_calls();
        test.advance(DAY);
        assert_eq!(checked(&test).await, 4);
        assert_eq!(reads(&test, &payer), 1);
        assert_eq!(checked(&test).await, 0, "once");

        let of_30 = |held: bool| json!({"days_30": held, "days_60": null, "days_90": null});
        assert_eq!(validated(&test, &key, &paying).await, of_30(true));
        assert_eq!(validated(&test, &key, &pausing).await, of_30(false));
        assert_eq!(validated(&test, &key, &leaving).await, of_30(true));
        assert_eq!(validated(&test, &key, &ending).await, of_30(false));
        let shown = evidence(&test, &key, &paying, 0).await;
        let wanted = json!({"status": "active", "still_subscribed": true, "paying": true, "ending": false,
            "ended_at": null, "discount": "running", "pause": null,
            "mrr": {"amount": 4900, "currency": "usd"}, "discounts": {"amount": 2450, "currency": "usd"}});
        assert_eq!(shown, wanted);
        let shown = evidence(&test, &key, &pausing, 0).await;
        assert_eq!([&shown["paying"], &shown["pause"]], [&json!(false), &json!("paused")]);
        assert_eq!(evidence(&test, &key, &ending, 0).await["ending"], true);

        test.advance(DAY * 10);
        end(&test, &leaver);
        test.advance(DAY * 20);
        checked(&test).await;
        let shown = evidence(&test, &key, &pausing, 1).await;
        assert_eq!([&shown["paying"], &shown["pause"]], [&json!(true), &json!("returned")]);
        let gone = json!({"days_30": true, "days_60": false, "days_90": false});
        assert_eq!(validated(&test, &key, &leaving).await, gone, "what has ended needs no asking again");
        test.advance(DAY * 45);
        checked(&test).await;
        let back = json!({"days_30": false, "days_60": true, "days_90": true});
        assert_eq!(validated(&test, &key, &pausing).await, back);
        assert_eq!(evidence(&test, &key, &paying, 2).await["discount"], "over");
        // The end of the pause, which came meanwhile.
        test.work().await;
        test
    })
    .await;
}

#[tokio::test]
async fn the_summary_counts_saves_that_are_old_enough() {
    on_every_database(async |test| {
        let key = test.key(Role::Analyst).await;
        saved(&test, "too_expensive", "half-off", json!({})).await;
        kept(&test).await;
        let (leaver, leaving) = kept(&test).await;
        test.advance(DAY * 10);
        let (_, young) = kept(&test).await;
        test.sandbox.take_webhooks();
        end(&test, &leaver);
        test.sandbox.deliver_all().await;
        let gone = json!({"days_30": false, "days_60": false, "days_90": false});
        assert_eq!(validated(&test, &key, &leaving).await, gone, "known at once");

        let summary = async || test.get("/v1/analytics/summary", &key).await.expect(200).body;
        let rate = |held: u64, of: u64, value: Value| json!({"numerator": held, "denominator": of, "value": value});
        let early = summary().await;
        assert_eq!(early["validated"][0]["rate"], rate(0, 0, Value::Null), "none is old enough");
        assert_eq!((&early["saved"], &early["validated"][2]["days"]), (&json!(4), &json!(90)));
        test.advance(DAY * 21);
        let before = summary().await;
        assert_eq!([&before["validated"][0]["waiting"], &before["validated"][1]["waiting"]], [2, 0]);
        assert_eq!(before["validated"][0]["rate"], rate(0, 1, json!(0.0)));
        checked(&test).await;
        let after = summary().await;
        let money = |amount: i64| json!({"amount": amount, "currency": "usd"});
        let wanted = json!({"days": 30, "rate": rate(2, 3, json!(0.6667)), "waiting": 0, "unknown": 0,
            "mrr": [{"mrr": money(9800), "discounts": money(2450), "net": money(7350), "given_away": money(4900)}]});
        assert_eq!(after["validated"][0], wanted);
        assert_eq!(after["validated"][1]["rate"], rate(0, 0, Value::Null));
        let some = test.get("/v1/analytics/summary?reason=too_expensive", &key).await.expect(200);
        assert_eq!(some.body["validated"][0]["rate"], rate(1, 1, json!(1.0)));

        let csv = test.send(Method::GET, "/v1/sessions", &key, None, &[("accept", "text/csv")]).await.expect(200);
        let mut reader = csv::Reader::from_reader(csv.text.as_bytes());
        let row = |id: &str, rows: &[std::collections::HashMap<String, String>]| {
            let row = rows.iter().find(|row| row["id"] == id).unwrap();
            ["validated_30", "validated_60"].map(|name| row[name].clone())
        };
        let rows: Vec<_> = reader.deserialize().map(Result::unwrap).collect();
        assert_eq!(row(leaving.text_at("/id"), &rows), ["false", "false"]);
        assert_eq!(row(young.text_at("/id"), &rows), ["", ""]);
        let list = test.get("/v1/sessions?status=saved", &key).await.expect(200);
        assert!(list.each("/data", "validated").contains(&gone));
        let server = test.key(Role::Server).await;
        let path = format!("/v1/sessions/{}/validation", young.text_at("/id"));
        test.get(&path, &server).await.expect(403);
        test
    })
    .await;
}

#[tokio::test]
async fn what_fell_due_while_nobody_worked_is_made_up_for() {
    on_every_database(async |test| {
        let key = test.key(Role::Analyst).await;
        let (_, stays) = kept(&test).await;
        let (leaver, leaves) = kept(&test).await;
        let (undecided, may_go) = kept(&test).await;
        test.advance(DAY * 45);
        end(&test, &leaver);
        test.advance(DAY * 55);
        let path = format!("/v1/subscriptions/{}", undecided.subscription);
        test.sandbox.call("POST", &path, &[("cancel_at_period_end", "true")]).unwrap();
        checked(&test).await;
        let of = |days: [Value; 3]| json!({"days_30": days[0], "days_60": days[1], "days_90": days[2]});
        assert_eq!(validated(&test, &key, &stays).await, of([json!(true), json!(true), json!(true)]));
        // It was there after 30 days; whether it paid then is not to be seen any more.
        assert_eq!(validated(&test, &key, &leaves).await, of([Value::Null, json!(false), json!(false)]));
        let shown = evidence(&test, &key, &leaves, 0).await;
        assert_eq!([&shown["still_subscribed"], &shown["paying"]], [&json!(true), &Value::Null]);
        assert_eq!(validated(&test, &key, &may_go).await, none());
        let summary = test.get("/v1/analytics/summary", &key).await.expect(200).body;
        assert_eq!(summary["validated"][0]["unknown"], 2);
        assert_eq!(summary["validated"][2]["rate"], json!({"numerator": 1, "denominator": 2, "value": 0.5}));
        test
    })
    .await;
}

#[tokio::test]
async fn replicas_share_the_checks_and_take_over_from_the_dead() {
    on_every_database(async |test| {
        let mut people = Vec::new();
        for _ in 0..6 {
            people.push(kept(&test).await);
        }
        test.advance(DAY * 30);
        let other = App { owner: "another".to_owned(), ..test.app.clone() };
        // One that claims and dies.
        test.app.store.watch_saves(100).await.unwrap();
        let now = test.clock.now();
        let until = now + SignedDuration::from_secs(60);
        let lost = test.app.store.claim_save_checks(false, "dead", now, until, 2).await.unwrap();
        assert_eq!(lost.len(), 2);
        test.sandbox.clear_calls();
        let (one, two) = futures_util::join!(saves::drain(&test.app), saves::drain(&other));
        assert_eq!(one.unwrap() + two.unwrap(), 4);
        test.advance(SignedDuration::from_secs(61));
        assert_eq!(saves::drain(&other).await.unwrap(), 2);
        assert!(people.iter().all(|(who, _)| reads(&test, who) == 1), "each is read once");
        test
    })
    .await;
}

#[tokio::test]
async fn a_check_waits_for_stripe_to_come_back() {
    on_every_database(async |test| {
        let key = test.key(Role::Analyst).await;
        let (_, session) = kept(&test).await;
        test.advance(DAY * 30);
        test.sandbox.stop().await;
        assert_eq!(checked(&test).await, 1);
        assert_eq!(validated(&test, &key, &session).await, none());
        test.sandbox.start_again().await.unwrap();
        test.advance(SignedDuration::from_secs(15));
        assert_eq!(checked(&test).await, 1);
        assert_eq!(validated(&test, &key, &session).await["days_30"], true);
        test
    })
    .await;
}
