//! What the app is told of: written with what it speaks of, once, and erased with the person.

use counteroffer::sandbox::{Fault, FaultKind};
use counteroffer::services::keys::Role;
use counteroffer::services::worker;
use jiff::SignedDuration;
use reqwest::Method;

use crate::support::app::{Subscriber, TestApp, on_every_database};

const DAY: i64 = 24;

/// A subscriber who has accepted two months of free features; the session's id.
async fn with_features(test: &TestApp) -> (Subscriber, String) {
    let who = test.subscriber();
    let session = test.begin(&who, Some("missing_feature")).await.expect(201);
    test.accept(&who, &session, "add-ons").await.expect(200);
    (who, session.text_at("/id").to_owned())
}

#[tokio::test]
async fn features_that_end_are_told_once_with_what_could_be_sold() {
    on_every_database(async |test| {
        let key = test.key(Role::Server).await;
        let (who, session) = with_features(&test).await;
        assert!(test.get("/v1/events", &key).await.expect(200).each("/data", "id").is_empty());
        // Nobody was working when the time came; it is made up for.
        test.advance(SignedDuration::from_hours(DAY * 75));
        test.work().await;
        test.work().await;
        let told = test.get("/v1/events?type=features.ended", &key).await.expect(200);
        assert_eq!(told.each("/data", "session"), [session.as_str()], "{}", told.text);
        let event = &told.body["data"][0];
        assert_eq!(event["type"], "features.ended");
        assert_eq!(event["customer"], who.customer.as_str());
        assert_eq!(event["subscription"], who.subscription.as_str());
        assert_eq!(event["data"]["price"], test.free_price.as_str());
        let product = test.sandbox.object(&test.free_price).unwrap()["product"].clone();
        assert_eq!(event["data"]["product"], product);
        assert_eq!(event["data"]["features"], serde_json::json!(["Export"]));
        assert_eq!(event["data"]["offer_key"], "add-ons");
        assert_eq!(event["data"]["given_at"], "2027-03-01T12:00:00Z");
        assert_eq!(event["data"]["how"], "removed");
        test
    })
    .await;
}

#[tokio::test]
async fn who_took_the_features_away_is_told_as_it_was() {
    on_every_database(async |test| {
        let key = test.key(Role::Analyst).await;
        // One whose answer was lost, one taken away by hand, one with a subscription that has ended.
        let (lost, _) = with_features(&test).await;
        let (by_hand, _) = with_features(&test).await;
        let (ended, _) = with_features(&test).await;
        let item = test.in_stripe(&by_hand)["items"]["data"][1]["id"].as_str().unwrap().to_owned();
        test.sandbox.call("DELETE", &format!("/v1/subscription_items/{item}"), &[]).unwrap();
        test.sandbox.call("DELETE", &format!("/v1/subscriptions/{}", ended.subscription), &[]).unwrap();
        let item = test.in_stripe(&lost)["items"]["data"][1]["id"].as_str().unwrap().to_owned();
        let path = format!("/v1/subscription_items/{item}");
        test.advance(SignedDuration::from_hours(DAY * 75));
        test.sandbox.script(Fault {
            times: 9,
            ..Fault::once("DELETE", &path, FaultKind::BadGateway { acted: true })
        });
        test.work().await;
        test.sandbox.clear_faults();
        test.advance(SignedDuration::from_hours(1));
        test.work().await;
        for (who, how) in
            [(&lost, "removed"), (&by_hand, "removed_elsewhere"), (&ended, "subscription_ended")]
        {
            let told = test.get(&format!("/v1/events?customer={}", who.customer), &key).await.expect(200);
            assert_eq!(told.each("/data", "data").iter().map(|data| &data["how"]).collect::<Vec<_>>(), [how]);
        }
        let first = test.get("/v1/events?limit=2", &key).await.expect(200);
        let next = format!("/v1/events?limit=2&cursor={}", first.text_at("/next_cursor"));
        let last = test.get(&next, &key).await.expect(200);
        assert!(last.body["next_cursor"].is_null());
        let ids = [first.each("/data", "id"), last.each("/data", "id")].concat();
        assert_eq!(ids.len(), 3);
        assert!(ids.windows(2).all(|pair| pair[0].as_str() > pair[1].as_str()), "newest first: {ids:?}");
        test
    })
    .await;
}

#[tokio::test]
async fn events_go_with_the_customer_and_with_age() {
    on_every_database(async |test| {
        let key = test.key(Role::Operator).await;
        let (who, _) = with_features(&test).await;
        with_features(&test).await;
        test.advance(SignedDuration::from_hours(DAY * 75));
        test.work().await;
        let count = async || test.get("/v1/events", &key).await.expect(200).each("/data", "id").len();
        assert_eq!(count().await, 2);
        test.send(Method::DELETE, &format!("/v1/customers/{}", who.customer), &key, None, &[])
            .await
            .expect(204);
        assert_eq!(count().await, 1);
        test.advance(SignedDuration::from_hours(DAY * 91));
        worker::sweep(&test.app).await.unwrap();
        assert_eq!(count().await, 0);
        for wrong in ["type=features.begun", "cursor=evt_1", "limit=0", "session=ses_1"] {
            test.get(&format!("/v1/events?{wrong}"), &key).await.expect(400);
        }
        test
    })
    .await;
}
