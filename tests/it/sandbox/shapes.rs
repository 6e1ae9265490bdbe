//! Every object parses as the typed client library reads it.
use super::*;

pub(super) fn parses<T: miniserde::Deserialize>(what: &str, value: &Value) {
    let text = value.to_string();
    assert!(miniserde::json::from_str::<T>(&text).is_ok(), "{what} does not parse: {text}");
}

#[tokio::test]
async fn the_typed_library_reads_every_object() {
    let sandbox = sandbox().await;
    let Seeds { customer, price, subscription } = seeds(&sandbox);
    sandbox
        .create(
            "coupons",
            &[("id", "half"), ("percent_off", "50"), ("duration", "repeating"), ("duration_in_months", "3")],
        )
        .unwrap();
    let updated = post(
        &sandbox,
        &path_of(&subscription),
        &[("discounts[0][coupon]", "half"), ("cancel_at_period_end", "true")],
    )
    .await;
    assert_eq!(updated.status, 200, "{}", updated.body);
    let plain = get(&sandbox, &path_of(&subscription), &[]).await.body;
    parses::<stripe_shared::Subscription>("subscription", &plain);
    let expand =
        ["discounts", "latest_invoice", "customer", "items.data.price.product", "discounts.source.coupon"];
    let expand: Vec<(&str, &str)> = expand.iter().map(|path| ("expand[]", *path)).collect();
    let full = get(&sandbox, &path_of(&subscription), &expand).await.body;
    parses::<stripe_shared::Subscription>("expanded subscription", &full);
    assert_eq!(full["customer"]["email"], "ada@example.com");
    assert_eq!(full["discounts"][0]["source"]["coupon"]["percent_off"], 50);
    assert_eq!(full["latest_invoice"]["status"], "paid");
    assert_eq!(full["items"]["data"][0]["price"]["product"]["name"], "Pro");
    assert!(plain["discounts"][0].as_str().unwrap().starts_with("di_"));

    sandbox.seed_customer_discount(&customer, "half").unwrap();
    let deep = [("expand[]", "customer.discount.source.coupon")];
    let deep = get(&sandbox, &path_of(&subscription), &deep).await.body;
    parses::<stripe_shared::Subscription>("deeply expanded subscription", &deep);
    assert_eq!(deep["customer"]["discount"]["source"]["coupon"]["id"], "half");
    let refused = get(&sandbox, &path_of(&subscription), &[("expand[]", "status")]).await;
    assert_eq!(refused.refusal(), (400, "", "expand[0]", "This property cannot be expanded (status)."));
    parses::<stripe_shared::Customer>("customer", &sandbox.object(&customer).unwrap());
    parses::<stripe_shared::Price>("price", &sandbox.object(&price).unwrap());
    parses::<stripe_shared::Coupon>("coupon", &sandbox.object("half").unwrap());
    let product = sandbox.object(&price).unwrap()["product"].as_str().unwrap().to_owned();
    parses::<stripe_shared::Product>("product", &sandbox.object(&product).unwrap());
    let feature = sandbox.create("entitlements/features", &[("lookup_key", "k"), ("name", "K")]).unwrap();
    parses::<stripe_shared::EntitlementsFeature>("feature", &sandbox.object(&feature).unwrap());
    parses::<stripe_shared::Account>("account", &get(&sandbox, "/v1/account", &[]).await.body);
    post(&sandbox, &path_of(&subscription), &[("cancel_at_period_end", "false")]).await;
    let preview =
        post(&sandbox, "/v1/invoices/create_preview", &[("subscription", &subscription)]).await.body;
    parses::<stripe_shared::Invoice>("preview", &preview);
    parses::<stripe_types::List<stripe_shared::Invoice>>(
        "invoices",
        &get(&sandbox, "/v1/invoices", &[]).await.body,
    );
    parses::<stripe_types::List<stripe_shared::Event>>(
        "events",
        &get(&sandbox, "/v1/events", &[]).await.body,
    );
    let items = get(&sandbox, "/v1/subscription_items", &[("subscription", &subscription)]).await.body;
    parses::<stripe_types::List<stripe_shared::SubscriptionItem>>("items", &items);
    let code = sandbox
        .create("promotion_codes", &[("promotion[type]", "coupon"), ("promotion[coupon]", "half")])
        .unwrap();
    parses::<stripe_shared::PromotionCode>("promotion code", &sandbox.object(&code).unwrap());
    let schedule = sandbox.create("subscription_schedules", &[("from_subscription", &subscription)]).unwrap();
    parses::<stripe_shared::SubscriptionSchedule>("schedule", &sandbox.object(&schedule).unwrap());
}

#[tokio::test]
async fn our_own_client_reads_a_subscription_with_discounts() {
    use counteroffer::billing::{Gateway, StripeOptions};
    let sandbox = sandbox().await;
    let Seeds { customer, subscription, .. } = seeds(&sandbox);
    for (id, percent) in [("half", "12.5"), ("whole", "50")] {
        sandbox.create("coupons", &[("id", id), ("percent_off", percent), ("duration", "forever")]).unwrap();
    }
    post(&sandbox, &path_of(&subscription), &[("discounts[0][coupon]", "half")]).await;
    sandbox.seed_customer_discount(&customer, "whole").unwrap();
    let gateway = Gateway::new(&StripeOptions::new(sandbox.url(), KEY.into())).unwrap();
    gateway.check().await.unwrap();
    let read = gateway.subscription(&subscription.parse().unwrap()).await.unwrap();
    assert!(read.is_some());
    assert!(gateway.subscription(&"sub_none".parse().unwrap()).await.unwrap().is_none());
    assert_eq!(gateway.subscriptions_of(&customer.parse().unwrap()).await.unwrap().len(), 1);
}
