//! A longer trial: for who is in one, and for who pays already, whose next charge moves.

use counteroffer::services::keys::Role;
use jiff::{SignedDuration, Timestamp};
use serde_json::json;

use crate::support::app::{Subscriber, TestApp, on_every_database};

fn days(days: i64) -> SignedDuration {
    SignedDuration::from_hours(24 * days)
}

/// What the customer has paid in all, in cents.
fn paid(test: &TestApp, who: &Subscriber) -> i64 {
    let params = [("customer", who.customer.as_str()), ("limit", "100")];
    let invoices = test.sandbox.call("GET", "/v1/invoices", &params).unwrap();
    let invoices = invoices["data"].as_array().unwrap().iter();
    invoices.filter_map(|invoice| invoice["amount_paid"].as_i64()).sum()
}

#[tokio::test]
async fn a_trial_goes_on_and_what_is_paid_for_is_followed_by_one() {
    on_every_database(async |test| {
        for trial_days in [Some("10"), None] {
            let paying = test.subscriber();
            let price =
                test.in_stripe(&paying)["items"]["data"][0]["price"]["id"].as_str().unwrap().to_owned();
            let who = match trial_days {
                None => paying,
                Some(days) => {
                    let customer = test.sandbox.seed_customer("trying@example.com").unwrap();
                    let params = [
                        ("customer", customer.as_str()),
                        ("items[0][price]", price.as_str()),
                        ("trial_period_days", days),
                    ];
                    let subscription = test.sandbox.create("subscriptions", &params).unwrap();
                    Subscriber { customer, subscription }
                }
            };
            let before = test.in_stripe(&who);
            let running = before["items"]["data"][0]["current_period_end"].as_i64().unwrap();
            let already = paid(&test, &who);
            let session = test.begin(&who, Some("no_time")).await.expect(201);
            let offers = session.body["offers"].as_array().unwrap();
            let preview = &offers.iter().find(|offer| offer["key"] == "more-time").unwrap()["preview"];
            let end = Timestamp::from_second(running).unwrap() + days(14);
            assert_eq!(preview["trial_end"], json!(end), "{trial_days:?}");
            assert_eq!(preview["next_invoice_at"], json!(end));
            test.accept(&who, &session, "more-time").await.expect(200);
            let after = test.in_stripe(&who);
            assert_eq!(after["trial_end"], end.as_second());
            assert_eq!(after["status"], "trialing");
            // Nothing is charged, nor given back, before the new end; then one whole period is.
            test.advance(end.duration_since(test.clock.now()) - days(1));
            assert_eq!(paid(&test, &who), already, "{trial_days:?}");
            test.advance(days(2));
            assert_eq!(paid(&test, &who), already + 4900, "{trial_days:?}");
            assert_eq!(test.in_stripe(&who)["status"], "active");
        }
        // Fourteen days of 49.00 a month, twice.
        let summary = test.get("/v1/analytics/summary", &test.key(Role::Analyst).await).await.expect(200);
        let types = summary.body["offer_types"].as_array().unwrap();
        let trial = types.iter().find(|kind| kind["type"] == "trial_extension").unwrap();
        assert_eq!(trial["given_away"], json!([{"amount": 2 * 2255, "currency": "usd"}]));
        test
    })
    .await;
}
