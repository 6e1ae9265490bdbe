//! Pausing subscriptions themselves, and how they come back.
use super::*;
use serde_json::json;

async fn paused(params: &[(&str, &str)]) -> (Sandbox, Seeds) {
    let sandbox = sandbox().await;
    let seeds = seeds(&sandbox);
    sandbox.advance(15 * DAY + DAY / 2);
    ok(&sandbox, &format!("{}/pause", path_of(&seeds.subscription)), params).await;
    (sandbox, seeds)
}

fn resume(subscription: &str) -> String {
    format!("{}/resume", path_of(subscription))
}

#[tokio::test]
async fn a_pause_credits_unused_time_and_stops_billing() {
    let (sandbox, Seeds { subscription, .. }) = paused(&[]).await;
    let object = sandbox.object(&subscription).unwrap();
    assert_eq!(
        json!([object["status"], object["status_details"]["paused"]["subscription"]["type"]]),
        json!(["paused", "pause_requested"])
    );
    let told = names(&sandbox);
    assert_eq!(told[told.len() - 2..], ["customer.subscription.updated", "customer.subscription.paused"]);
    let before = latest(&sandbox, &subscription)["id"].clone();
    sandbox.advance(90 * DAY);
    assert_eq!(latest(&sandbox, &subscription)["id"], before);
    let again = post(&sandbox, &format!("{}/pause", path_of(&subscription)), &[]).await;
    assert_eq!(again.status, 400);
    let attempt = [("payment_behavior", "resume_on_payment_success")];
    let resumed = ok(&sandbox, &resume(&subscription), &attempt).await;
    assert_eq!(json!([resumed["status"], resumed["status_details"]]), json!(["active", null]));
    let invoice = latest(&sandbox, &subscription);
    assert_eq!(json!([invoice["total"], invoice["status"]]), json!([4_900 - 2_450, "paid"]));
    assert_eq!(resumed["billing_cycle_anchor"], sandbox.now().as_second());
    assert_eq!(names(&sandbox).last().unwrap(), "customer.subscription.resumed");
}

#[tokio::test]
async fn unused_time_is_kept_if_the_caller_says_so() {
    let none = [("bill_for[unused_time_from][type]", "none"), ("invoicing_behavior", "invoice")];
    let (sandbox, Seeds { subscription, .. }) = paused(&none).await;
    sandbox.advance(5 * DAY);
    let kept = [("billing_cycle_anchor[type]", "unchanged"), ("proration_behavior", "none")];
    let resumed = ok(&sandbox, &resume(&subscription), &kept).await;
    assert_eq!(resumed["status"], "active");
    assert_eq!(
        resumed["items"]["data"][0]["current_period_end"],
        resumed["start_date"].as_i64().unwrap() + 31 * DAY
    );
    sandbox.advance(11 * DAY);
    assert_eq!(latest(&sandbox, &subscription)["total"], 4_900);
}

#[tokio::test]
async fn by_default_a_resumption_waits_for_an_attempt_to_pay() {
    let (sandbox, Seeds { customer, subscription, .. }) = paused(&[]).await;
    let waiting = ok(&sandbox, &resume(&subscription), &[]).await;
    assert_eq!(waiting["status"], "paused");
    let invoice = latest(&sandbox, &subscription);
    assert_eq!(invoice["status"], "open");
    sandbox.advance(23 * 3_600);
    let gone = latest(&sandbox, &subscription);
    assert_eq!(json!([gone["status"], status(&sandbox, &subscription)]), json!(["void", "paused"]));
    ok(&sandbox, &resume(&subscription), &[]).await;
    declining(&sandbox, &customer).await;
    let pay = format!("/v1/invoices/{}/pay", latest(&sandbox, &subscription)["id"].as_str().unwrap());
    assert_eq!(post(&sandbox, &pay, &[]).await.status, 402);
    assert_eq!(status(&sandbox, &subscription), "past_due");
    ok(&sandbox, &pay, &[("payment_method", "pm_card_visa")]).await;
    assert_eq!(status(&sandbox, &subscription), "active");
}

#[tokio::test]
async fn a_resumption_that_must_be_paid_stays_paused_until_it_is() {
    let (sandbox, Seeds { customer, subscription, .. }) = paused(&[]).await;
    declining(&sandbox, &customer).await;
    let must = [("payment_behavior", "resume_on_payment_success")];
    assert_eq!(ok(&sandbox, &resume(&subscription), &must).await["status"], "paused");
    pay_with(&sandbox, &customer, "pm_card_visa").await;
    sandbox.advance(3 * DAY);
    assert_eq!(status(&sandbox, &subscription), "active");
}

#[tokio::test]
async fn what_cannot_be_paused_is_refused() {
    let sandbox = sandbox().await;
    let Seeds { customer, price, subscription } = seeds(&sandbox);
    let base = [("customer", customer.as_str()), ("items[0][price]", &price)];
    let made = |extra: &[(&str, &str)]| {
        let params: Vec<(&str, &str)> = base.iter().chain(extra).copied().collect();
        sandbox.create("subscriptions", &params).unwrap()
    };
    let classic = made(&[("billing_mode[type]", "classic")]);
    let trialing = made(&[("trial_period_days", "10")]);
    let mailed = made(&[("collection_method", "send_invoice"), ("days_until_due", "7")]);
    sandbox.create("subscription_schedules", &[("from_subscription", &subscription)]).unwrap();
    for id in [&classic, &trialing, &mailed, &subscription] {
        let refused = post(&sandbox, &format!("{}/pause", path_of(id)), &[]).await;
        assert_eq!(refused.status, 400, "{}", refused.body);
    }
    ok(&sandbox, &format!("{}/migrate", path_of(&classic)), &[("billing_mode[type]", "flexible")]).await;
    assert_eq!(sandbox.object(&classic).unwrap()["billing_mode"]["type"], "flexible");
    ok(&sandbox, &format!("{}/pause", path_of(&classic)), &[]).await;
    delete(&sandbox, &path_of(&classic), &[]).await;
    assert_eq!(status(&sandbox, &classic), "canceled");
    let again =
        post(&sandbox, &format!("{}/migrate", path_of(&trialing)), &[("billing_mode[type]", "flexible")])
            .await;
    assert_eq!(again.status, 400);
}

#[tokio::test]
async fn a_paused_subscription_parses() {
    let (sandbox, Seeds { subscription, .. }) = paused(&[]).await;
    let plain = get(&sandbox, &path_of(&subscription), &[]).await.body;
    shapes::parses::<stripe_shared::Subscription>("paused", &plain);
}
