//! The receipt over HTTP: there at every state of a session, true at each, and only for whom it is about.

use counteroffer::sandbox::{Fault, FaultKind};
use counteroffer::services::keys::Role;
use jiff::SignedDuration;
use reqwest::Method;
use serde_json::{Value, json};

use crate::support::app::{Answer, Subscriber, TestApp, on_every_database};

async fn receipt(test: &TestApp, who: &Subscriber, session: &Answer) -> Answer {
    let path = format!("/v1/sessions/{}/receipt", session.text_at("/id"));
    test.get(&path, &test.token(who)).await.expect(200)
}

/// What happened, by name.
fn events(receipt: &Answer) -> Vec<String> {
    receipt.each("/events", "event").iter().map(|event| event.as_str().unwrap().to_owned()).collect()
}

/// Makes the next writes to subscriptions fail in Stripe.
fn stripe_fails(test: &TestApp) {
    let fault = FaultKind::ServerError { acted: false };
    let all = Fault { times: 100, ..Fault::once("POST", "/v1/subscriptions/*", fault) };
    test.sandbox.script(all);
}

/// Lets the worker try again what waits for its next try.
async fn stripe_is_back(test: &TestApp) {
    test.sandbox.clear_faults();
    test.advance(SignedDuration::from_mins(30));
    test.work().await;
}

#[tokio::test]
async fn a_cancellation_is_received_until_stripe_has_it() {
    on_every_database(async |test| {
        let who = test.subscriber();
        let begun = test.begin(&who, Some("too_expensive")).await.expect(201);
        let open = receipt(&test, &who, &begun).await;
        assert_eq!(events(&open), ["begun", "answered", "presented"]);
        assert_eq!((&open.body["cancellation"], &open.body["status"]), (&Value::Null, &json!("in_progress")));
        assert_eq!(open.body["policy"], json!({"key": "none", "version": 1}));
        assert_eq!(open.body["exit_visible"], true);
        let shown = open.each("/events/2/offers", "key");
        assert_eq!(shown, ["half-off", "breather"], "in the order in which they were shown");

        stripe_fails(&test);
        test.act(&who, &begun, "cancel", json!({})).await.expect(202);
        let received = receipt(&test, &who, &begun).await;
        let now = test.clock.now().to_string();
        let wanted = json!({
            "state": "received", "when": "period_end", "received_at": now, "confirmed_at": null,
            "effective_at": null, "taken_back_at": null,
        });
        assert_eq!(received.body["cancellation"], wanted);
        assert_eq!(receipt(&test, &who, &begun).await.text, received.text, "the same whenever asked for");

        stripe_is_back(&test).await;
        let confirmed = receipt(&test, &who, &begun).await;
        let session = test.read(&who, &begun).await.expect(200);
        assert_eq!(session.body["status"], "canceled");
        let said = &confirmed.body["cancellation"];
        assert_eq!((&said["state"], &said["received_at"]), (&json!("confirmed"), &json!(now)));
        assert_eq!(said["effective_at"], session.body["effective_at"]);
        assert_eq!(said["confirmed_at"], session.body["closed_at"]);
        assert_eq!(events(&confirmed)[3..], ["cancel_received", "canceled"]);
        assert_eq!(confirmed.each("/events", "hash").last().unwrap(), &confirmed.body["evidence"]["head"]);
        let before = received.each("/events", "hash");
        assert_eq!(confirmed.each("/events", "hash")[..before.len()], before, "what was said stays said");
        test
    })
    .await;
}

#[tokio::test]
async fn an_accepted_offer_is_applied_once_stripe_has_it() {
    on_every_database(async |test| {
        let who = test.subscriber();
        let begun = test.begin(&who, Some("no_time")).await.expect(201);
        stripe_fails(&test);
        let accept = format!("offers/{}/accept", begun.offer("breather"));
        test.act(&who, &begun, &accept, json!({"choice": 1})).await.expect(202);
        let waiting = receipt(&test, &who, &begun).await;
        let accepted = &waiting.body["accepted"][0];
        assert_eq!(
            (&accepted["state"], &accepted["settled_at"]),
            (&json!("applying"), &Value::Null),
            "{accepted}"
        );
        assert_eq!((&accepted["key"], &accepted["choice"]), (&json!("breather"), &json!(1)));
        stripe_is_back(&test).await;
        let applied = receipt(&test, &who, &begun).await;
        assert_eq!(applied.body["accepted"][0]["state"], "applied");
        assert_eq!(applied.body["accepted"][0]["accepted_at"], accepted["accepted_at"]);
        assert_eq!(applied.body["status"], "saved");
        assert_eq!(events(&applied)[3..], ["accepted", "applied"]);

        // Back from the pause.
        let again = test.begin(&who, None).await.expect(201);
        stripe_fails(&test);
        test.act(&who, &again, "resume", json!({})).await.expect(202);
        assert_eq!(receipt(&test, &who, &again).await.body["resumption"]["state"], "received");
        stripe_is_back(&test).await;
        let resumed = receipt(&test, &who, &again).await;
        assert_eq!(resumed.body["resumption"]["state"], "confirmed");
        assert_eq!(events(&resumed), ["begun", "resume_received", "resumed"]);
        test
    })
    .await;
}

#[tokio::test]
async fn what_operations_took_back_is_said() {
    on_every_database(async |test| {
        let operator = test.key(Role::Operator).await;
        for offer in [Some("half-off"), None] {
            let who = test.subscriber();
            let begun = test.begin(&who, Some("too_expensive")).await.expect(201);
            let action = match offer {
                Some(key) => format!("offers/{}/accept", begun.offer(key)),
                None => "cancel".to_owned(),
            };
            test.act(&who, &begun, &action, json!({})).await.expect(200);
            let path = format!("/v1/billing-operations?session={}", begun.text_at("/id"));
            let listed = test.get(&path, &operator).await.expect(200);
            let path = format!("/v1/billing-operations/{}/undo", listed.text_at("/data/0/id"));
            let undone = test.post(&path, &operator, json!({"reason": "a mistake"})).await.expect(200);
            assert_eq!(undone.body["state"], "applied", "{}", undone.text);
            let after = receipt(&test, &who, &begun).await;
            let part = if offer.is_some() { &after.body["accepted"][0] } else { &after.body["cancellation"] };
            assert_eq!(part["state"], "taken_back", "{}", after.text);
            assert_eq!(part["taken_back_at"], json!(test.clock.now()));
            assert_eq!(events(&after).last().unwrap(), "taken_back");
        }
        test
    })
    .await;
}

#[tokio::test]
async fn other_ends_have_a_receipt_as_well() {
    on_every_database(async |test| {
        for (action, status, last) in [("keep", "saved", "kept"), ("", "abandoned", "abandoned")] {
            let who = test.subscriber();
            let begun = test.begin(&who, None).await.expect(201);
            if action.is_empty() {
                test.advance(SignedDuration::from_hours(25));
                counteroffer::services::worker::sweep(&test.app).await.unwrap();
            } else {
                test.act(&who, &begun, action, json!({})).await.expect(200);
            }
            let receipt = receipt(&test, &who, &begun).await;
            assert_eq!(receipt.body["status"], status);
            assert_eq!(events(&receipt).last().unwrap(), last);
            assert_eq!(receipt.body["accepted"], json!([]));
        }
        test
    })
    .await;
}

#[tokio::test]
async fn it_is_for_the_subscriber_and_for_operations() {
    on_every_database(async |test| {
        let (who, other) = (test.subscriber(), test.subscriber());
        let begun = test.begin(&who, None).await.expect(201);
        let path = format!("/v1/sessions/{}/receipt", begun.text_at("/id"));
        let own = test.get(&path, &test.token(&who)).await.expect(200);
        test.get(&path, &test.token(&other)).await.expect(404);
        for role in [Role::Analyst, Role::Operator, Role::Admin] {
            assert_eq!(test.get(&path, &test.key(role).await).await.expect(200).text, own.text);
        }
        test.get(&path, &test.key(Role::Server).await).await.expect(403);
        // Once erased it names nobody, and only operations find it.
        let admin = test.key(Role::Admin).await;
        let customer = format!("/v1/customers/{}", who.customer);
        test.send(Method::DELETE, &customer, &admin, None, &[]).await.expect(204);
        test.get(&path, &test.token(&who)).await.expect(404);
        let after = test.get(&path, &admin).await.expect(200);
        assert_eq!(events(&after), ["deleted"], "no rule of a place keeps it");
        assert_eq!(after.body["events"][0]["head"], own.body["evidence"]["head"]);
        test
    })
    .await;
}
