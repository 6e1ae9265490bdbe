//! Coupons and discounts: overwriting, clearing, running out, and what invoices make of them.
use super::*;

fn discounts(sandbox: &Sandbox, subscription: &str) -> Vec<String> {
    let object = sandbox.object(subscription).unwrap();
    object["discounts"].as_array().unwrap().iter().map(|d| d.as_str().unwrap().to_owned()).collect()
}

async fn next_total(sandbox: &Sandbox, subscription: &str) -> i64 {
    let preview = post(sandbox, "/v1/invoices/create_preview", &[("subscription", subscription)]).await;
    assert_eq!(preview.status, 200, "{}", preview.body);
    preview.body["total"].as_i64().unwrap()
}

#[tokio::test]
async fn a_discounts_array_overwrites_and_an_empty_text_clears() {
    let sandbox = sandbox().await;
    let Seeds { subscription, .. } = seeds(&sandbox);
    let path = path_of(&subscription);
    sandbox.create("coupons", &[("id", "ten"), ("percent_off", "10"), ("duration", "forever")]).unwrap();
    sandbox.create("coupons", &[("id", "five"), ("amount_off", "500"), ("currency", "usd")]).unwrap();
    post(&sandbox, &path, &[("discounts[0][coupon]", "ten")]).await;
    let first = discounts(&sandbox, &subscription);
    assert_eq!(next_total(&sandbox, &subscription).await, 4_410);
    post(&sandbox, &path, &[("discounts[0][coupon]", "five")]).await;
    assert!(!discounts(&sandbox, &subscription).contains(&first[0]), "the first was not resent");
    let five = discounts(&sandbox, &subscription).remove(0);
    post(&sandbox, &path, &[("discounts[0][discount]", &five), ("discounts[1][coupon]", "ten")]).await;
    assert_eq!(discounts(&sandbox, &subscription)[0], five);
    assert_eq!(next_total(&sandbox, &subscription).await, 3_960);
    assert_eq!(sandbox.object("five").unwrap()["times_redeemed"], 1);
    post(&sandbox, &path, &[("discounts", "")]).await;
    assert_eq!(discounts(&sandbox, &subscription), Vec::<String>::new());
    assert_eq!(next_total(&sandbox, &subscription).await, 4_900);
}

#[tokio::test]
async fn a_discount_of_the_subscription_hides_the_customers() {
    let sandbox = sandbox().await;
    let Seeds { customer, subscription, .. } = seeds(&sandbox);
    sandbox.create("coupons", &[("id", "theirs"), ("percent_off", "50"), ("duration", "forever")]).unwrap();
    sandbox.create("coupons", &[("id", "new"), ("percent_off", "10"), ("duration", "once")]).unwrap();
    let theirs = sandbox.seed_customer_discount(&customer, "theirs").unwrap();
    assert_eq!(next_total(&sandbox, &subscription).await, 2_450);
    post(&sandbox, &path_of(&subscription), &[("discounts[0][coupon]", "new")]).await;
    assert_eq!(next_total(&sandbox, &subscription).await, 4_410);
    assert_eq!(sandbox.object(&customer).unwrap()["discount"]["id"], theirs.as_str());
    // Once it has met its invoice it is gone, and the customer's holds again.
    sandbox.advance(32 * DAY);
    assert_eq!(discounts(&sandbox, &subscription), Vec::<String>::new());
    assert_eq!(next_total(&sandbox, &subscription).await, 2_450);
}

#[tokio::test]
async fn a_repeating_discount_holds_for_its_months() {
    let sandbox = sandbox().await;
    let Seeds { subscription, .. } = seeds(&sandbox);
    let coupon =
        [("id", "half"), ("percent_off", "50"), ("duration", "repeating"), ("duration_in_months", "2")];
    sandbox.create("coupons", &coupon).unwrap();
    post(&sandbox, &path_of(&subscription), &[("discounts[0][coupon]", "half")]).await;
    sandbox.advance(100 * DAY);
    let invoices = get(&sandbox, "/v1/invoices", &[("subscription", &subscription)]).await;
    let totals: Vec<i64> =
        invoices.body["data"].as_array().unwrap().iter().map(|i| i["total"].as_i64().unwrap()).collect();
    // Newest first: April and March (the discount ended on 1 March), February at half price, January in full.
    assert_eq!(totals, [4_900, 4_900, 2_450, 4_900]);
    assert_eq!(discounts(&sandbox, &subscription), Vec::<String>::new());
}

#[tokio::test]
async fn coupons_that_cannot_be_redeemed_are_refused() {
    let sandbox = sandbox().await;
    let Seeds { subscription, .. } = seeds(&sandbox);
    let path = path_of(&subscription);
    sandbox.create("coupons", &[("id", "rare"), ("percent_off", "5"), ("max_redemptions", "1")]).unwrap();
    sandbox.create("coupons", &[("id", "euro"), ("amount_off", "5"), ("currency", "eur")]).unwrap();
    assert_eq!(post(&sandbox, &path, &[("discounts[0][coupon]", "rare")]).await.status, 200);
    let again = post(&sandbox, &path, &[("discounts[0][coupon]", "rare")]).await;
    assert_eq!(again.refusal().1, "coupon_expired");
    assert_eq!(post(&sandbox, &path, &[("discounts[0][coupon]", "euro")]).await.status, 400);
    let both = [("discounts[0][coupon]", "rare"), ("discounts[0][discount]", "di_1")];
    assert_eq!(post(&sandbox, &path, &both).await.status, 400);
    assert_eq!(discounts(&sandbox, &subscription).len(), 1);
    delete(&sandbox, "/v1/coupons/rare", &[]).await;
    assert_eq!(get(&sandbox, "/v1/coupons/rare", &[]).await.refusal().3, "No such coupon: 'rare'");
    assert_eq!(next_total(&sandbox, &subscription).await, 4_655, "a discount outlives its coupon");
}
