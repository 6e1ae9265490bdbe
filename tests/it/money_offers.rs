//! Offers that give or move money, over HTTP: a credit, a waiver, installments.

use counteroffer::sandbox::{Fault, FaultKind};
use counteroffer::services::keys::Role;
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use crate::support::app::{Answer, FLOW, Subscriber, TestApp, on_every_database};

/// The usual flow with the offers that are about money, for a reason of their own.
async fn publish(test: &TestApp, policy: &str) {
    let offers = r#"offers:
  thanks: {type: credit, terms: {amount: 1500, currency: usd}, copy: {en: {headline: "{{ credit_amount }} for you"}}}
  forgiven: {type: waiver, terms: {cap: {amount: 6000, currency: usd}}, copy: {en: {headline: "{{ waived_amount }} forgiven"}}}
  in-parts: {type: installments, terms: {parts: 3, every: {interval: month, count: 1}}, copy: {en: {headline: "{{ parts }} x {{ part_amount }}"}}}
"#;
    let rules = "rules:\n  - {when: {reasons: [other]}, present: [thanks, forgiven, in-parts]}\n";
    let flow = FLOW.replace("offers:\n", offers).replace("rules:\n", rules);
    test.publish(&flow.replace("max_offers: 2\n", &format!("max_offers: 3\n  {policy}\n"))).await;
}

fn of(who: &Subscriber) -> String {
    format!("/v1/customers/{}", who.customer)
}

/// Two whose cards failed for so many months, and work by now.
fn two_behind(test: &TestApp, months: i64) -> [Subscriber; 2] {
    let both = [test.subscriber(), test.subscriber()];
    let use_card = |name: &str| {
        for who in &both {
            let card = [("invoice_settings[default_payment_method]", name)];
            test.sandbox.call("POST", &of(who), &card).unwrap();
        }
    };
    use_card("pm_card_chargeDeclined");
    test.advance(SignedDuration::from_hours(24 * 31 * months));
    use_card("pm_card_visa");
    both
}

fn behind(test: &TestApp, months: i64) -> Subscriber {
    two_behind(test, months)[0].clone()
}

fn invoices(test: &TestApp, who: &Subscriber) -> Vec<Value> {
    let found = test.sandbox.call("GET", "/v1/invoices", &[]).unwrap();
    let theirs = found["data"].as_array().unwrap().iter().filter(|one| one["customer"] == *who.customer);
    let mut all: Vec<Value> = theirs.cloned().collect();
    all.reverse();
    all
}

fn open(test: &TestApp, who: &Subscriber) -> Vec<String> {
    let open = invoices(test, who).into_iter().filter(|invoice| invoice["status"] == "open");
    open.map(|invoice| invoice["id"].as_str().unwrap().to_owned()).collect()
}

fn balance(test: &TestApp, who: &Subscriber) -> Value {
    test.sandbox.object(&who.customer).unwrap()["balance"].clone()
}

fn offer<'a>(session: &'a Answer, key: &str) -> &'a Value {
    session.body["offers"].as_array().unwrap().iter().find(|offer| offer["key"] == key).unwrap()
}

async fn left_out(test: &TestApp, session: &Answer) -> Vec<(String, String)> {
    let path = format!("/v1/sessions/{}/explanation", session.text_at("/id"));
    let explained = test.get(&path, &test.key(Role::Analyst).await).await.expect(200);
    let left_out =
        explained.body.pointer("/decisions/0/trace/decision/left_out").unwrap().as_array().unwrap();
    let text = |one: &Value, name: &str| one[name].as_str().unwrap().to_owned();
    left_out.iter().map(|one| (text(one, "offer"), text(one, "code"))).collect()
}

#[tokio::test]
async fn a_credit_is_on_the_customers_balance_before_the_answer() {
    on_every_database(async |test| {
        publish(&test, "budgets: [{offer_types: [credit], per: month, amount: 2999, currency: usd}]").await;
        let who = test.subscriber();
        let session = test.begin(&who, Some("other")).await.expect(201);
        assert_eq!(session.presented(), ["thanks", "in-parts"]);
        let shown = offer(&session, "thanks");
        assert_eq!(shown["copy"]["headline"], "15.00 USD for you");
        assert_eq!(shown["terms"], json!({"amount": 1500, "currency": "usd"}));
        assert_eq!(shown["preview"]["next_invoice_amount"], 3_400);
        assert_eq!(shown["preview"]["credit_amount"], 1_500);
        assert_eq!(left_out(&test, &session).await, [("forgiven".into(), "no_open_invoice".into())]);
        let saved = test.accept(&who, &session, "thanks").await.expect(200);
        assert_eq!(
            (&saved.body["status"], &saved.body["billing"]["state"]),
            (&json!("saved"), &json!("applied"))
        );
        assert_eq!(balance(&test, &who), -1_500);
        // The budget has 14.99 left.
        let next = test.begin(&test.subscriber(), Some("other")).await.expect(201);
        assert_eq!(next.presented(), ["in-parts"]);
        test
    })
    .await;
}

#[tokio::test]
async fn a_credit_whose_answer_is_lost_is_given_once() {
    on_every_database(async |test| {
        publish(&test, "").await;
        for kind in [
            FaultKind::Timeout { acted: true },
            FaultKind::ServerError { acted: true },
            FaultKind::ServerError { acted: false },
            FaultKind::RateLimited { retry_after: None },
        ] {
            let who = test.subscriber();
            let session = test.begin(&who, Some("other")).await.expect(201);
            for _ in 0..3 {
                test.sandbox.script(Fault::once(
                    "POST",
                    "/v1/customers/*/balance_transactions",
                    kind.clone(),
                ));
            }
            test.accept(&who, &session, "thanks").await;
            test.sandbox.clear_faults();
            // Long enough for Stripe to forget the keys.
            test.advance(SignedDuration::from_hours(26));
            test.work().await;
            assert_eq!(test.read(&who, &session).await.expect(200).body["status"], "saved");
            assert_eq!(balance(&test, &who), -1_500, "{kind:?}");
        }
        test
    })
    .await;
}

#[tokio::test]
async fn credits_and_waivers_keep_to_the_currency_and_to_what_there_is() {
    on_every_database(async |test| {
        publish(&test, "").await;
        let who = test.subscriber_of("Pro", 4900, "eur", "month");
        let session = test.begin(&who, Some("other")).await.expect(201);
        let expected = [("thanks", "currency_mismatch"), ("forgiven", "currency_mismatch")];
        assert_eq!(left_out(&test, &session).await, expected.map(|(a, b)| (a.to_owned(), b.to_owned())));
        let free = test.subscriber_of("Free", 0, "usd", "month");
        let session = test.begin(&free, Some("other")).await.expect(201);
        let expected = [
            ("thanks", "nothing_to_discount"),
            ("forgiven", "no_open_invoice"),
            ("in-parts", "nothing_to_split"),
        ];
        assert_eq!(left_out(&test, &session).await, expected.map(|(a, b)| (a.to_owned(), b.to_owned())));
        test
    })
    .await;
}

#[tokio::test]
async fn a_waiver_forgives_what_is_open_up_to_the_cap() {
    on_every_database(async |test| {
        publish(&test, "").await;
        let who = behind(&test, 2);
        let owed = open(&test, &who);
        let session = test.begin(&who, Some("other")).await.expect(201);
        let shown = offer(&session, "forgiven");
        assert_eq!(shown["copy"]["headline"], "60.00 USD forgiven");
        let waived = shown["preview"]["waived"].as_array().unwrap();
        let amounts: Vec<_> = waived.iter().map(|one| (&one["amount"], &one["remaining"])).collect();
        assert_eq!(amounts, [(&json!(4_900), &json!(0)), (&json!(1_100), &json!(3_800))]);
        assert!(waived[0]["number"].is_string());
        let saved = test.accept(&who, &session, "forgiven").await.expect(200);
        assert_eq!(saved.body["status"], "saved");
        assert_eq!(test.sandbox.object(&owed[0]).unwrap()["status"], "void");
        assert_eq!(test.sandbox.object(&owed[1]).unwrap()["amount_remaining"], 3_800);
        test
    })
    .await;
}

#[tokio::test]
async fn what_a_waiver_did_not_come_to_goes_back_to_the_budget() {
    on_every_database(async |test| {
        publish(&test, "budgets: [{offer_types: [waiver], per: month, amount: 7100, currency: usd}]").await;
        let [first, second] = two_behind(&test, 2);
        let session = test.begin(&first, Some("other")).await.expect(201);
        // One of the two is paid before the click.
        let owed = open(&test, &first);
        test.sandbox.call("POST", &format!("/v1/invoices/{}/pay", owed[0]), &[]).unwrap();
        test.accept(&first, &session, "forgiven").await.expect(200);
        let path = format!("/v1/billing-operations?session={}", session.text_at("/id"));
        let operations = test.get(&path, &test.key(Role::Analyst).await).await.expect(200);
        let steps = operations.body.pointer("/data/0/steps").unwrap().as_array().unwrap();
        let amounts: Vec<_> = steps.iter().map(|step| step["amount"].clone()).collect();
        assert_eq!(amounts, [json!(0), json!(1_100)]);
        // 11.00 of 71.00 are used, so that 60.00 may be given once more.
        let next = test.begin(&second, Some("other")).await.expect(201);
        assert_eq!(next.presented(), ["thanks", "forgiven", "in-parts"]);
        let path = "/v1/analytics/summary?offer_type=waiver";
        let summary = test.get(path, &test.key(Role::Analyst).await).await.expect(200);
        let types = summary.body["offer_types"].as_array().unwrap();
        let waiver = types.iter().find(|one| one["type"] == "waiver").unwrap();
        assert_eq!(waiver["given_away"], json!([{"amount": 1_100, "currency": "usd"}]));
        test
    })
    .await;
}

#[tokio::test]
async fn a_waiver_of_what_was_paid_meanwhile_is_rejected_and_the_way_out_stays() {
    on_every_database(async |test| {
        publish(&test, "").await;
        let who = behind(&test, 1);
        let session = test.begin(&who, Some("other")).await.expect(201);
        test.sandbox.call("POST", &format!("/v1/invoices/{}/pay", open(&test, &who)[0]), &[]).unwrap();
        let refused = test.accept(&who, &session, "forgiven").await.expect(409);
        assert_eq!(refused.body["code"], "no_open_invoice");
        let open = test.read(&who, &session).await.expect(200);
        assert_eq!(open.body["status"], "in_progress");
        assert_eq!(open.body["billing"]["state"], "rejected");
        let canceled = test.act(&who, &session, "cancel", json!({})).await.expect(200);
        assert_eq!(canceled.body["status"], "canceled");
        test
    })
    .await;
}

#[tokio::test]
async fn installments_keep_the_amounts_and_dates_that_were_shown() {
    on_every_database(async |test| {
        publish(&test, "").await;
        let who = behind(&test, 1);
        let owed = open(&test, &who);
        let session = test.begin(&who, Some("other")).await.expect(201);
        let shown = offer(&session, "in-parts")["preview"]["parts"].as_array().unwrap().clone();
        assert_eq!(offer(&session, "in-parts")["copy"]["headline"], "3 x 16.34 USD");
        let amounts: Vec<_> = shown.iter().map(|part| part["amount"].as_i64().unwrap()).collect();
        assert_eq!(amounts, [1_634, 1_633, 1_633]);
        test.advance(SignedDuration::from_mins(40));
        test.sandbox.script(Fault::once("POST", "/v1/invoices/*/void", FaultKind::Timeout { acted: true }));
        test.accept(&who, &session, "in-parts").await;
        test.advance(SignedDuration::from_hours(2));
        test.work().await;
        assert_eq!(test.read(&who, &session).await.expect(200).body["status"], "saved");
        assert_eq!(test.sandbox.object(&owed[0]).unwrap()["status"], "void");
        let is_part = |one: &Value| !one["metadata"]["counteroffer_part"].is_null();
        let made: Vec<_> = invoices(&test, &who).into_iter().filter(is_part).collect();
        assert_eq!(made.len(), 3);
        for (made, shown) in made.iter().zip(&shown).skip(1) {
            let due: Timestamp = shown["due_at"].as_str().unwrap().parse().unwrap();
            assert_eq!(made["automatically_finalizes_at"], due.as_second());
            assert_eq!(made["total"], shown["amount"]);
        }
        test
    })
    .await;
}

#[tokio::test]
async fn a_declined_offer_about_money_changes_nothing() {
    on_every_database(async |test| {
        publish(&test, "").await;
        let who = behind(&test, 1);
        let mut session = test.begin(&who, Some("other")).await.expect(201);
        for key in ["thanks", "forgiven", "in-parts"] {
            let path = format!("offers/{}/decline", session.offer(key));
            session = test.act(&who, &session, &path, json!({})).await.expect(200);
        }
        assert_eq!(session.body["step"], "confirm");
        assert_eq!((balance(&test, &who), open(&test, &who).len()), (json!(0), 1));
        test
    })
    .await;
}
