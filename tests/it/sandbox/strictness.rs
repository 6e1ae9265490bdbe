//! What Stripe refuses, the sandbox refuses, in Stripe's words.
use super::*;

#[tokio::test]
async fn keys_urls_and_headers() {
    let sandbox = sandbox().await;
    let url = sandbox.url().join("/v1/account").unwrap();
    let client = &*CLIENT;
    let none = Answer::of(client.get(url.clone()).send().await.unwrap()).await;
    assert_eq!(none.refusal().0, 401);
    let wrong = Answer::of(client.get(url.clone()).bearer_auth("sk_test_other").send().await.unwrap()).await;
    assert_eq!(wrong.refusal(), (401, "", "", "Invalid API Key provided: ****ther"));
    let basic = Answer::of(client.get(url).basic_auth(KEY, None::<&str>).send().await.unwrap()).await;
    assert_eq!(basic.status, 200);
    assert!(basic.header("request-id").unwrap().starts_with("req_"));
    assert_eq!(basic.header("stripe-version"), Some(counteroffer::sandbox::API_VERSION));
    let lost = get(&sandbox, "/v1/nothing", &[]).await;
    assert_eq!(lost.status, 404);
    assert!(lost.refusal().3.starts_with("Unrecognized request URL (GET: /v1/nothing)."));
    assert_eq!(lost.body["error"]["type"], "invalid_request_error");
}

/// A path, parameters, and how they are refused: status, code, param, message.
type Case<'a> = (&'a str, &'a [(&'a str, &'a str)], (u16, &'a str, &'a str, &'a str));

#[tokio::test]
async fn refused_calls_say_why_and_change_nothing() {
    let sandbox = sandbox().await;
    let Seeds { customer, price, subscription } = seeds(&sandbox);
    let before = sandbox.object(&subscription);
    let own = path_of(&subscription);
    let once = sandbox.create("products", &[("name", "Once")]).unwrap();
    let once =
        sandbox.create("prices", &[("product", &once), ("currency", "usd"), ("unit_amount", "0")]).unwrap();
    let euro = sandbox.seed_price("Euro", 100, "eur", "month").unwrap();
    let cases: &[Case<'_>] = &[
        (
            "/v1/customers",
            &[("foo", "1")],
            (400, "parameter_unknown", "foo", "Received unknown parameter: foo"),
        ),
        (
            "/v1/subscriptions",
            &[],
            (400, "parameter_missing", "customer", "Missing required param: customer."),
        ),
        (
            "/v1/subscriptions",
            &[("customer", "cus_no"), ("items[0][price]", &price)],
            (400, "resource_missing", "customer", "No such customer: 'cus_no'"),
        ),
        (
            "/v1/subscriptions",
            &[("customer", &customer), ("items[0][price]", &once)],
            (
                400,
                "",
                "items[0][price]",
                "The price specified is set to `type=one_time` but this field only accepts prices with `type=recurring`.",
            ),
        ),
        (
            &own,
            &[("items[0][price]", &euro), ("metadata[a]", "b")],
            (
                400,
                "",
                "items[0][price]",
                "The price specified only supports `eur`. This doesn't match the expected currency: `usd`.",
            ),
        ),
        (
            &own,
            &[("items[0][id]", "si_no"), ("items[0][quantity]", "2")],
            (400, "resource_missing", "items[0][id]", "No such subscription_item: 'si_no'"),
        ),
        (
            &own,
            &[("metadata[a]", "b"), ("discounts[0][coupon]", "nope")],
            (400, "resource_missing", "discounts[0][coupon]", "No such coupon: 'nope'"),
        ),
        (
            &own,
            &[("pause_collection[behavior]", "stop")],
            (
                400,
                "",
                "pause_collection[behavior]",
                "Invalid behavior: must be one of keep_as_draft, mark_uncollectible, or void",
            ),
        ),
        (
            &own,
            &[("trial_end", "5")],
            (400, "", "trial_end", "Invalid timestamp: must be an integer Unix timestamp in the future."),
        ),
        ("/v1/subscriptions/sub_no", &[], (404, "resource_missing", "id", "No such subscription: 'sub_no'")),
        (
            "/v1/coupons",
            &[("amount_off", "5"), ("currency", "usd"), ("duration", "forever")],
            (400, "", "duration", "You can't create a coupon with amount_off and duration forever."),
        ),
    ];
    for (path, params, refusal) in cases {
        let answer = post(&sandbox, path, params).await;
        assert_eq!(answer.refusal(), *refusal, "{path} {params:?}");
    }
    for percent in ["0", "-1", "100.5", "12.345", "many", "NaN"] {
        let answer = post(&sandbox, "/v1/coupons", &[("percent_off", percent)]).await;
        assert_eq!((answer.status.as_u16(), answer.refusal().2), (400, "percent_off"), "{percent}");
    }
    assert_eq!(sandbox.object(&subscription), before);
    assert!(!sandbox.calls().iter().any(|c| c.status != Some(200) && c.acted));
}

#[tokio::test]
async fn json_bodies_and_unmodelled_parameters_are_refused() {
    let sandbox = sandbox().await;
    let url = sandbox.url().join("/v1/customers").unwrap();
    let json = CLIENT.post(url).bearer_auth(KEY).json(&serde_json::json!({}));
    let answer = Answer::of(json.send().await.unwrap()).await;
    assert!(answer.refusal().3.starts_with("Invalid request (check that your POST content type is"));
    let answer = post(&sandbox, "/v1/customers", &[("tax[ip_address]", "1.2.3.4")]).await;
    assert_eq!(answer.refusal().1, "sandbox_unmodelled_parameter");
}

#[tokio::test]
async fn lists_are_paged_from_the_newest() {
    let sandbox = sandbox().await;
    let ids: Vec<String> =
        (0..5).map(|n| sandbox.seed_customer(&format!("c{n}@example.com")).unwrap()).collect();
    let of = |answer: &Answer| -> Vec<String> {
        answer.body["data"].as_array().unwrap().iter().map(|c| c["id"].as_str().unwrap().to_owned()).collect()
    };
    let first = get(&sandbox, "/v1/customers", &[("limit", "2")]).await;
    assert_eq!(
        (of(&first), first.body["has_more"].as_bool()),
        (vec![ids[4].clone(), ids[3].clone()], Some(true))
    );
    let rest = get(&sandbox, "/v1/customers", &[("limit", "3"), ("starting_after", &ids[3])]).await;
    assert_eq!(of(&rest), [ids[2].clone(), ids[1].clone(), ids[0].clone()]);
    assert_eq!(rest.body["has_more"], false);
    let back = get(&sandbox, "/v1/customers", &[("limit", "1"), ("ending_before", &ids[2])]).await;
    assert_eq!((of(&back), back.body["has_more"].as_bool()), (vec![ids[3].clone()], Some(true)));
    let one = get(&sandbox, "/v1/customers", &[("email", "c1@example.com")]).await;
    assert_eq!(of(&one), [ids[1].clone()]);
    assert_eq!(get(&sandbox, "/v1/customers", &[("limit", "101")]).await.status, 400);
}
