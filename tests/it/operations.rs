//! What operations see and do: sessions, numbers, explanations, stuck billing, and the guard rails of a flow.

mod asks;
mod billing;
mod guards;
mod reentry;
mod sessions;

use jiff::SignedDuration;
use reqwest::Method;
use serde_json::json;

use crate::support::app::{Subscriber, TestApp};

/// Seven subscribers, each with a story of their own.
struct Story {
    /// By name.
    told: Vec<(&'static str, Subscriber, String)>,
}

impl Story {
    async fn tell(test: &TestApp) -> Self {
        let mut story = Self { told: Vec::new() };
        let (who, _) = story.begin(test, "abandons", test.subscriber(), Some("missing_feature")).await;
        test.advance(SignedDuration::from_hours(25));
        counteroffer::services::worker::sweep(&test.app).await.unwrap();
        drop(who);

        let (who, session) = story.begin(test, "takes", test.subscriber(), Some("too_expensive")).await;
        test.accept(&who, &session, "half-off").await.expect(200);
        let (who, session) = story.begin(test, "turns down", test.subscriber(), Some("too_expensive")).await;
        let decline = format!("offers/{}/decline", session.offer("half-off"));
        test.act(&who, &session, &decline, json!({})).await.expect(200);
        test.act(&who, &session, "cancel", json!({})).await.expect(200);
        let (who, session) = story.begin(test, "keeps", test.subscriber(), None).await;
        test.act(&who, &session, "keep", json!({})).await.expect(200);
        story.begin(test, "hesitates", test.subscriber(), Some("no_time")).await;
        let yearly = test.subscriber_of("Team", 12_000, "eur", "year");
        let (who, session) = story.begin(test, "leaves", yearly, None).await;
        test.act(&who, &session, "cancel", json!({})).await.expect(200);

        let (who, session) = story.begin(test, "is refused", test.subscriber(), Some("too_expensive")).await;
        discount_by_hand(test, &who);
        let refused = test.accept(&who, &session, "half-off").await.expect(409);
        assert_eq!(refused.text_at("/code"), "already_discounted");
        let breather = format!("offers/{}/accept", session.offer("breather"));
        test.act(&who, &session, &breather, json!({"choice": 0})).await.expect(200);
        story
    }

    async fn begin(
        &mut self,
        test: &TestApp,
        name: &'static str,
        who: Subscriber,
        reason: Option<&str>,
    ) -> (Subscriber, crate::support::app::Answer) {
        test.advance(SignedDuration::from_secs(1));
        let session = test.begin(&who, reason).await.expect(201);
        self.told.push((name, who.clone(), session.text_at("/id").to_owned()));
        (who, session)
    }

    fn of(&self, name: &str) -> &(&'static str, Subscriber, String) {
        self.told.iter().find(|(known, ..)| *known == name).unwrap()
    }

    fn name(&self, id: &str) -> &'static str {
        self.told.iter().find(|(_, _, known)| known == id).unwrap().0
    }
}

/// Somebody gives a discount in Stripe's dashboard, so that Stripe's picture is not ours any more.
fn discount_by_hand(test: &TestApp, who: &Subscriber) {
    let coupon = test.sandbox.create("coupons", &[("percent_off", "10"), ("duration", "forever")]).unwrap();
    let path = format!("/v1/subscriptions/{}", who.subscription);
    test.sandbox.call(Method::POST.as_str(), &path, &[("discounts[0][coupon]", &coupon)]).unwrap();
}
