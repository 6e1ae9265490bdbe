//! Subscriptions: items, trials, pauses, cancellation, schedules, entitlements.
use super::*;

async fn update(sandbox: &Sandbox, subscription: &str, params: &[(&str, &str)]) -> Value {
    let answer = post(sandbox, &path_of(subscription), params).await;
    assert_eq!(answer.status, 200, "{}", answer.body);
    answer.body
}

fn items(subscription: &Value) -> Vec<Value> {
    subscription["items"]["data"].as_array().unwrap().clone()
}

#[tokio::test]
async fn an_item_without_id_is_added_and_a_new_price_resets_the_quantity() {
    let sandbox = sandbox().await;
    let Seeds { subscription, .. } = seeds(&sandbox);
    let item = items(&sandbox.object(&subscription).unwrap())[0]["id"].as_str().unwrap().to_owned();
    update(&sandbox, &subscription, &[("items[0][id]", &item), ("items[0][quantity]", "5")]).await;
    let plus = sandbox.seed_price("Plus", 9_900, "usd", "month").unwrap();
    let added = update(&sandbox, &subscription, &[("items[0][price]", &plus)]).await;
    assert_eq!(items(&added).len(), 2);
    let basic = sandbox.seed_price("Basic", 900, "usd", "month").unwrap();
    let changed =
        update(&sandbox, &subscription, &[("items[0][id]", &item), ("items[0][price]", &basic)]).await;
    assert_eq!(
        (&items(&changed)[0]["price"]["id"], &items(&changed)[0]["quantity"]),
        (&basic.into(), &1.into())
    );
    let gone =
        update(&sandbox, &subscription, &[("items[0][id]", &item), ("items[0][deleted]", "true")]).await;
    assert_eq!(items(&gone).len(), 1);
    let last = items(&gone)[0]["id"].as_str().unwrap().to_owned();
    let refused =
        post(&sandbox, &path_of(&subscription), &[("items[0][id]", &last), ("items[0][deleted]", "true")])
            .await;
    assert_eq!(refused.status, 400);
}

#[tokio::test]
async fn changes_in_mid_period_are_prorated_unless_told_not_to() {
    let sandbox = sandbox().await;
    let Seeds { subscription, .. } = seeds(&sandbox);
    // January has 31 days, of which 15.5 remain.
    sandbox.advance(15 * DAY + DAY / 2);
    let item = items(&sandbox.object(&subscription).unwrap())[0]["id"].as_str().unwrap().to_owned();
    let basic = sandbox.seed_price("Basic", 900, "usd", "month").unwrap();
    let details = [
        ("subscription", subscription.as_str()),
        ("subscription_details[items][0][id]", &item),
        ("subscription_details[items][0][price]", &basic),
    ];
    let preview = post(&sandbox, "/v1/invoices/create_preview", &details).await.body;
    assert_eq!(preview["total"], 900 - 2_450 + 450);
    assert_eq!(preview["amount_due"], 0);
    let mut plain = details.to_vec();
    plain.push(("subscription_details[proration_behavior]", "none"));
    assert_eq!(post(&sandbox, "/v1/invoices/create_preview", &plain).await.body["total"], 900);
    // Previews change nothing.
    assert_eq!(items(&sandbox.object(&subscription).unwrap())[0]["price"]["unit_amount"], 4_900);
    update(&sandbox, &subscription, &[("items[0][id]", &item), ("items[0][price]", &basic)]).await;
    sandbox.advance(20 * DAY);
    let invoice = sandbox.object(&subscription).unwrap()["latest_invoice"].as_str().unwrap().to_owned();
    assert_eq!(sandbox.object(&invoice).unwrap()["total"], -1_100);
    let customer = sandbox.object(&invoice).unwrap()["customer"].as_str().unwrap().to_owned();
    assert_eq!(sandbox.object(&customer).unwrap()["balance"], -1_100);
}

#[tokio::test]
async fn a_trial_end_moves_the_anchor() {
    let sandbox = sandbox().await;
    let Seeds { subscription, .. } = seeds(&sandbox);
    let end = (sandbox.now().as_second() + 14 * DAY).to_string();
    let trial = update(&sandbox, &subscription, &[("trial_end", &end), ("proration_behavior", "none")]).await;
    assert_eq!(trial["status"], "trialing");
    assert_eq!(trial["billing_cycle_anchor"].to_string(), end);
    assert_eq!(items(&trial)[0]["current_period_end"].to_string(), end);
    let far = (sandbox.now().as_second() + 731 * DAY).to_string();
    assert_eq!(
        post(&sandbox, &path_of(&subscription), &[("trial_end", &far)]).await.refusal().2,
        "trial_end"
    );
    let now = update(&sandbox, &subscription, &[("trial_end", "now")]).await;
    assert_eq!(now["status"], "active");
}

#[tokio::test]
async fn paused_collection_leaves_the_status_active() {
    let sandbox = sandbox().await;
    let Seeds { subscription, .. } = seeds(&sandbox);
    let resumes = (sandbox.now().as_second() + 40 * DAY).to_string();
    let pause = [("pause_collection[behavior]", "void"), ("pause_collection[resumes_at]", resumes.as_str())];
    let paused = update(&sandbox, &subscription, &pause).await;
    assert_eq!(
        (paused["status"].as_str(), paused["pause_collection"]["behavior"].as_str()),
        (Some("active"), Some("void"))
    );
    assert_eq!(post(&sandbox, &format!("{}/resume", path_of(&subscription)), &[]).await.status, 400);
    sandbox.advance(35 * DAY);
    let invoice = sandbox.object(&subscription).unwrap()["latest_invoice"].as_str().unwrap().to_owned();
    assert_eq!(sandbox.object(&invoice).unwrap()["status"], "void");
    let unset = update(&sandbox, &subscription, &[("pause_collection", "")]).await;
    assert!(unset["pause_collection"].is_null());
}

#[tokio::test]
async fn a_cancellation_is_recorded_and_a_second_one_finds_nothing() {
    let sandbox = sandbox().await;
    let Seeds { customer, subscription, .. } = seeds(&sandbox);
    let path = path_of(&subscription);
    let details = [
        ("cancellation_details[feedback]", "too_expensive"),
        ("cancellation_details[comment]", "Costs too much"),
    ];
    let canceled = delete(&sandbox, &path, &details).await.body;
    assert_eq!(canceled["status"], "canceled");
    assert_eq!(canceled["cancellation_details"]["feedback"], "too_expensive");
    assert_eq!(canceled["cancellation_details"]["reason"], "cancellation_requested");
    let gone = format!("No such subscription: '{subscription}'");
    assert_eq!(delete(&sandbox, &path, &[]).await.refusal(), (404, "resource_missing", "id", gone.as_str()));
    assert_eq!(post(&sandbox, &path, &[("cancel_at_period_end", "true")]).await.status, 400);
    update(&sandbox, &subscription, &[("metadata[why]", "price")]).await;
    let of = |status: &'static str| {
        let (sandbox, customer) = (sandbox.clone(), customer.clone());
        async move {
            let found =
                get(&sandbox, "/v1/subscriptions", &[("customer", &customer), ("status", status)]).await;
            found.body["data"].as_array().unwrap().len()
        }
    };
    assert_eq!((of("active").await, of("canceled").await, of("all").await), (0, 1, 1));
}

#[tokio::test]
async fn a_schedule_stands_in_the_way_until_it_is_released() {
    let sandbox = sandbox().await;
    let Seeds { subscription, .. } = seeds(&sandbox);
    let schedule = sandbox.create("subscription_schedules", &[("from_subscription", &subscription)]).unwrap();
    assert_eq!(sandbox.object(&subscription).unwrap()["schedule"], schedule.as_str());
    let path = path_of(&subscription);
    assert_eq!(delete(&sandbox, &path, &[]).await.status, 400);
    assert_eq!(post(&sandbox, &path, &[("cancel_at_period_end", "true")]).await.status, 400);
    post(&sandbox, &format!("/v1/subscription_schedules/{schedule}/release"), &[]).await;
    assert!(sandbox.object(&subscription).unwrap()["schedule"].is_null());
    assert_eq!(delete(&sandbox, &path, &[]).await.status, 200);
}

#[tokio::test]
async fn features_come_and_go_with_items() {
    let sandbox = sandbox().await;
    let Seeds { customer, price, subscription } = seeds(&sandbox);
    let feature = sandbox.create("entitlements/features", &[("lookup_key", "sso"), ("name", "SSO")]).unwrap();
    let free = sandbox.seed_price("Free SSO", 0, "usd", "month").unwrap();
    let product = |price: &str| sandbox.object(price).unwrap()["product"].as_str().unwrap().to_owned();
    let attach = |product: String| {
        sandbox.create(&format!("products/{product}/features"), &[("entitlement_feature", &feature)])
    };
    attach(product(&free)).unwrap();
    let entitled = || async {
        let list = get(&sandbox, "/v1/entitlements/active_entitlements", &[("customer", &customer)]).await;
        list.body["data"].as_array().unwrap().iter().map(|e| e["lookup_key"].to_string()).collect::<Vec<_>>()
    };
    assert_eq!(entitled().await, Vec::<String>::new());
    let item = [("subscription", subscription.as_str()), ("price", &free), ("proration_behavior", "none")];
    let item = sandbox.create("subscription_items", &item).unwrap();
    assert_eq!(entitled().await, ["\"sso\""]);
    assert!(
        sandbox.take_webhooks().iter().any(|e| e.name == "entitlements.active_entitlement_summary.updated")
    );
    delete(&sandbox, &format!("/v1/subscription_items/{item}"), &[("proration_behavior", "none")]).await;
    assert_eq!(entitled().await, Vec::<String>::new());
    // Attached to the product they already have, it reaches them with the next period.
    attach(product(&price)).unwrap();
    assert_eq!(entitled().await, Vec::<String>::new());
    sandbox.advance(31 * DAY);
    assert_eq!(entitled().await, ["\"sso\""]);
}

#[tokio::test]
async fn a_failing_renewal_is_past_due_until_paid() {
    let sandbox = sandbox().await;
    let Seeds { customer, subscription, .. } = seeds(&sandbox);
    let failing = [("invoice_settings[default_payment_method]", "pm_card_chargeCustomerFail")];
    post(&sandbox, &format!("/v1/customers/{customer}"), &failing).await;
    sandbox.advance(32 * DAY);
    let late = sandbox.object(&subscription).unwrap();
    assert_eq!(late["status"], "past_due");
    let pay = format!("/v1/invoices/{}/pay", late["latest_invoice"].as_str().unwrap());
    assert_eq!(post(&sandbox, &pay, &[]).await.status, 402);
    assert_eq!(post(&sandbox, &pay, &[("payment_method", "pm_card_visa")]).await.body["status"], "paid");
    assert_eq!(sandbox.object(&subscription).unwrap()["status"], "active");
}
