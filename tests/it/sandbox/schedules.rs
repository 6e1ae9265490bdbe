//! Schedules: phases rewritten, carried out, let go.
use super::*;
use serde_json::json;

struct Scheduled {
    sandbox: Sandbox,
    subscription: String,
    price: String,
    schedule: String,
    start: String,
    end: String,
}

/// A subscription with a discount under a schedule made from it.
async fn scheduled() -> Scheduled {
    let sandbox = sandbox().await;
    let Seeds { subscription, price, .. } = seeds(&sandbox);
    sandbox.create("coupons", &[("id", "half"), ("percent_off", "50"), ("duration", "forever")]).unwrap();
    ok(&sandbox, &path_of(&subscription), &[("discounts[0][coupon]", "half")]).await;
    let schedule = sandbox.create("subscription_schedules", &[("from_subscription", &subscription)]).unwrap();
    let phase = sandbox.object(&schedule).unwrap()["phases"][0].clone();
    let (start, end) = (phase["start_date"].to_string(), phase["end_date"].to_string());
    Scheduled { sandbox, subscription, price, schedule, start, end }
}

impl Scheduled {
    fn path(&self) -> String {
        format!("/v1/subscription_schedules/{}", self.schedule)
    }

    fn current<'a>(&'a self, discount: &'a str) -> Vec<(&'a str, &'a str)> {
        vec![
            ("phases[0][start_date]", self.start.as_str()),
            ("phases[0][end_date]", &self.end),
            ("phases[0][items][0][price]", &self.price),
            ("phases[0][discounts][0][discount]", discount),
        ]
    }

    fn discount(&self) -> String {
        let discounts = self.sandbox.object(&self.subscription).unwrap()["discounts"].clone();
        discounts[0].as_str().unwrap_or_default().to_owned()
    }

    fn price_now(&self) -> Value {
        self.sandbox.object(&self.subscription).unwrap()["items"]["data"][0]["price"]["unit_amount"].clone()
    }
}

#[tokio::test]
async fn a_change_at_period_end_is_a_second_phase() {
    let it = scheduled().await;
    let basic = it.sandbox.seed_price("Basic", 900, "usd", "month").unwrap();
    let discount = it.discount();
    let mut params = it.current(&discount);
    params.extend([
        ("phases[1][items][0][price]", basic.as_str()),
        ("phases[1][items][0][quantity]", "2"),
        ("phases[1][proration_behavior]", "none"),
        ("phases[1][discounts][0][discount]", &discount),
        ("phases[1][duration][interval]", "month"),
        ("end_behavior", "release"),
    ]);
    let updated = ok(&it.sandbox, &it.path(), &params).await;
    assert_eq!(updated["phases"].as_array().unwrap().len(), 2);
    shapes::parses::<stripe_shared::SubscriptionSchedule>("schedule", &updated);
    assert_eq!(it.price_now(), 4_900);
    let item = it.sandbox.object(&it.subscription).unwrap()["items"]["data"][0]["id"].clone();
    it.sandbox.advance(31 * DAY);
    let now = it.sandbox.object(&it.subscription).unwrap();
    assert_eq!(
        json!([
            it.price_now(),
            now["items"]["data"][0]["quantity"],
            now["items"]["data"][0]["id"],
            now["discounts"][0]
        ]),
        json!([900, 2, item, discount])
    );
    assert_eq!(latest(&it.sandbox, &it.subscription)["total"], 900);
    assert_eq!(it.sandbox.object(&it.schedule).unwrap()["current_phase"]["start_date"].to_string(), it.end);
    it.sandbox.advance(28 * DAY);
    assert_eq!(status(&it.sandbox, &it.schedule), "released");
    assert!(it.sandbox.object(&it.subscription).unwrap()["schedule"].is_null());
    assert_eq!(it.price_now(), 900);
}

#[tokio::test]
async fn a_phase_that_leaves_a_discount_out_loses_it() {
    let it = scheduled().await;
    let params = it.current("");
    ok(&it.sandbox, &it.path(), &params[..3]).await;
    assert_eq!(it.discount(), "");
}

#[tokio::test]
async fn the_current_phase_must_be_sent_again() {
    let it = scheduled().await;
    let discount = it.discount();
    let params = it.current(&discount);
    let missing = post(&it.sandbox, &it.path(), &params[1..]).await;
    assert_eq!(missing.refusal().2, "phases[0][start_date]");
    let mut wrong = params.clone();
    wrong[0].1 = it.end.as_str();
    assert_eq!(post(&it.sandbox, &it.path(), &wrong).await.refusal().2, "phases[0][start_date]");
    let mut gap = params.clone();
    let later = (it.end.parse::<i64>().unwrap() + 1).to_string();
    gap.extend([("phases[1][items][0][price]", it.price.as_str()), ("phases[1][start_date]", &later)]);
    assert_eq!(post(&it.sandbox, &it.path(), &gap).await.refusal().2, "phases[1][start_date]");
    let mut past = params.clone();
    past[1].1 = it.start.as_str();
    assert_eq!(post(&it.sandbox, &it.path(), &past).await.status, 400);
    assert_eq!(post(&it.sandbox, &it.path(), &[("phases[0][start_date]", &it.start)]).await.status, 400);
}

#[tokio::test]
async fn a_schedule_that_cancels_sets_the_end_and_takes_it_back_when_released() {
    let it = scheduled().await;
    let canceling = ok(&it.sandbox, &it.path(), &[("end_behavior", "cancel")]).await;
    assert_eq!(canceling["end_behavior"], "cancel");
    assert_eq!(it.sandbox.object(&it.subscription).unwrap()["cancel_at"].to_string(), it.end);
    ok(&it.sandbox, &format!("{}/release", it.path()), &[]).await;
    assert!(it.sandbox.object(&it.subscription).unwrap()["cancel_at"].is_null());
    assert_eq!(post(&it.sandbox, &it.path(), &[("end_behavior", "cancel")]).await.status, 400);
    // A cancellation that was there before goes with the schedule made from it.
    ok(&it.sandbox, &path_of(&it.subscription), &[("cancel_at_period_end", "true")]).await;
    let again = [("from_subscription", it.subscription.as_str())];
    let again = it.sandbox.create("subscription_schedules", &again).unwrap();
    assert_eq!(it.sandbox.object(&again).unwrap()["end_behavior"], "cancel");
    it.sandbox.advance(31 * DAY);
    assert_eq!(
        (status(&it.sandbox, &it.subscription), status(&it.sandbox, &again)),
        ("canceled".into(), "completed".into())
    );
}

#[tokio::test]
async fn canceling_a_schedule_cancels_its_subscription() {
    let it = scheduled().await;
    let listed = get(&it.sandbox, "/v1/subscription_schedules", &[]).await.body;
    assert_eq!(listed["data"].as_array().unwrap().len(), 1);
    ok(&it.sandbox, &format!("{}/cancel", it.path()), &[]).await;
    assert_eq!(
        (status(&it.sandbox, &it.subscription), status(&it.sandbox, &it.schedule)),
        ("canceled".into(), "canceled".into())
    );
}

#[tokio::test]
async fn a_direct_change_of_items_is_a_change_of_the_current_phase() {
    let it = scheduled().await;
    let item =
        it.sandbox.object(&it.subscription).unwrap()["items"]["data"][0]["id"].as_str().unwrap().to_owned();
    ok(&it.sandbox, &path_of(&it.subscription), &[("items[0][id]", &item), ("items[0][quantity]", "3")])
        .await;
    assert_eq!(it.sandbox.object(&it.schedule).unwrap()["phases"][0]["items"][0]["quantity"], 3);
    for name in ["cancel_at_period_end", "cancel_at", "trial_end"] {
        let value = if name == "cancel_at_period_end" { "true" } else { it.end.as_str() };
        assert_eq!(
            post(&it.sandbox, &path_of(&it.subscription), &[(name, value)]).await.status,
            400,
            "{name}"
        );
    }
}
