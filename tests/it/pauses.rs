//! Pauses from the offer to the return: by either of Stripe's mechanisms, ended in time, early, elsewhere or with the
//! subscription, told once and truly.

use counteroffer::boot;
use counteroffer::sandbox::{Fault, FaultKind};
use counteroffer::services::keys::Role;
use counteroffer::services::verify::verify;
use jiff::SignedDuration;
use reqwest::Method;
use serde_json::{Value, json};

use crate::support::app::{Answer, FLOW, Subscriber, TestApp, on_every_database};

/// How access and billing mode come together; and whether Stripe pauses the subscription itself then.
const KINDS: [(&str, &str, bool); 3] =
    [("kept", "flexible", false), ("withdrawn", "flexible", true), ("withdrawn", "classic", false)];

fn days(days: i64) -> SignedDuration {
    SignedDuration::from_hours(24 * days)
}

/// A subscriber who has accepted a pause of one month.
async fn paused(test: &TestApp, access: &str, billing_mode: &str) -> Subscriber {
    let terms = format!("breather: {{type: pause, terms: {{access: {access}, ");
    test.publish(&FLOW.replace("breather: {type: pause, terms: {", &terms)).await;
    let who = test.subscriber();
    let price = test.in_stripe(&who)["items"]["data"][0]["price"]["id"].as_str().unwrap().to_owned();
    let params = [
        ("customer", who.customer.as_str()),
        ("items[0][price]", price.as_str()),
        ("billing_mode[type]", billing_mode),
    ];
    let subscription = test.sandbox.create("subscriptions", &params).unwrap();
    let who = Subscriber { subscription, ..who };
    // What is paid for is used in part, so that not all of it is credited.
    test.advance(days(10));
    let session = test.begin(&who, Some("no_time")).await.expect(201);
    let accept = format!("offers/{}/accept", session.offer("breather"));
    let saved = test.act(&who, &session, &accept, json!({"choice": 0})).await.expect(200);
    assert_eq!(saved.body["status"], "saved");
    who
}

fn is_paused(test: &TestApp, who: &Subscriber) -> bool {
    let stripe = test.in_stripe(who);
    stripe["status"] == "paused" || !stripe["pause_collection"].is_null()
}

/// What the app was told of the subscription, of this type.
async fn told(test: &TestApp, who: &Subscriber, kind: &str) -> Vec<Value> {
    let path = format!("/v1/events?type={kind}&subscription={}", who.subscription);
    let events = test.get(&path, &test.key(Role::Server).await).await.expect(200);
    events.each("/data", "data")
}

/// How the only pause of the subscription ended, as the app was told.
async fn ended(test: &TestApp, who: &Subscriber) -> Value {
    let told = told(test, who, "pause.ended").await;
    assert_eq!(told.len(), 1, "{told:?}");
    told[0]["how"].clone()
}

/// How often the resume call has acted.
fn resumed(test: &TestApp, who: &Subscriber) -> usize {
    let path = format!("/v1/subscriptions/{}/resume", who.subscription);
    test.sandbox.calls().iter().filter(|call| call.acted && call.path == path).count()
}

async fn resume(test: &TestApp, who: &Subscriber, session: &Answer) -> Answer {
    test.act(who, session, "resume", json!({})).await
}

#[tokio::test]
async fn a_pause_ends_in_time_also_when_nobody_was_working_then() {
    on_every_database(async |test| {
        for (access, mode, itself) in KINDS {
            let who = paused(&test, access, mode).await;
            let stripe = test.in_stripe(&who);
            assert_eq!(stripe["status"] == "paused", itself, "{access} {mode}");
            assert_eq!(stripe["pause_collection"].is_null(), itself);
            let started = told(&test, &who, "pause.started").await;
            if access == "kept" {
                assert!(started.is_empty(), "{started:?}");
            } else {
                assert_eq!(started.len(), 1);
                assert_eq!(started[0]["mechanism"], if itself { "subscription" } else { "collection" });
                assert_eq!(started[0]["offer_key"], "breather");
            }
            test.advance(days(20));
            test.work().await;
            assert!(is_paused(&test, &who), "not before its time");
            assert!(told(&test, &who, "pause.ended").await.is_empty());
            test.advance(days(20));
            test.work().await;
            test.work().await;
            assert!(!is_paused(&test, &who), "{access} {mode}: {}", test.in_stripe(&who));
            assert_eq!(test.in_stripe(&who)["status"], "active");
            assert_eq!(ended(&test, &who).await, "time");
            assert_eq!(told(&test, &who, "pause.ended").await[0]["access"], access);
            assert_eq!(resumed(&test, &who), usize::from(itself));
        }
        test
    })
    .await;
}

#[tokio::test]
async fn a_paused_subscriber_who_opens_the_flow_again_is_asked_whether_to_resume() {
    on_every_database(async |test| {
        for (access, mode, itself) in KINDS {
            let who = paused(&test, access, mode).await;
            test.advance(days(5));
            let session = test.begin(&who, Some("no_time")).await.expect(201);
            assert_eq!(session.body["step"], "resume");
            assert_eq!(session.body["actions"], json!(["resume", "answer", "keep", "cancel"]));
            assert!(session.presented().is_empty(), "{}", session.text);
            assert!(session.text_at("/exit/cancel_url").ends_with("/cancel"));
            assert_eq!(session.body["pause"]["access"], access);
            let resumes_at: jiff::Timestamp = session.text_at("/pause/resumes_at").parse().unwrap();
            let left = resumes_at.duration_since(test.clock.now());
            assert!(days(22) < left && left < days(27), "a month less five days: {}", session.text);
            let back = resume(&test, &who, &session).await.expect(200);
            assert_eq!(back.body["status"], "saved");
            assert_eq!(back.body["billing"]["state"], "applied");
            assert!(!is_paused(&test, &who));
            assert_eq!(resume(&test, &who, &session).await.expect(200).body, back.body);
            assert_eq!(ended(&test, &who).await, "subscriber");
            // The end that was scheduled finds nothing to do and tells nothing more.
            test.advance(days(40));
            test.work().await;
            assert_eq!(ended(&test, &who).await, "subscriber");
            assert_eq!(resumed(&test, &who), usize::from(itself));
            let next = test.begin(&who, None).await.expect(201);
            assert_ne!(next.body["step"], "resume");
            assert!(next.body["pause"].is_null());
        }
        test
    })
    .await;
}

#[tokio::test]
async fn who_would_rather_leave_is_offered_what_there_is_and_may_still_come_back() {
    on_every_database(async |test| {
        let who = paused(&test, "kept", "flexible").await;
        let session = test.begin(&who, Some("too_expensive")).await.expect(201);
        assert_eq!(session.body["step"], "resume");
        let path = format!("/v1/sessions/{}/explanation", session.text_at("/id"));
        let explained = test.get(&path, &test.key(Role::Analyst).await).await.expect(200);
        let left_out = &explained.body["decisions"][0]["decision"]["left_out"];
        assert!(left_out.as_array().unwrap().iter().any(|out| out["code"] == "resume_first"), "{left_out}");
        let offered =
            test.act(&who, &session, "answers", json!({"reason": "too_expensive"})).await.expect(200);
        assert_eq!((&offered.body["step"], offered.presented()), (&json!("offer"), vec!["half-off"]));
        assert_eq!(offered.body["actions"][0], "resume");
        resume(&test, &who, &session).await.expect(200);
        assert!(!is_paused(&test, &who));
        test
    })
    .await;
}

#[tokio::test]
async fn an_end_that_somebody_else_makes_is_told_as_that() {
    on_every_database(async |test| {
        for (access, mode, itself) in KINDS {
            let who = paused(&test, access, mode).await;
            test.advance(days(5));
            test.sandbox.take_webhooks();
            let path = format!("/v1/subscriptions/{}", who.subscription);
            if itself {
                let now = [("payment_behavior", "resume_on_payment_success")];
                test.sandbox.call("POST", &format!("{path}/resume"), &now).unwrap();
            } else {
                test.sandbox.call("POST", &path, &[("pause_collection", "")]).unwrap();
            }
            let events = test.sandbox.take_webhooks();
            test.sandbox.deliver(&events).await;
            test.work().await;
            assert_eq!(ended(&test, &who).await, "elsewhere", "{access} {mode}");
            test.advance(days(40));
            test.work().await;
            assert_eq!(ended(&test, &who).await, "elsewhere");
        }
        test
    })
    .await;
}

#[tokio::test]
async fn a_pause_made_elsewhere_is_not_ours_to_end() {
    on_every_database(async |test| {
        let who = test.subscriber();
        let path = format!("/v1/subscriptions/{}", who.subscription);
        test.sandbox.call("POST", &path, &[("pause_collection[behavior]", "void")]).unwrap();
        let session = test.begin(&who, None).await.expect(201);
        assert_ne!(session.body["step"], "resume");
        assert_eq!(resume(&test, &who, &session).await.expect(409).text_at("/code"), "not_paused");
        assert!(is_paused(&test, &who));
        test
    })
    .await;
}

#[tokio::test]
async fn who_cancels_while_paused_is_gone_and_no_access_comes_back() {
    on_every_database(async |test| {
        let who = paused(&test, "withdrawn", "flexible").await;
        test.advance(days(5));
        let session = test.begin(&who, None).await.expect(201);
        let gone = test.act(&who, &session, "cancel", json!({})).await.expect(200);
        assert_eq!(gone.body["status"], "canceled");
        test.advance(days(40));
        test.work().await;
        assert_eq!(ended(&test, &who).await, "subscription_ended");
        assert_eq!(test.in_stripe(&who)["status"], "canceled");
        assert_eq!(resumed(&test, &who), 0);
        test
    })
    .await;
}

#[tokio::test]
async fn a_resumption_whose_answer_is_lost_is_ours_and_happens_once() {
    on_every_database(async |test| {
        for (access, mode, itself) in KINDS {
            let who = paused(&test, access, mode).await;
            test.advance(days(5));
            let session = test.begin(&who, None).await.expect(201);
            let path = if itself { "/v1/subscriptions/*/resume" } else { "/v1/subscriptions/*" };
            // It acts, but no answer comes, however often it is asked.
            let lost = FaultKind::Timeout { acted: true };
            test.sandbox.script(Fault { times: 99, ..Fault::once("POST", path, lost) });
            let on_its_way = resume(&test, &who, &session).await.expect(202);
            assert_eq!(on_its_way.body["actions"], json!(["cancel"]));
            test.sandbox.clear_faults();
            assert!(!is_paused(&test, &who), "Stripe has done it");
            // Another process takes it up.
            test.advance(SignedDuration::from_hours(2));
            test.work().await;
            assert_eq!(test.read(&who, &session).await.expect(200).body["status"], "saved");
            assert_eq!(ended(&test, &who).await, "subscriber", "{access} {mode}");
            assert_eq!(resumed(&test, &who), usize::from(itself));
        }
        test
    })
    .await;
}

#[tokio::test]
async fn who_is_back_as_wanted_is_no_difference_though_nobody_knows_who_resumed() {
    on_every_database(async |test| {
        let who = paused(&test, "withdrawn", "flexible").await;
        test.advance(days(5));
        let session = test.begin(&who, None).await.expect(201);
        let lost = FaultKind::Timeout { acted: true };
        test.sandbox.script(Fault { times: 99, ..Fault::once("POST", "/v1/subscriptions/*/resume", lost) });
        resume(&test, &who, &session).await.expect(202);
        test.sandbox.clear_faults();
        // Nobody was working for longer than Stripe remembers what it has answered.
        test.sandbox.forget_keys();
        test.advance(days(2));
        test.work().await;
        assert_eq!(test.read(&who, &session).await.expect(200).body["status"], "saved");
        assert_eq!(ended(&test, &who).await, "elsewhere");
        let verified = verify(boot::verifying(&test.config, true, &test.clock).unwrap()).await.unwrap();
        assert_eq!(verified.violations, [], "{}", test.database.name);
        test
    })
    .await;
}

#[tokio::test]
async fn a_resumption_that_is_not_paid_waits_and_the_way_out_stays_open() {
    on_every_database(async |test| {
        for pays in [true, false] {
            let who = paused(&test, "withdrawn", "flexible").await;
            let path = format!("/v1/subscriptions/{}", who.subscription);
            let pay_with = |method: &str| {
                test.sandbox.call("POST", &path, &[("default_payment_method", method)]).unwrap();
            };
            pay_with("pm_card_chargeCustomerFail");
            test.advance(days(5));
            let session = test.begin(&who, None).await.expect(201);
            let waits = resume(&test, &who, &session).await.expect(202);
            assert_eq!(waits.body["step"], "applying");
            assert!(is_paused(&test, &who));
            if pays {
                pay_with("pm_card_visa");
                test.advance(days(4));
                test.work().await;
                assert_eq!(test.read(&who, &session).await.expect(200).body["status"], "saved");
                assert_eq!(test.in_stripe(&who)["status"], "active");
                assert_eq!(ended(&test, &who).await, "subscriber");
            } else {
                test.act(&who, &session, "cancel", json!({})).await.expect(202);
                test.advance(SignedDuration::from_hours(1));
                for _ in 0..40 {
                    test.work().await;
                    test.advance(SignedDuration::from_hours(2));
                }
                assert_eq!(test.read(&who, &session).await.expect(200).body["status"], "canceled");
                assert_eq!(test.in_stripe(&who)["status"], "canceled");
            }
        }
        test
    })
    .await;
}

#[tokio::test]
async fn two_who_resume_at_once_resume_once() {
    on_every_database(async |test| {
        let who = paused(&test, "withdrawn", "flexible").await;
        // The very moment at which its time is over, so that the scheduled end is due as well.
        test.advance(days(31));
        let session = test.begin(&who, None).await.expect(201);
        let path = format!("/v1/sessions/{}/resume", session.text_at("/id"));
        let token = test.token(&who);
        let one = test.send(Method::POST, &path, &token, Some(json!({})), &[]);
        let other = test.send(Method::POST, &path, &token, Some(json!({})), &[]);
        let (one, other, _) = futures_util::join!(one, other, test.work());
        // Whoever comes second finds it on its way, or done.
        let fine = |answer: &Answer| matches!(answer.status.as_u16(), 200 | 202 | 409);
        assert!(fine(&one) && fine(&other), "{} {}", one.text, other.text);
        for _ in 0..3 {
            test.work().await;
        }
        assert_eq!(test.read(&who, &session).await.expect(200).body["status"], "saved");
        assert_eq!(resumed(&test, &who), 1);
        let how = ended(&test, &who).await;
        assert!(how == "time" || how == "subscriber", "{how}");
        test
    })
    .await;
}
