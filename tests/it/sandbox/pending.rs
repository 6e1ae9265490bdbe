//! Changes that wait until they are paid.
use super::*;
use serde_json::json;

struct Held {
    sandbox: Sandbox,
    customer: String,
    subscription: String,
    item: String,
    plus: String,
    invoice: String,
}

/// An upgrade whose prorations could not be paid.
async fn held() -> Held {
    let sandbox = sandbox().await;
    let Seeds { customer, subscription, .. } = seeds(&sandbox);
    let plus = sandbox.seed_price("Plus", 9_900, "usd", "month").unwrap();
    declining(&sandbox, &customer).await;
    sandbox.advance(15 * DAY);
    let item = sandbox.object(&subscription).unwrap()["items"]["data"][0]["id"].as_str().unwrap().to_owned();
    let upgrade = [
        ("items[0][id]", item.as_str()),
        ("items[0][price]", &plus),
        ("proration_behavior", "always_invoice"),
        ("payment_behavior", "pending_if_incomplete"),
    ];
    ok(&sandbox, &path_of(&subscription), &upgrade).await;
    let invoice = latest(&sandbox, &subscription)["id"].as_str().unwrap().to_owned();
    Held { sandbox, customer, subscription, item, plus, invoice }
}

fn price_of(held: &Held) -> Value {
    held.sandbox.object(&held.subscription).unwrap()["items"]["data"][0]["price"]["unit_amount"].clone()
}

fn pending(held: &Held) -> Value {
    held.sandbox.object(&held.subscription).unwrap()["pending_update"].clone()
}

#[tokio::test]
async fn an_unpaid_change_waits_and_is_applied_when_it_is_paid() {
    let held = held().await;
    let waits = pending(&held);
    assert_eq!(
        json!([
            status(&held.sandbox, &held.subscription),
            status(&held.sandbox, &held.invoice),
            price_of(&held)
        ]),
        json!(["active", "open", 4_900])
    );
    assert_eq!(
        json!([
            waits["subscription_items"][0]["id"],
            waits["subscription_items"][0]["price"]["id"],
            waits["expires_at"]
        ]),
        json!([held.item, held.plus, held.sandbox.now().as_second() + 23 * 3_600])
    );
    let plain = get(&held.sandbox, &path_of(&held.subscription), &[]).await.body;
    shapes::parses::<stripe_shared::Subscription>("pending", &plain);
    let pay = format!("/v1/invoices/{}/pay", held.invoice);
    ok(&held.sandbox, &pay, &[("payment_method", "pm_card_visa")]).await;
    assert_eq!(json!([pending(&held), price_of(&held)]), json!([null, 9_900]));
    assert!(names(&held.sandbox).contains(&"customer.subscription.pending_update_applied".to_owned()));
}

#[tokio::test]
async fn nobody_pays_and_the_change_is_forgotten() {
    let held = held().await;
    held.sandbox.advance(23 * 3_600);
    assert_eq!(
        json!([pending(&held), price_of(&held), status(&held.sandbox, &held.invoice)]),
        json!([null, 4_900, "void"])
    );
}

#[tokio::test]
async fn another_change_replaces_the_one_that_waits() {
    let held = held().await;
    pay_with(&held.sandbox, &held.customer, "pm_card_visa").await;
    let other = [("items[0][id]", held.item.as_str()), ("items[0][quantity]", "2")];
    ok(&held.sandbox, &path_of(&held.subscription), &other).await;
    assert_eq!(json!([pending(&held), status(&held.sandbox, &held.invoice)]), json!([null, "void"]));
    let metadata = [("metadata[k]", "v"), ("payment_behavior", "pending_if_incomplete")];
    let refused = post(&held.sandbox, &path_of(&held.subscription), &metadata).await;
    assert_eq!(refused.refusal().2, "metadata");
}
