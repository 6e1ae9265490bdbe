//! Installments: amounts add up, and wherever it breaks off nobody is charged twice.

use counteroffer::billing::Progress;
use counteroffer::domain::operation::Effect;
use counteroffer::sandbox::RecordedCall;
use serde_json::Value;

use super::Bench;
use super::money::{DAY, fall_behind, get, installments, invoices, paid, some_steps, status};

#[tokio::test]
async fn open_invoices_are_replaced_by_parts_that_add_up() {
    let bench = Bench::new().await;
    let open = fall_behind(&bench, 1);
    let effect = installments(&bench, 3).await;
    let mut operation = bench.operation(effect);
    bench.applied(&mut operation).await;
    assert_eq!(status(&bench, &open[0]), "void");
    let parts: Vec<Value> = parts(&bench);
    let amounts: Vec<_> = parts.iter().map(|part| part["total"].as_i64().unwrap()).collect();
    assert_eq!(amounts, [1_634, 1_633, 1_633]);
    let start = bench.now().as_second();
    assert_eq!(parts[1]["automatically_finalizes_at"], start + 7 * DAY);
    assert_eq!(parts[2]["automatically_finalizes_at"], start + 14 * DAY);
    bench.sandbox.advance(2 * 3_600);
    assert_eq!(paid(&bench), 1_634);
    bench.sandbox.advance(15 * DAY);
    assert_eq!(paid(&bench), 4_900);
    // Long done, everything forgotten: nothing is done again.
    let acts = bench.acts().len();
    operation.steps.clear();
    bench.applied(&mut operation).await;
    assert_eq!(bench.acts().len(), acts);
}

#[tokio::test]
async fn the_coming_invoice_is_reduced_to_the_first_part() {
    let bench = Bench::new().await;
    let mut operation = bench.operation(installments(&bench, 4).await);
    bench.applied(&mut operation).await;
    assert_eq!(parts(&bench).len(), 3);
    assert_eq!(paid(&bench), 0);
    bench.sandbox.advance(31 * DAY);
    assert_eq!(paid(&bench), 1_225, "the first part, on the subscription's own invoice");
    bench.sandbox.advance(22 * DAY);
    assert_eq!(paid(&bench), 4_900);
    let acts = bench.acts().len();
    operation.steps.clear();
    bench.applied(&mut operation).await;
    assert_eq!(bench.acts().len(), acts);
}

#[tokio::test]
async fn parts_of_invoices_that_are_sent_are_sent() {
    let bench = Bench::new().await;
    bench.update(&[("collection_method", "send_invoice"), ("days_until_due", "14")]);
    let mut operation = bench.operation(installments(&bench, 2).await);
    bench.applied(&mut operation).await;
    let part = parts(&bench).remove(0);
    assert_eq!(part["collection_method"], "send_invoice");
    assert_eq!(part["auto_advance"], true);
}

#[tokio::test]
async fn the_original_stays_where_a_refused_attempt_has_deleted_the_parts_and_died() {
    // Each part is made and filled; of the coming invoice the first stays where it is.
    for (behind, made) in [(0, 4), (1, 6)] {
        for steps in 1..=made {
            let bench = Bench::new().await;
            if behind > 0 {
                fall_behind(&bench, behind);
            }
            let mut operation = bench.operation(installments(&bench, 3).await);
            for _ in 0..steps {
                let Progress::Step(step) = bench.gateway.advance(&operation, bench.now()).await else {
                    panic!("no step behind {:?}", operation.steps)
                };
                operation.steps.push(step);
            }
            for part in parts(&bench) {
                let path = format!("/v1/invoices/{}", part["id"].as_str().unwrap());
                bench.sandbox.call("DELETE", &path, &[]).unwrap();
            }
            bench.rejected(&mut operation).await;
            // Perhaps made in vain, and deleted again: nothing is asked for, and nothing taken off.
            assert!(parts(&bench).iter().all(|part| part["auto_advance"] == false), "{behind} {steps}");
            let taken = |call: &RecordedCall| call.path.ends_with("/void") || taken_off(call);
            assert!(!bench.acts().iter().any(taken), "{behind} {steps}: {:#?}", bench.acts());
        }
    }
}

/// Whether it takes later parts off the coming invoice.
fn taken_off(call: &RecordedCall) -> bool {
    let negative = |(name, value): &(String, String)| name == "amount" && value.starts_with('-');
    call.path == "/v1/invoiceitems" && call.params.iter().any(negative)
}

/// The invoices that are parts, the oldest first.
fn parts(bench: &Bench) -> Vec<Value> {
    let is_part = |invoice: &Value| !invoice["metadata"]["counteroffer_part"].is_null();
    invoices(bench).into_iter().filter(is_part).collect()
}

/// Breaks off behind each step, the last one not written down, and goes on two days later without keys.
async fn broken_off_everywhere(behind: usize, effect: impl AsyncFn(&Bench) -> Effect, owed: i64) {
    for count in 1.. {
        let bench = Bench::new().await;
        if behind > 0 {
            fall_behind(&bench, behind);
        }
        let mut operation = bench.operation(effect(&bench).await);
        if !some_steps(&bench, &mut operation, count).await {
            assert!(count > 3, "it took no steps");
            return;
        }
        operation.steps.pop();
        let collected = paid(&bench);
        assert_eq!(collected, 0, "nothing is collected meanwhile");
        bench.applied(&mut operation).await;
        let made = parts(&bench);
        let coming = usize::from(behind == 0);
        assert_eq!(made.len() + coming, 3, "broken off behind {count}");
        bench.sandbox.advance(29 * DAY);
        if behind == 0 {
            bench.sandbox.advance(20 * DAY);
        }
        let parts_paid: i64 = parts(&bench).iter().map(|part| part["amount_paid"].as_i64().unwrap()).sum();
        let on_coming = if behind == 0 { owed - parts_paid } else { 0 };
        assert_eq!(parts_paid + on_coming, owed, "broken off behind {count}");
        if behind == 0 {
            let items = get(&bench, "/v1/invoiceitems", &[("customer", &bench.customer)]);
            let negative: Vec<_> = items.iter().filter(|item| item["amount"].as_i64() < Some(0)).collect();
            assert_eq!(negative.len(), 1);
            assert_eq!(negative[0]["amount"].as_i64().unwrap(), -parts_paid);
        }
    }
}

#[tokio::test]
async fn installments_broken_off_anywhere_charge_once() {
    broken_off_everywhere(1, async |bench| installments(bench, 3).await, 4_900).await;
}

#[tokio::test]
async fn installments_of_the_coming_invoice_broken_off_anywhere_charge_once() {
    broken_off_everywhere(0, async |bench| installments(bench, 3).await, 4_900).await;
}

#[tokio::test]
async fn an_invoice_paid_before_it_is_replaced_leaves_no_parts_behind() {
    for count in [0, 1, 3, 4] {
        let bench = Bench::new().await;
        let open = fall_behind(&bench, 1);
        let mut operation = bench.operation(installments(&bench, 2).await);
        assert!(some_steps(&bench, &mut operation, count).await);
        bench.sandbox.call("POST", &format!("/v1/invoices/{}/pay", open[0]), &[]).unwrap();
        assert_eq!(bench.rejected(&mut operation).await.code, "invoice_changed");
        assert!(parts(&bench).is_empty(), "after {count}");
        bench.sandbox.advance(20 * DAY);
        assert_eq!(paid(&bench), 4_900);
    }
}

#[tokio::test]
async fn a_coming_invoice_that_came_is_not_split() {
    let bench = Bench::new().await;
    let mut operation = bench.operation(installments(&bench, 2).await);
    assert!(some_steps(&bench, &mut operation, 2).await);
    bench.sandbox.advance(31 * DAY);
    assert_eq!(bench.rejected(&mut operation).await.code, "invoice_changed");
    assert!(parts(&bench).is_empty());
    assert_eq!(paid(&bench), 4_900);
}

#[tokio::test]
async fn behind_the_point_of_no_return_somebody_has_to_look() {
    let bench = Bench::new().await;
    fall_behind(&bench, 1);
    let mut operation = bench.operation(installments(&bench, 2).await);
    assert!(some_steps(&bench, &mut operation, 5).await);
    assert_eq!(operation.taken_off(), 4_900);
    let part = operation.steps[0].result.clone().unwrap();
    bench.sandbox.call("DELETE", &format!("/v1/invoices/{part}"), &[]).unwrap();
    let Progress::NeedsAttention(problem) = bench.run(&mut operation).await else { panic!("settled") };
    assert_eq!(problem.code, "effect_not_visible");
}
