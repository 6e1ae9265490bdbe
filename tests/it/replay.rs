//! What no webhook brought is found in Stripe's list of events, and taken in once.

use counteroffer::sandbox::{Fault, FaultKind};
use counteroffer::services::replay::replay;
use counteroffer::store::Lease;
use jiff::SignedDuration;

use crate::support::app::{Answer, Subscriber, TestApp, on_every_database};

/// A subscriber in a session, whose subscription somebody else cancels.
async fn canceled_elsewhere(test: &TestApp) -> (Subscriber, Answer) {
    let who = test.subscriber();
    let session = test.begin(&who, None).await.expect(201);
    let path = format!("/v1/subscriptions/{}", who.subscription);
    test.sandbox.call("POST", &path, &[("cancel_at_period_end", "true")]).unwrap();
    (who, session)
}

async fn metric(test: &TestApp, name: &str) -> String {
    let text = test.get("/metrics", "").await.expect(200).text;
    let line = text.lines().find(|line| line.starts_with(&format!("{name} ")));
    line.unwrap_or_else(|| panic!("no {name} in {text}")).rsplit(' ').next().unwrap().to_owned()
}

#[tokio::test]
async fn a_backlog_is_taken_in_as_its_webhooks_would_be_and_once() {
    on_every_database(async |test| {
        assert_eq!(
            replay(&test.app).await.unwrap(),
            0,
            "before the first start there is nothing to catch up with"
        );
        let (who, session) = canceled_elsewhere(&test).await;
        test.advance(SignedDuration::from_hours(50));
        let (late, later) = canceled_elsewhere(&test).await;
        assert_eq!(test.read(&who, &session).await.body["status"], "in_progress");

        let taken = replay(&test.app).await.unwrap();
        assert!(taken >= 2, "{taken}");
        for (who, session) in [(&who, &session), (&late, &later)] {
            assert_eq!(test.read(who, session).await.body["status"], "canceled");
        }
        assert_eq!(replay(&test.app).await.unwrap(), 0);
        assert_eq!(metric(&test, "counteroffer_stripe_events_replayed_total").await, taken.to_string());

        // Stripe's own redelivery comes last, and finds all done.
        let delivered = test.sandbox.deliver_all().await;
        assert!(delivered.iter().all(|delivery| delivery.taken()));
        assert_eq!(replay(&test.app).await.unwrap(), 0);
        test
    })
    .await;
}

#[tokio::test]
async fn what_a_webhook_brought_is_not_fetched_again() {
    on_every_database(async |test| {
        replay(&test.app).await.unwrap();
        canceled_elsewhere(&test).await;
        test.sandbox.deliver_all().await;
        test.advance(SignedDuration::from_mins(5));
        test.sandbox.clear_calls();
        assert_eq!(replay(&test.app).await.unwrap(), 0);
        let paths: Vec<_> = test.sandbox.calls().into_iter().map(|call| call.path).collect();
        assert_eq!(paths, ["/v1/events"]);
        test
    })
    .await;
}

#[tokio::test]
async fn catching_up_goes_on_where_it_stopped_and_one_process_does_it() {
    on_every_database(async |test| {
        replay(&test.app).await.unwrap();
        let (who, session) = canceled_elsewhere(&test).await;
        test.advance(SignedDuration::from_hours(30));
        // Stripe goes away in the middle: the first page comes, the subscription does not.
        let away = FaultKind::BadGateway { acted: false };
        test.sandbox.script(Fault { times: 100, ..Fault::once("GET", "/v1/subscriptions/*", away) });
        replay(&test.app).await.unwrap_err();
        test.sandbox.clear_faults();
        assert_eq!(test.read(&who, &session).await.body["status"], "in_progress");

        // Another process is at it, and is never heard of again.
        let until = test.clock.now() + SignedDuration::from_secs(60);
        let lease = Lease { owner: "another".to_owned(), until };
        let claimed = test.app.store.claim_event_mark("test", lease, test.clock.now()).await.unwrap();
        assert!(claimed.is_some());
        assert_eq!(replay(&test.app).await.unwrap(), 0);
        test.advance(SignedDuration::from_secs(61));
        assert!(replay(&test.app).await.unwrap() > 0);
        assert_eq!(test.read(&who, &session).await.body["status"], "canceled");
        test
    })
    .await;
}

#[tokio::test]
async fn a_long_list_is_read_page_by_page() {
    on_every_database(async |test| {
        replay(&test.app).await.unwrap();
        let who = test.subscriber();
        let path = format!("/v1/subscriptions/{}", who.subscription);
        for round in 0..130 {
            let params = [("metadata[round]", round.to_string())];
            let params: Vec<_> = params.iter().map(|(name, value)| (*name, value.as_str())).collect();
            test.sandbox.call("POST", &path, &params).unwrap();
        }
        assert!(replay(&test.app).await.unwrap() >= 130);
        test
    })
    .await;
}
