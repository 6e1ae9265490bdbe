//! Invoices, invoice items, credit notes and balances.
use super::*;
use counteroffer::sandbox::AfterRetries;
use serde_json::json;

fn path(kind: &str, id: &str) -> String {
    format!("/v1/{kind}/{id}")
}

/// A subscription whose renewal of 1 February failed.
async fn past_due(sandbox: &Sandbox) -> (Seeds, String) {
    let seeds = seeds(sandbox);
    declining(sandbox, &seeds.customer).await;
    sandbox.advance(31 * DAY);
    assert_eq!(status(sandbox, &seeds.subscription), "past_due");
    let invoice = latest(sandbox, &seeds.subscription)["id"].as_str().unwrap().to_owned();
    (seeds, invoice)
}

#[tokio::test]
async fn a_one_off_draft_is_filled_and_finalized_and_paid() {
    let sandbox = sandbox().await;
    let Seeds { customer, .. } = seeds(&sandbox);
    let draft = ok(
        &sandbox,
        "/v1/invoices",
        &[
            ("customer", &customer),
            ("currency", "usd"),
            ("metadata[part]", "1"),
            ("description", "Part 1 of 2"),
        ],
    )
    .await;
    assert_eq!((draft["status"].as_str(), draft["auto_advance"].as_bool()), (Some("draft"), Some(false)));
    assert_eq!((draft["billing_reason"].as_str(), draft["amount_due"].as_i64()), (Some("manual"), Some(0)));
    let id = draft["id"].as_str().unwrap().to_owned();
    let part =
        [("customer", customer.as_str()), ("invoice", &id), ("amount", "2500"), ("description", "Part")];
    let item = ok(&sandbox, "/v1/invoiceitems", &part).await;
    ok(&sandbox, "/v1/invoiceitems", &[("customer", &customer), ("invoice", &id), ("amount", "-500")]).await;
    assert_eq!(sandbox.object(&id).unwrap()["amount_due"], 2_000);
    ok(&sandbox, &path("invoiceitems", item["id"].as_str().unwrap()), &[("amount", "3000")]).await;
    assert_eq!(sandbox.object(&id).unwrap()["total"], 2_500);
    names(&sandbox);
    let open = ok(&sandbox, &format!("/v1/invoices/{id}/finalize"), &[]).await;
    assert_eq!((open["status"].as_str(), open["amount_remaining"].as_i64()), (Some("open"), Some(2_500)));
    let refused = post(&sandbox, "/v1/invoiceitems", &part).await;
    assert_eq!(refused.refusal().1, "invoice_not_editable");
    let refused = post(&sandbox, &path("invoices", &id), &[("collection_method", "send_invoice")]).await;
    assert_eq!(refused.refusal().1, "invoice_not_editable");
    assert_eq!(ok(&sandbox, &path("invoices", &id), &[("metadata[k]", "v")]).await["metadata"]["k"], "v");
    let paid = ok(&sandbox, &format!("/v1/invoices/{id}/pay"), &[]).await;
    assert_eq!((paid["status"].as_str(), paid["amount_paid"].as_i64()), (Some("paid"), Some(2_500)));
    let again = post(&sandbox, &format!("/v1/invoices/{id}/pay"), &[]).await;
    assert_eq!(again.refusal().1, "invoice_already_paid");
    assert_eq!(names(&sandbox), ["invoice.finalized", "invoice.updated", "invoice.paid"]);
}

#[tokio::test]
async fn drafts_advance_at_their_time_and_only_one_off_drafts_are_deleted() {
    let sandbox = sandbox().await;
    let Seeds { customer, subscription, .. } = seeds(&sandbox);
    let at = (sandbox.now().as_second() + 10 * DAY).to_string();
    let later = [
        ("customer", customer.as_str()),
        ("auto_advance", "true"),
        ("automatically_finalizes_at", &at),
        ("discounts", ""),
    ];
    let timed = sandbox.create("invoices", &later).unwrap();
    sandbox
        .create("invoiceitems", &[("customer", &customer), ("invoice", &timed), ("amount", "1000")])
        .unwrap();
    let gone = sandbox.create("invoices", &[("customer", &customer)]).unwrap();
    assert_eq!(delete(&sandbox, &path("invoices", &gone), &[]).await.body["deleted"], true);
    assert_eq!(get(&sandbox, &path("invoices", &gone), &[]).await.status, 404);
    sandbox.advance(10 * DAY - 1);
    assert_eq!(status(&sandbox, &timed), "draft");
    sandbox.advance(1);
    assert_eq!(status(&sandbox, &timed), "paid");
    assert_eq!(delete(&sandbox, &path("invoices", &timed), &[]).await.status, 400);
    // The invoice is not the subscription's.
    assert_ne!(latest(&sandbox, &subscription)["id"], timed.as_str());
    let by_mail =
        [("customer", customer.as_str()), ("collection_method", "send_invoice"), ("days_until_due", "7")];
    let mailed = sandbox.create("invoices", &by_mail).unwrap();
    assert_eq!(sandbox.object(&mailed).unwrap()["due_date"], sandbox.now().as_second() + 7 * DAY);
    let wrong = post(&sandbox, "/v1/invoices", &[("customer", &customer), ("days_until_due", "7")]).await;
    assert_eq!(wrong.refusal().2, "days_until_due");
}

#[tokio::test]
async fn pending_items_go_with_the_next_invoice() {
    let sandbox = sandbox().await;
    let Seeds { customer, subscription, price } = seeds(&sandbox);
    let other = sandbox.seed_price("Other", 100, "usd", "year").unwrap();
    let other = sandbox.seed_subscription(&customer, &other).unwrap();
    let waits = [("customer", customer.as_str()), ("subscription", &subscription), ("amount", "-900")];
    let item = sandbox.create("invoiceitems", &waits).unwrap();
    sandbox
        .create("invoiceitems", &[("customer", &customer), ("subscription", &other), ("amount", "77")])
        .unwrap();
    let pending = [("customer", customer.as_str()), ("pending", "true")];
    assert_eq!(get(&sandbox, "/v1/invoiceitems", &pending).await.body["data"].as_array().unwrap().len(), 2);
    let preview = ok(&sandbox, "/v1/invoices/create_preview", &[("subscription", &subscription)]).await;
    assert_eq!(preview["total"], 4_000);
    sandbox.advance(31 * DAY);
    let invoice = latest(&sandbox, &subscription);
    assert_eq!(invoice["total"], 4_000);
    assert_eq!(invoice["lines"]["data"][1]["parent"]["type"], "invoice_item_details");
    assert_eq!(sandbox.object(&item).unwrap()["invoice"], invoice["id"]);
    assert_eq!(delete(&sandbox, &path("invoiceitems", &item), &[]).await.status, 400);
    let single = sandbox.create("invoiceitems", &waits).unwrap();
    delete(&sandbox, &path("invoiceitems", &single), &[]).await;
    let nothing = [("customer", customer.as_str()), ("pending_invoice_items_behavior", "include")];
    let refused = post(&sandbox, "/v1/invoices", &nothing).await;
    assert_eq!(refused.refusal().1, "invoice_no_customer_line_items");
    let recurring = [("customer", customer.as_str()), ("pricing[price]", price.as_str())];
    assert_eq!(post(&sandbox, "/v1/invoiceitems", &recurring).await.refusal().2, "pricing[price]");
}

#[tokio::test]
async fn a_credit_note_reduces_what_an_open_invoice_asks_for() {
    let sandbox = sandbox().await;
    let (Seeds { subscription, .. }, invoice) = past_due(&sandbox).await;
    let note = ok(&sandbox, "/v1/credit_notes", &[("invoice", &invoice), ("amount", "1900")]).await;
    assert_eq!(
        (note["pre_payment_amount"].as_i64(), note["type"].as_str()),
        (Some(1_900), Some("pre_payment"))
    );
    let left = sandbox.object(&invoice).unwrap();
    assert_eq!((left["amount_remaining"].as_i64(), left["total"].as_i64()), (Some(3_000), Some(4_900)));
    let much = post(&sandbox, "/v1/credit_notes", &[("invoice", &invoice), ("amount", "3001")]).await;
    assert_eq!(much.refusal().2, "amount");
    let voided = ok(&sandbox, &format!("/v1/credit_notes/{}/void", note["id"].as_str().unwrap()), &[]).await;
    assert_eq!(voided["status"], "void");
    assert_eq!(sandbox.object(&invoice).unwrap()["amount_remaining"], 4_900);
    ok(&sandbox, "/v1/credit_notes", &[("invoice", &invoice), ("amount", "4900")]).await;
    assert_eq!(
        (status(&sandbox, &invoice), status(&sandbox, &subscription)),
        ("paid".into(), "active".into())
    );
    let listed = get(&sandbox, "/v1/credit_notes", &[("invoice", &invoice)]).await;
    assert_eq!(listed.body["data"].as_array().unwrap().len(), 2);
}

#[tokio::test]
async fn a_credit_after_payment_goes_to_the_balance() {
    let sandbox = sandbox().await;
    let Seeds { customer, subscription, .. } = seeds(&sandbox);
    let invoice = latest(&sandbox, &subscription)["id"].as_str().unwrap().to_owned();
    let unbalanced = post(&sandbox, "/v1/credit_notes", &[("invoice", &invoice), ("amount", "100")]).await;
    assert_eq!(unbalanced.status, 400);
    let params = [("invoice", invoice.as_str()), ("amount", "100"), ("credit_amount", "100")];
    let note = ok(&sandbox, "/v1/credit_notes", &params).await;
    assert!(note["customer_balance_transaction"].as_str().unwrap().starts_with("cbtxn_"));
    assert_eq!(sandbox.object(&customer).unwrap()["balance"], -100);
}

#[tokio::test]
async fn a_balance_is_a_sum_of_transactions_and_pays_the_next_invoice() {
    let sandbox = sandbox().await;
    let Seeds { customer, subscription, .. } = seeds(&sandbox);
    let url = format!("/v1/customers/{customer}/balance_transactions");
    let credit = [("amount", "-5000"), ("currency", "usd"), ("metadata[operation]", "op_1")];
    let made = ok(&sandbox, &url, &credit).await;
    assert_eq!((made["type"].as_str(), made["ending_balance"].as_i64()), (Some("adjustment"), Some(-5_000)));
    assert_eq!(post(&sandbox, &url, &[("amount", "1"), ("currency", "eur")]).await.refusal().2, "currency");
    sandbox.advance(31 * DAY);
    let invoice = latest(&sandbox, &subscription);
    assert_eq!(
        json!([
            invoice["starting_balance"],
            invoice["ending_balance"],
            invoice["amount_due"],
            invoice["status"]
        ]),
        json!([-5_000, -100, 0, "paid"])
    );
    let listed = get(&sandbox, &url, &[]).await.body["data"].clone();
    assert_eq!(
        json!([
            listed[0]["type"],
            listed[0]["amount"],
            listed[0]["invoice"],
            listed[1]["metadata"]["operation"]
        ]),
        json!(["applied_to_invoice", 4_900, invoice["id"], "op_1"])
    );
    // What a voided invoice took comes back.
    declining(&sandbox, &customer).await;
    sandbox.advance(28 * DAY);
    let open = latest(&sandbox, &subscription);
    assert_eq!(json!([open["amount_due"], open["status"]]), json!([4_800, "open"]));
    ok(&sandbox, &format!("/v1/invoices/{}/void", open["id"].as_str().unwrap()), &[]).await;
    assert_eq!(sandbox.object(&customer).unwrap()["balance"], -100);
}

#[tokio::test]
async fn the_latest_invoice_decides_over_a_subscription_that_is_behind() {
    for (call, status_after) in
        [("void", "active"), ("mark_uncollectible", "active"), ("pay?payment_method=pm_card_visa", "active")]
    {
        let sandbox = sandbox().await;
        let (Seeds { subscription, .. }, invoice) = past_due(&sandbox).await;
        assert_eq!(post(&sandbox, &format!("/v1/invoices/{invoice}/pay"), &[]).await.refusal().0, 402);
        assert_eq!(sandbox.object(&invoice).unwrap()["attempt_count"], 2);
        ok(&sandbox, &format!("/v1/invoices/{invoice}/{call}"), &[]).await;
        assert_eq!(status(&sandbox, &subscription), status_after, "{call}");
        assert_eq!(post(&sandbox, &format!("/v1/invoices/{invoice}/finalize"), &[]).await.status, 400);
    }
    let sandbox = sandbox().await;
    let (Seeds { subscription, .. }, older) = past_due(&sandbox).await;
    sandbox.advance(28 * DAY);
    let newer = latest(&sandbox, &subscription)["id"].as_str().unwrap().to_owned();
    assert_ne!(older, newer);
    ok(&sandbox, &format!("/v1/invoices/{older}/void"), &[]).await;
    assert_eq!(status(&sandbox, &subscription), "past_due");
    ok(&sandbox, &format!("/v1/invoices/{newer}/mark_uncollectible"), &[]).await;
    assert_eq!(sandbox.object(&newer).unwrap()["status_details"]["uncollectible"]["reason"], "user_forgiven");
    assert_eq!(status(&sandbox, &subscription), "active");
    assert_eq!(post(&sandbox, &format!("/v1/invoices/{newer}/void"), &[]).await.status, 200);
    let open = [("subscription", subscription.as_str()), ("status", "open")];
    assert_eq!(get(&sandbox, "/v1/invoices", &open).await.body["data"], json!([]));
}

#[tokio::test]
async fn a_failed_payment_is_tried_again_until_the_account_gives_up() {
    let sandbox = sandbox().await;
    sandbox.after_retries(AfterRetries::Unpaid);
    let (Seeds { customer, subscription, .. }, invoice) = past_due(&sandbox).await;
    sandbox.advance(9 * DAY);
    let tried = sandbox.object(&invoice).unwrap();
    assert_eq!(json!([tried["attempt_count"], tried["next_payment_attempt"]]), json!([4, null]));
    assert_eq!(status(&sandbox, &subscription), "unpaid");
    sandbox.advance(20 * DAY);
    let draft = latest(&sandbox, &subscription);
    assert_eq!(draft["status"], "draft");
    pay_with(&sandbox, &customer, "pm_card_visa").await;
    ok(&sandbox, &format!("/v1/invoices/{invoice}/pay"), &[]).await;
    assert_eq!(status(&sandbox, &subscription), "unpaid");
    ok(&sandbox, &format!("/v1/invoices/{}/pay", draft["id"].as_str().unwrap()), &[]).await;
    assert_eq!(status(&sandbox, &subscription), "active");
}

#[tokio::test]
async fn nothing_is_collected_by_itself_after_a_cancellation() {
    let sandbox = sandbox().await;
    let (Seeds { customer, subscription, .. }, invoice) = past_due(&sandbox).await;
    pay_with(&sandbox, &customer, "pm_card_visa").await;
    delete(&sandbox, &path_of(&subscription), &[]).await;
    sandbox.advance(30 * DAY);
    let left = sandbox.object(&invoice).unwrap();
    assert_eq!(json!([left["status"], left["auto_advance"]]), json!(["open", false]));
    ok(&sandbox, &path("invoices", &invoice), &[("auto_advance", "true")]).await;
    sandbox.advance(DAY);
    assert_eq!(status(&sandbox, &invoice), "paid");
}

#[tokio::test]
async fn a_first_invoice_that_nobody_pays_expires_the_subscription() {
    let sandbox = sandbox().await;
    let Seeds { customer, price, .. } = seeds(&sandbox);
    declining(&sandbox, &customer).await;
    let waiting = sandbox.seed_subscription(&customer, &price).unwrap();
    let given_up = sandbox.seed_subscription(&customer, &price).unwrap();
    assert_eq!(status(&sandbox, &waiting), "incomplete");
    let invoice = latest(&sandbox, &given_up)["id"].as_str().unwrap().to_owned();
    ok(&sandbox, &format!("/v1/invoices/{invoice}/void"), &[]).await;
    assert_eq!(status(&sandbox, &given_up), "incomplete_expired");
    sandbox.advance(23 * 3_600);
    assert_eq!(status(&sandbox, &waiting), "incomplete_expired");
    assert_eq!(latest(&sandbox, &waiting)["status"], "void");
}

#[tokio::test]
async fn the_typed_library_reads_what_billing_leaves() {
    use super::shapes::parses;
    let sandbox = sandbox().await;
    let (Seeds { customer, .. }, invoice) = past_due(&sandbox).await;

    let note = sandbox.create("credit_notes", &[("invoice", &invoice), ("amount", "5")]).unwrap();
    parses::<stripe_shared::CreditNote>("credit note", &sandbox.object(&note).unwrap());
    let url = format!("customers/{customer}/balance_transactions");
    let change = sandbox.create(&url, &[("amount", "-5"), ("currency", "usd")]).unwrap();
    parses::<stripe_shared::CustomerBalanceTransaction>("change", &sandbox.object(&change).unwrap());
    ok(&sandbox, &format!("/v1/invoices/{invoice}/mark_uncollectible"), &[]).await;
    parses::<stripe_shared::Invoice>("written off", &sandbox.object(&invoice).unwrap());
    let draft = sandbox.create("invoices", &[("customer", &customer)]).unwrap();
    parses::<stripe_shared::Invoice>("draft", &sandbox.object(&draft).unwrap());
}
