//! Kinds of prices and what subscriptions may hold of them.
use super::*;
use serde_json::json;

#[tokio::test]
async fn tiers_have_no_unit_amount_and_show_only_on_demand() {
    let sandbox = sandbox().await;
    let customer = sandbox.seed_customer("t@example.com").unwrap();
    let product = sandbox.create("products", &[("name", "Seats")]).unwrap();
    let price = [
        ("product", product.as_str()),
        ("currency", "usd"),
        ("recurring[interval]", "month"),
        ("billing_scheme", "tiered"),
        ("tiers_mode", "graduated"),
        ("tiers[0][up_to]", "5"),
        ("tiers[0][unit_amount]", "1000"),
        ("tiers[1][up_to]", "inf"),
        ("tiers[1][unit_amount]", "500"),
    ];
    let price = sandbox.create("prices", &price).unwrap();
    let plain = get(&sandbox, &format!("/v1/prices/{price}"), &[]).await.body;
    assert_eq!(
        json!([plain["unit_amount"], plain["tiers"], plain["tiers_mode"]]),
        json!([null, null, "graduated"])
    );
    let full = get(&sandbox, &format!("/v1/prices/{price}"), &[("expand[]", "tiers")]).await.body;
    assert_eq!(
        full["tiers"][1],
        json!({"flat_amount": null, "flat_amount_decimal": null, "unit_amount": 500,
        "unit_amount_decimal": "500", "up_to": null})
    );
    shapes::parses::<stripe_shared::Price>("tiered price", &full);
    let params = [("customer", customer.as_str()), ("items[0][price]", &price), ("items[0][quantity]", "7")];
    let subscription = sandbox.create("subscriptions", &params).unwrap();
    assert_eq!(latest(&sandbox, &subscription)["total"], 6_000);
    let short = [
        ("product", product.as_str()),
        ("currency", "usd"),
        ("billing_scheme", "tiered"),
        ("tiers_mode", "volume"),
        ("tiers[0][up_to]", "5"),
        ("tiers[0][unit_amount]", "1000"),
    ];
    assert_eq!(post(&sandbox, "/v1/prices", &short).await.refusal().2, "tiers[0][up_to]");
}

#[tokio::test]
async fn a_metered_price_has_a_meter_and_no_quantity() {
    let sandbox = sandbox().await;
    let customer = sandbox.seed_customer("m@example.com").unwrap();
    let product = sandbox.create("products", &[("name", "Calls")]).unwrap();
    let mut params = vec![
        ("product", product.as_str()),
        ("currency", "usd"),
        ("unit_amount", "2"),
        ("recurring[interval]", "month"),
        ("recurring[usage_type]", "metered"),
    ];
    assert_eq!(post(&sandbox, "/v1/prices", &params).await.refusal().2, "recurring[meter]");
    params.push(("recurring[meter]", "mtr_1"));
    let price = sandbox.create("prices", &params).unwrap();
    let counted = [("customer", customer.as_str()), ("items[0][price]", &price), ("items[0][quantity]", "2")];
    assert_eq!(post(&sandbox, "/v1/subscriptions", &counted).await.refusal().2, "items[0][quantity]");
    let subscription = sandbox.create("subscriptions", &counted[..2]).unwrap();
    let object = sandbox.object(&subscription).unwrap();
    assert!(object["items"]["data"][0]["quantity"].is_null());
    shapes::parses::<stripe_shared::Subscription>("metered", &object);
}

#[tokio::test]
async fn classic_billing_takes_one_interval_only() {
    let sandbox = sandbox().await;
    let Seeds { customer, price, .. } = seeds(&sandbox);
    let year = sandbox.seed_price("Year", 12_000, "usd", "year").unwrap();
    let mixed = [
        ("customer", customer.as_str()),
        ("items[0][price]", &price),
        ("items[1][price]", &year),
        ("billing_mode[type]", "classic"),
    ];
    assert_eq!(post(&sandbox, "/v1/subscriptions", &mixed).await.status, 400);
    let single = sandbox.create("subscriptions", &[mixed[0], mixed[1], mixed[3]]).unwrap();
    assert_eq!(post(&sandbox, &path_of(&single), &[("items[0][price]", &year)]).await.status, 400);
    let item = sandbox.object(&single).unwrap()["items"]["data"][0]["id"].as_str().unwrap().to_owned();
    ok(&sandbox, &path_of(&single), &[("items[0][id]", &item), ("items[0][price]", &year)]).await;
}

#[tokio::test]
async fn test_clocks_and_the_mode_are_shown_on_what_they_hold() {
    let sandbox = sandbox().await;
    let Seeds { price, .. } = seeds(&sandbox);
    let clock = ok(&sandbox, "/v1/test_helpers/test_clocks", &[("frozen_time", "1767225600")]).await;
    let clock = clock["id"].as_str().unwrap().to_owned();
    let customer = [("email", "c@example.com"), ("test_clock", clock.as_str())];
    let customer = sandbox.create("customers", &customer).unwrap();
    let subscription = sandbox.seed_subscription(&customer, &price).unwrap();
    assert_eq!(sandbox.object(&subscription).unwrap()["test_clock"], clock);
    assert_eq!(latest(&sandbox, &subscription)["test_clock"], clock);
    shapes::parses::<stripe_shared::Subscription>("with a clock", &sandbox.object(&subscription).unwrap());
    sandbox.set_livemode(true);
    assert_eq!(sandbox.object(&subscription).unwrap()["livemode"], true);
    assert_eq!(sandbox.object(&customer).unwrap()["livemode"], true);
}

#[tokio::test]
async fn a_new_interval_starts_all_periods_and_gives_unused_time_back() {
    let sandbox = sandbox().await;
    let Seeds { subscription, .. } = seeds(&sandbox);
    let extra = sandbox.seed_price("Extra", 3_100, "usd", "month").unwrap();
    ok(&sandbox, &path_of(&subscription), &[("items[0][price]", &extra), ("proration_behavior", "none")])
        .await;
    sandbox.advance(15 * DAY + DAY / 2);
    let item = sandbox.object(&subscription).unwrap()["items"]["data"][0]["id"].as_str().unwrap().to_owned();
    let year = sandbox.seed_price("Year", 49_000, "usd", "year").unwrap();
    ok(&sandbox, &path_of(&subscription), &[("items[0][id]", &item), ("items[0][price]", &year)]).await;
    assert_eq!(latest(&sandbox, &subscription)["total"], 49_000 + 3_100 - 2_450 - 1_550);
}
