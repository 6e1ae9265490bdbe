//! Sessions, from the first click to the outcome.

use jiff::SignedDuration;
use serde_json::json;

use crate::support::app::on_every_database;

#[tokio::test]
async fn a_session_shows_the_way_out_and_only_what_the_state_allows() {
    on_every_database(async |test| {
        let who = test.subscriber();
        let session = test.begin(&who, None).await.expect(201);
        assert_eq!(session.body["status"], "in_progress");
        assert_eq!(session.body["survey"]["required"], false);
        assert_eq!(session.body["subscription"]["plan"]["amount"], 4900);
        assert_eq!(session.body["livemode"], false);
        assert_eq!(session.presented(), ["breather"]);
        assert_eq!(session.body["actions"], json!(["answer", "accept", "decline", "keep", "cancel"]));
        let out = format!("/v1/sessions/{}/cancel", session.text_at("/id"));
        assert_eq!(session.text_at("/exit/cancel_url"), out);
        let closed = test.act(&who, &session, "keep", json!({})).await.expect(200);
        assert_eq!(closed.body["status"], "saved");
        assert_eq!(closed.body["actions"], json!([]));
        assert!(closed.body.get("exit").is_none());
        test
    })
    .await;
}

#[tokio::test]
async fn a_reason_changes_what_is_offered() {
    on_every_database(async |test| {
        let who = test.subscriber();
        let session = test.begin(&who, None).await.expect(201);
        let answered =
            test.act(&who, &session, "answers", json!({"reason": "too_expensive"})).await.expect(200);
        assert_eq!(answered.presented(), ["half-off", "breather"]);
        assert_eq!(answered.offer("breather"), session.offer("breather"), "an offer that stays keeps its id");
        let half =
            &answered.body["offers"].as_array().unwrap().iter().find(|o| o["key"] == "half-off").unwrap();
        assert_eq!(half["preview"]["next_invoice_amount"], 2450);
        assert_eq!(half["copy"]["headline"], "Half price until June 1, 2027");
        let wrong = test.act(&who, &session, "answers", json!({"reason": "weather"})).await.expect(422);
        assert_eq!(wrong.text_at("/errors/0/pointer"), "/reason");
        test.act(&who, &session, "keep", json!({})).await.expect(200);
        test
    })
    .await;
}

#[tokio::test]
async fn a_second_begin_finds_the_open_session_and_a_replayed_token_the_same_one() {
    on_every_database(async |test| {
        let who = test.subscriber();
        let token = test.token(&who);
        let body = json!({"subscription": who.subscription});
        let first = test.post("/v1/sessions", &token, body.clone()).await.expect(201);
        let replayed = test.post("/v1/sessions", &token, body.clone()).await.expect(200);
        assert_eq!(replayed.body["id"], first.body["id"]);
        let second = test.begin(&who, None).await.expect(200);
        assert_eq!(second.body["id"], first.body["id"]);
        test.act(&who, &first, "keep", json!({})).await.expect(200);
        let closed = test.post("/v1/sessions", &token, body).await.expect(200);
        assert_eq!(closed.body["id"], first.body["id"], "also once it is closed");
        test.begin(&who, None).await.expect(201);
        test
    })
    .await;
}

#[tokio::test]
async fn a_token_finds_the_session_that_it_canceled() {
    on_every_database(async |test| {
        let who = test.subscriber();
        let token = test.token(&who);
        let body = json!({"subscription": who.subscription});
        let session = test.post("/v1/sessions", &token, body.clone()).await.expect(201);
        test.act(&who, &session, "cancel", json!({})).await.expect(200);
        let replayed = test.post("/v1/sessions", &token, body).await.expect(200);
        assert_eq!(replayed.body["id"], session.body["id"]);
        assert_eq!(replayed.body["status"], "canceled");
        test.begin(&who, None).await.expect(409);
        test
    })
    .await;
}

#[tokio::test]
async fn another_customer_finds_nothing() {
    on_every_database(async |test| {
        let (who, other) = (test.subscriber(), test.subscriber());
        let session = test.begin(&who, None).await.expect(201);
        let path = format!("/v1/sessions/{}", session.text_at("/id"));
        let token = test.token(&other);
        test.get(&path, &token).await.expect(404);
        for action in ["answers", "cancel", "keep"] {
            test.post(&format!("{path}/{action}"), &token, json!({})).await.expect(404);
        }
        let mixed =
            crate::support::app::Subscriber { subscription: who.subscription.clone(), ..other.clone() };
        test.begin(&mixed, None).await.expect(404);
        let read = test.read(&who, &session).await.expect(200);
        assert_eq!(read.body["status"], "in_progress");
        test
    })
    .await;
}

#[tokio::test]
async fn declining_everything_leads_to_the_confirmation_and_is_not_offered_again_in_the_session() {
    on_every_database(async |test| {
        let who = test.subscriber();
        let session = test.begin(&who, Some("too_expensive")).await.expect(201);
        let half = format!("offers/{}/decline", session.offer("half-off"));
        let after = test.act(&who, &session, &half, json!({})).await.expect(200);
        assert_eq!(after.body["step"], "offer");
        let twice = test.act(&who, &session, &half, json!({})).await.expect(409);
        assert_eq!(twice.text_at("/code"), "offer_decided");
        let breather = format!("offers/{}/decline", session.offer("breather"));
        let after = test.act(&who, &session, &breather, json!({})).await.expect(200);
        assert_eq!(after.body["step"], "confirm");
        let again = test.act(&who, &session, "answers", json!({"reason": "too_expensive"})).await.expect(200);
        assert!(again.presented().is_empty());
        let accept = test.accept(&who, &session, "half-off").await.expect(409);
        assert_eq!(accept.text_at("/code"), "offer_decided");
        test
    })
    .await;
}

#[tokio::test]
async fn a_session_left_open_is_abandoned_and_a_new_one_can_begin() {
    on_every_database(async |test| {
        let who = test.subscriber();
        let session = test.begin(&who, None).await.expect(201);
        test.advance(SignedDuration::from_hours(25));
        let next = test.begin(&who, None).await.expect(201);
        assert_ne!(next.body["id"], session.body["id"]);
        let left = test.read(&who, &session).await.expect(200);
        assert_eq!(left.body["status"], "abandoned");
        let late = test.act(&who, &session, "keep", json!({})).await.expect(409);
        assert_eq!(late.text_at("/state"), "abandoned");
        test.advance(SignedDuration::from_hours(25));
        assert_eq!(counteroffer::services::worker::sweep(&test.app).await.unwrap(), 1);
        test
    })
    .await;
}

#[tokio::test]
async fn an_ended_or_canceling_subscription_has_nothing_to_cancel() {
    on_every_database(async |test| {
        let who = test.subscriber();
        let path = format!("/v1/subscriptions/{}", who.subscription);
        test.sandbox.call("POST", &path, &[("cancel_at_period_end", "true")]).unwrap();
        let refused = test.begin(&who, None).await.expect(409);
        assert_eq!(refused.text_at("/code"), "cancel_scheduled");
        let gone = test.subscriber();
        test.sandbox.call("DELETE", &format!("/v1/subscriptions/{}", gone.subscription), &[]).unwrap();
        let refused = test.begin(&gone, None).await.expect(409);
        assert_eq!(refused.text_at("/code"), "subscription_ended");
        assert_eq!(refused.text_at("/state"), "canceled");
        test
    })
    .await;
}
