//! What time does, and the events that tell of it.
use super::*;

fn time(text: &str) -> i64 {
    text.parse::<jiff::Timestamp>().unwrap().as_second()
}

#[tokio::test]
async fn periods_roll_over_and_are_billed() {
    let sandbox = sandbox().await;
    let Seeds { subscription, .. } = seeds(&sandbox);
    names(&sandbox);
    sandbox.advance(31 * DAY);
    let object = sandbox.object(&subscription).unwrap();
    let item = &object["items"]["data"][0];
    assert_eq!(item["current_period_start"], time("2026-02-01T00:00:00Z"));
    assert_eq!(item["current_period_end"], time("2026-03-01T00:00:00Z"));
    assert_eq!(
        names(&sandbox),
        ["invoice.created", "invoice.finalized", "invoice.paid", "customer.subscription.updated"]
    );
}

#[tokio::test]
async fn a_trial_is_announced_and_ends() {
    let sandbox = sandbox().await;
    let Seeds { customer, price, .. } = seeds(&sandbox);
    let params = [("customer", customer.as_str()), ("items[0][price]", &price), ("trial_period_days", "10")];
    let trial = sandbox.create("subscriptions", &params).unwrap();
    assert_eq!(sandbox.object(&trial).unwrap()["status"], "trialing");
    names(&sandbox);
    sandbox.advance(7 * DAY);
    assert_eq!(names(&sandbox), ["customer.subscription.trial_will_end"]);
    sandbox.advance(3 * DAY);
    let ended = sandbox.object(&trial).unwrap();
    assert_eq!(ended["status"], "active");
    assert_eq!(ended["items"]["data"][0]["current_period_end"], time("2026-02-11T00:00:00Z"));
    assert_eq!(
        names(&sandbox),
        ["invoice.created", "invoice.finalized", "invoice.paid", "customer.subscription.updated"]
    );
}

#[tokio::test]
async fn a_trial_without_payment_method_can_pause_and_be_resumed() {
    let sandbox = sandbox().await;
    let Seeds { customer, price, .. } = seeds(&sandbox);
    let params = [
        ("customer", customer.as_str()),
        ("items[0][price]", &price),
        ("trial_period_days", "1"),
        ("trial_settings[end_behavior][missing_payment_method]", "pause"),
    ];
    let trial = sandbox.create("subscriptions", &params).unwrap();
    sandbox.advance(2 * DAY);
    assert_eq!(sandbox.object(&trial).unwrap()["status"], "paused");
    assert!(names(&sandbox).contains(&"customer.subscription.paused".to_owned()));
    let success = [("payment_behavior", "resume_on_payment_success")];
    let resumed = post(&sandbox, &format!("{}/resume", path_of(&trial)), &success).await;
    assert_eq!((resumed.status.as_u16(), resumed.body["status"].as_str()), (200, Some("active")));
    assert!(names(&sandbox).contains(&"customer.subscription.resumed".to_owned()));
}

#[tokio::test]
async fn a_cancellation_at_period_end_takes_effect_then() {
    let sandbox = sandbox().await;
    let Seeds { subscription, .. } = seeds(&sandbox);
    let path = path_of(&subscription);
    let pending = post(&sandbox, &path, &[("cancel_at_period_end", "true")]).await.body;
    assert_eq!(pending["cancel_at"], time("2026-02-01T00:00:00Z"));
    let none = post(&sandbox, "/v1/invoices/create_preview", &[("subscription", &subscription)]).await;
    assert_eq!(none.refusal().1, "invoice_upcoming_none");
    let kept = post(&sandbox, &path, &[("cancel_at_period_end", "false")]).await.body;
    assert!(kept["cancel_at"].is_null() && kept["canceled_at"].is_null());
    post(&sandbox, &path, &[("cancel_at", "min_period_end")]).await;
    names(&sandbox);
    sandbox.advance(31 * DAY);
    let ended = sandbox.object(&subscription).unwrap();
    assert_eq!(
        (ended["status"].as_str(), ended["ended_at"].as_i64()),
        (Some("canceled"), Some(time("2026-02-01T00:00:00Z")))
    );
    assert_eq!(names(&sandbox), ["customer.subscription.deleted"]);
    sandbox.advance(100 * DAY);
    assert_eq!(names(&sandbox), Vec::<String>::new());
}

#[tokio::test]
async fn a_pause_ends_by_itself() {
    let sandbox = sandbox().await;
    let Seeds { subscription, .. } = seeds(&sandbox);
    let resumes = (sandbox.now().as_second() + 5 * DAY).to_string();
    let pause =
        [("pause_collection[behavior]", "keep_as_draft"), ("pause_collection[resumes_at]", resumes.as_str())];
    post(&sandbox, &path_of(&subscription), &pause).await;
    names(&sandbox);
    sandbox.advance(5 * DAY);
    assert!(sandbox.object(&subscription).unwrap()["pause_collection"].is_null());
    assert_eq!(names(&sandbox), ["customer.subscription.updated"]);
}

#[tokio::test]
async fn items_of_different_intervals_renew_on_their_own() {
    let sandbox = sandbox().await;
    let customer = sandbox.seed_customer("y@example.com").unwrap();
    let (year, month) = (
        sandbox.seed_price("Year", 12_000, "usd", "year").unwrap(),
        sandbox.seed_price("Extra", 0, "usd", "month").unwrap(),
    );
    let params = [("customer", customer.as_str()), ("items[0][price]", &year), ("items[1][price]", &month)];
    let subscription = sandbox.create("subscriptions", &params).unwrap();
    sandbox.advance(40 * DAY);
    let items = sandbox.object(&subscription).unwrap()["items"]["data"].clone();
    assert_eq!(items[0]["current_period_end"], time("2027-01-01T00:00:00Z"));
    assert_eq!(items[1]["current_period_end"], time("2026-03-01T00:00:00Z"));
    let invoices = get(&sandbox, "/v1/invoices", &[("subscription", &subscription)]).await.body;
    assert_eq!(
        (invoices["data"][0]["total"].as_i64(), invoices["data"][1]["total"].as_i64()),
        (Some(0), Some(12_000))
    );
}

#[tokio::test]
async fn a_running_clock_starts_where_it_is_told_and_can_be_advanced() {
    let start: jiff::Timestamp = "2026-05-01T00:00:00Z".parse().unwrap();
    let config = SandboxConfig { clock: SandboxClock::Running { start }, ..config() };
    let sandbox = Sandbox::start(config).await.unwrap();
    let Seeds { subscription, .. } = seeds(&sandbox);
    assert!((0..60).contains(&(sandbox.now().as_second() - start.as_second())));
    sandbox.advance(40 * DAY);
    let invoices = get(&sandbox, "/v1/invoices", &[("subscription", &subscription)]).await.body;
    assert_eq!(invoices["data"].as_array().unwrap().len(), 2);
}
