//! Credits and waivers, and whatever moves money under faults: carried out once.

use counteroffer::billing::Progress;
use counteroffer::domain::debt::{self, Share};
use counteroffer::domain::money::Money;
use counteroffer::domain::offer::{InstallmentsTerms, WaiverTerms};
use counteroffer::domain::operation::{Effect, Operation};
use counteroffer::sandbox::FaultKind;
use futures_util::future::join_all;
use serde_json::{Value, json};

use super::{Bench, step_names};

pub(super) const DAY: i64 = 86_400;

fn credit() -> Effect {
    Effect::Credit { money: Money { amount: 1_500, currency: "usd".parse().unwrap() } }
}

pub(super) fn get(bench: &Bench, path: &str, params: &[(&str, &str)]) -> Vec<Value> {
    bench.sandbox.call("GET", path, params).unwrap()["data"].as_array().unwrap().clone()
}

/// The customer's invoices, the oldest first.
pub(super) fn invoices(bench: &Bench) -> Vec<Value> {
    let mut all = get(bench, "/v1/invoices", &[("customer", &bench.customer), ("limit", "100")]);
    all.reverse();
    all
}

/// Lets so many periods go unpaid and answers the open invoices, the oldest first.
pub(super) fn fall_behind(bench: &Bench, months: usize) -> Vec<String> {
    let path = format!("/v1/customers/{}", bench.customer);
    let declined = [("invoice_settings[default_payment_method]", "pm_card_chargeDeclined")];
    bench.sandbox.call("POST", &path, &declined).unwrap();
    bench.sandbox.advance(31 * DAY * i64::try_from(months).unwrap());
    let card = [("invoice_settings[default_payment_method]", "pm_card_visa")];
    bench.sandbox.call("POST", &path, &card).unwrap();
    let open = invoices(bench).into_iter().filter(|invoice| invoice["status"] == "open");
    let open: Vec<String> = open.map(|invoice| invoice["id"].as_str().unwrap().to_owned()).collect();
    assert_eq!(open.len(), months);
    bench.sandbox.clear_calls();
    open
}

pub(super) fn status(bench: &Bench, invoice: &str) -> Value {
    bench.sandbox.object(invoice).unwrap()["status"].clone()
}

async fn waiver(bench: &Bench, cap: i64) -> Effect {
    let terms: WaiverTerms =
        serde_json::from_value(json!({"cap": {"amount": cap, "currency": "usd"}})).unwrap();
    let subscription = bench.gateway.subscription(&bench.subscription.parse().unwrap()).await.unwrap();
    bench.sandbox.clear_calls();
    Effect::Waive { invoices: debt::waived(&terms, &subscription.unwrap()) }
}

pub(super) async fn installments(bench: &Bench, parts: u8) -> Effect {
    let terms = json!({"parts": parts, "every": {"interval": "week", "count": 1}});
    let terms: InstallmentsTerms = serde_json::from_value(terms).unwrap();
    let subscription = bench.gateway.subscription(&bench.subscription.parse().unwrap()).await.unwrap();
    bench.sandbox.clear_calls();
    Effect::Split { split: debt::split(&terms, &subscription.unwrap(), bench.now()).unwrap() }
}

/// What the customer has paid since, the subscription's first invoice not counted.
pub(super) fn paid(bench: &Bench) -> i64 {
    let all = invoices(bench);
    all.iter().skip(1).map(|invoice| invoice["amount_paid"].as_i64().unwrap()).sum()
}

fn balance(bench: &Bench) -> Value {
    bench.sandbox.object(&bench.customer).unwrap()["balance"].clone()
}

#[tokio::test]
async fn a_credit_is_a_transaction_on_the_customers_balance() {
    let bench = Bench::new().await;
    let mut operation = bench.operation(credit());
    bench.applied(&mut operation).await;
    assert_eq!(balance(&bench), -1_500);
    assert_eq!(step_names(&operation), ["credit"]);
    let made = bench.sandbox.object(operation.steps[0].result.as_deref().unwrap()).unwrap();
    assert_eq!(made["metadata"]["counteroffer_operation"], operation.id.to_string());
    // The process died before it wrote anything down, Stripe forgot the keys, and others used the balance.
    let path = format!("/v1/customers/{}/balance_transactions", bench.customer);
    for _ in 0..3 {
        bench.sandbox.call("POST", &path, &[("amount", "100"), ("currency", "usd")]).unwrap();
    }
    operation.steps.clear();
    bench.sandbox.advance(2 * DAY);
    bench.applied(&mut operation).await;
    assert_eq!(balance(&bench), -1_200);
    // The next invoice takes it.
    bench.sandbox.advance(31 * DAY);
    assert_eq!(paid(&bench), 4_900 - 1_200);
}

#[tokio::test]
async fn a_credit_needs_an_invoice_to_come_in_its_currency() {
    let bench = Bench::new().await;
    let euros = Effect::Credit { money: Money { amount: 5, currency: "eur".parse().unwrap() } };
    assert_eq!(bench.rejected(&mut bench.operation(euros)).await.code, "currency_mismatch");
    bench.update(&[("cancel_at_period_end", "true")]);
    assert_eq!(bench.rejected(&mut bench.operation(credit())).await.code, "cancel_scheduled");
    assert_eq!(balance(&bench), 0);
}

#[tokio::test]
async fn a_waiver_forgives_the_oldest_whole_and_the_last_in_part() {
    let bench = Bench::new().await;
    let open = fall_behind(&bench, 2);
    let mut operation = bench.operation(waiver(&bench, 6_000).await);
    bench.applied(&mut operation).await;
    assert_eq!(step_names(&operation), ["forgive_1", "forgive_2"]);
    let amounts: Vec<_> = operation.steps.iter().map(|step| step.amount.unwrap()).collect();
    assert_eq!(amounts, [4_900, 1_100]);
    assert_eq!(operation.taken_off(), 6_000);
    assert_eq!(status(&bench, &open[0]), "void");
    let voided = bench.sandbox.object(&open[0]).unwrap();
    assert_eq!(voided["metadata"]["counteroffer_operation"], operation.id.to_string());
    let reduced = bench.sandbox.object(&open[1]).unwrap();
    assert_eq!((&reduced["status"], &reduced["amount_remaining"]), (&json!("open"), &json!(3_800)));
    // Everything forgotten, here and there: what is there is found.
    let acts = bench.acts().len();
    operation.steps.clear();
    bench.sandbox.advance(2 * DAY);
    bench.applied(&mut operation).await;
    assert_eq!(bench.acts().len(), acts);
    assert_eq!(operation.taken_off(), 6_000);
}

#[tokio::test]
async fn what_was_paid_meanwhile_is_left_out_of_a_waiver_and_written_down() {
    let bench = Bench::new().await;
    let open = fall_behind(&bench, 2);
    let effect = waiver(&bench, 99_999).await;
    bench.sandbox.call("POST", &format!("/v1/invoices/{}/pay", open[0]), &[]).unwrap();
    bench.sandbox.clear_calls();
    let mut operation = bench.operation(effect.clone());
    bench.applied(&mut operation).await;
    let amounts: Vec<_> = operation.steps.iter().map(|step| step.amount.unwrap()).collect();
    assert_eq!(amounts, [0, 4_900]);
    assert_eq!((status(&bench, &open[0]), status(&bench, &open[1])), (json!("paid"), json!("void")));
    // All paid, or voided by somebody else: nothing is left to forgive.
    let acts = bench.acts().len();
    assert_eq!(bench.rejected(&mut bench.operation(effect)).await.code, "no_open_invoice");
    assert_eq!(bench.acts().len(), acts);
}

#[tokio::test]
async fn an_invoice_paid_in_part_is_credited_since_it_cannot_be_voided() {
    let bench = Bench::new().await;
    let open = fall_behind(&bench, 1);
    // A credit note of somebody else's has the same consequence.
    let params = [("invoice", open[0].as_str()), ("amount", "900")];
    bench.sandbox.create("credit_notes", &params).unwrap();
    let mut operation = bench.operation(waiver(&bench, 99_999).await);
    bench.applied(&mut operation).await;
    assert_eq!(operation.taken_off(), 4_000);
    assert_eq!(status(&bench, &open[0]), "paid");
    assert_eq!(bench.sandbox.object(&open[0]).unwrap()["amount_paid"], 0);
    operation.steps.clear();
    bench.applied(&mut operation).await;
    assert_eq!(get(&bench, "/v1/credit_notes", &[("invoice", &open[0])]).len(), 2);
}

#[tokio::test]
async fn open_invoices_stay_where_forgiving_them_would_end_something() {
    let bench = Bench::new().await;
    fall_behind(&bench, 1);
    let (waiver, split) = (waiver(&bench, 99_999).await, installments(&bench, 2).await);
    bench.update(&[("cancel_at_period_end", "true")]);
    for effect in [waiver, split] {
        assert_eq!(bench.rejected(&mut bench.operation(effect)).await.code, "cancel_scheduled");
    }
    assert!(bench.acts().is_empty());
}

/// Advances so many times, keeping the steps, as long as steps come.
pub(super) async fn some_steps(bench: &Bench, operation: &mut Operation, count: usize) -> bool {
    for _ in 0..count {
        match bench.gateway.advance(operation, bench.now()).await {
            Progress::Step(step) => operation.steps.push(step),
            _ => return false,
        }
    }
    true
}

/// Advances as the worker does: later, after an unknown outcome.
async fn finish(bench: &Bench, operation: &mut Operation) {
    for _ in 0..8 {
        match bench.run(operation).await {
            Progress::Applied { .. } => return,
            Progress::Unknown { .. } => {}
            other => panic!("{:?}: {other:?}", operation.effect),
        }
    }
    panic!("{:?} does not come to an end", operation.effect);
}

fn faults() -> Vec<FaultKind> {
    vec![
        FaultKind::RateLimited { retry_after: None },
        FaultKind::LockTimeout,
        FaultKind::IdempotencyInUse,
        FaultKind::ServerError { acted: false },
        FaultKind::ServerError { acted: true },
        FaultKind::Timeout { acted: true },
        FaultKind::BadGateway { acted: true },
    ]
}

/// Carries it out while each of these calls meets the fault so often, and answers how many calls acted.
async fn acts_under(kind: usize, calls: &[&str], fault: Option<&FaultKind>, times: usize) -> usize {
    let bench = Bench::new().await;
    if kind > 0 && kind < 3 {
        fall_behind(&bench, 2);
    }
    let effect = match kind {
        0 => credit(),
        1 => waiver(&bench, 6_000).await,
        2 => installments(&bench, 2).await,
        _ => installments(&bench, 2).await,
    };
    for call in calls {
        for _ in 0..times {
            if let Some(fault) = fault {
                bench.script("POST", call, fault.clone());
            }
        }
    }
    finish(&bench, &mut bench.operation(effect)).await;
    bench.acts().len()
}

#[tokio::test]
async fn money_moves_once_under_every_fault() {
    let calls: [&[&str]; 4] = [
        &["/v1/customers/*/balance_transactions"],
        &["/v1/invoices/*/void", "/v1/credit_notes", "/v1/invoices/*"],
        &["/v1/invoices", "/v1/invoiceitems", "/v1/invoices/*/void", "/v1/invoices/*"],
        &["/v1/invoices", "/v1/invoiceitems", "/v1/invoices/*"],
    ];
    let all = faults();
    let under_all = async |(kind, calls): (usize, &'static [&'static str])| {
        let smooth = acts_under(kind, calls, None, 0).await;
        let every = all.iter().flat_map(|fault| [(fault, 1), (fault, 3)]);
        let once = async |(fault, times)| {
            let acted = acts_under(kind, calls, Some(fault), times).await;
            assert_eq!(acted, smooth, "{kind}: {fault:?}, {times} times");
        };
        join_all(every.map(once)).await;
    };
    join_all(calls.into_iter().enumerate().map(under_all)).await;
}

#[tokio::test]
async fn a_refusal_before_anything_is_done_rejects_and_one_behind_it_calls_for_somebody() {
    let refusal = || FaultKind::Decline { code: "insufficient_funds".to_owned() };
    let bench = Bench::new().await;
    fall_behind(&bench, 2);
    let effect = waiver(&bench, 99_999).await;
    bench.script("POST", "/v1/invoices/*/void", refusal());
    assert_eq!(bench.rejected(&mut bench.operation(effect.clone())).await.code, "card_declined");
    let mut operation = bench.operation(effect);
    assert!(some_steps(&bench, &mut operation, 1).await);
    bench.script("POST", "/v1/invoices/*/void", refusal());
    let Progress::NeedsAttention(problem) = bench.run(&mut operation).await else { panic!("settled") };
    assert_eq!(problem.code, "card_declined");
    // Tried again by hand, it goes through.
    bench.applied(&mut operation).await;
    assert_eq!(operation.taken_off(), 9_800);
}

#[tokio::test]
async fn a_share_of_an_invoice_that_is_gone_is_left_out() {
    let bench = Bench::new().await;
    let gone = Effect::Waive { invoices: vec![Share { invoice: "in_gone".parse().unwrap(), amount: 5 }] };
    assert_eq!(bench.rejected(&mut bench.operation(gone)).await.code, "no_open_invoice");
}
