//! Whatever fails on the way, an operation acts exactly once, or not at all.

use counteroffer::billing::Progress;
use counteroffer::domain::ids::PriceId;
use counteroffer::domain::offer::{PauseAccess, PauseBehavior};
use counteroffer::domain::operation::{CancelWhen, Effect, Operation};
use counteroffer::sandbox::FaultKind;
use futures_util::future::join_all;
use serde_json::json;

use super::Bench;

/// What Stripe may do to a write, with whether it acts all the same.
fn faults() -> Vec<FaultKind> {
    vec![
        FaultKind::RateLimited { retry_after: None },
        FaultKind::LockTimeout,
        FaultKind::IdempotencyInUse,
        FaultKind::ServerError { acted: false },
        FaultKind::ServerError { acted: true },
        FaultKind::Timeout { acted: false },
        FaultKind::Timeout { acted: true },
        FaultKind::BadGateway { acted: false },
        FaultKind::BadGateway { acted: true },
    ]
}

/// An effect with the calls that bring it about.
fn effects(bench: &Bench, price: &PriceId) -> Vec<(Effect, &'static [(&'static str, &'static str)])> {
    const UPDATE: &[(&str, &str)] = &[("POST", "/v1/subscriptions/*")];
    let terms = serde_json::from_value(json!({"percent_off": 20, "duration": "forever"})).unwrap();
    let cancel = |when| Effect::Cancel { when, feedback: None, comment: None };
    vec![
        (Effect::Discount { terms }, &[("POST", "/v1/coupons"), ("POST", "/v1/subscriptions/*")]),
        (
            Effect::Pause {
                behavior: PauseBehavior::KeepAsDraft,
                access: PauseAccess::Kept,
                resumes_at: bench.in_days(30),
            },
            UPDATE,
        ),
        (Effect::ExtendTrial { trial_end: bench.in_days(50) }, UPDATE),
        (
            Effect::AttachFeatures { price: price.clone(), until: bench.in_days(30) },
            &[("POST", "/v1/subscription_items")],
        ),
        (cancel(CancelWhen::PeriodEnd), UPDATE),
        (cancel(CancelWhen::Now), &[("DELETE", "/v1/subscriptions/*")]),
    ]
}

/// Advances as the worker does: later, after an unknown outcome.
async fn finish(bench: &Bench, operation: &mut Operation) {
    for _ in 0..5 {
        match bench.run(operation).await {
            Progress::Applied { .. } => return,
            Progress::Unknown { .. } => {}
            other => panic!("{:?}: {other:?}", operation.effect),
        }
    }
    panic!("{:?} does not come to an end", operation.effect);
}

/// Carries out one of the effects while each of its writes meets the fault so many times; it must act once.
async fn happens_once(number: usize, fault: FaultKind, times: usize) {
    let bench = Bench::new().await;
    let price: PriceId = bench.sandbox.seed_price("Extras", 0, "usd", "month").unwrap().parse().unwrap();
    bench.sandbox.clear_calls();
    let (effect, calls) = effects(&bench, &price).swap_remove(number);
    for (method, path) in calls {
        for _ in 0..times {
            bench.script(method, path, fault.clone());
        }
    }
    let mut operation = bench.operation(effect);
    finish(&bench, &mut operation).await;
    let acts = bench.acts();
    assert_eq!(acts.len(), calls.len(), "{fault:?} {:?}: {:#?}", operation.effect, bench.sandbox.calls());
}

#[tokio::test]
async fn every_effect_happens_once_under_every_fault() {
    for number in 0..6 {
        join_all(faults().into_iter().map(|fault| happens_once(number, fault, 1))).await;
    }
}

#[tokio::test]
async fn every_effect_happens_once_when_stripe_stays_away_for_long() {
    // As often as there are attempts, so that the caller learns of it.
    let faults = [false, true].map(|acted| FaultKind::BadGateway { acted });
    for number in 0..6 {
        join_all(faults.iter().map(|fault| happens_once(number, fault.clone(), 3))).await;
    }
}

#[tokio::test]
async fn detaching_happens_once_under_every_fault() {
    for fault in faults() {
        let bench = Bench::new().await;
        let price: PriceId = bench.sandbox.seed_price("Extras", 0, "usd", "month").unwrap().parse().unwrap();
        let attach = Effect::AttachFeatures { price: price.clone(), until: bench.in_days(30) };
        bench.applied(&mut bench.operation(attach)).await;
        bench.sandbox.clear_calls();
        bench.script("DELETE", "/v1/subscription_items/*", fault.clone());
        finish(&bench, &mut bench.operation(Effect::DetachFeatures { price, product: None, since: None }))
            .await;
        assert_eq!(bench.acts().len(), 1, "{fault:?}");
        assert_eq!(bench.stored()["items"]["data"].as_array().unwrap().len(), 1);
    }
}

#[tokio::test]
async fn a_lost_answer_is_unknown_until_somebody_looks() {
    let bench = Bench::new().await;
    for _ in 0..3 {
        bench.script("POST", "/v1/subscriptions/*", FaultKind::BadGateway { acted: true });
    }
    let effect = Effect::Pause {
        behavior: PauseBehavior::Void,
        access: PauseAccess::Kept,
        resumes_at: bench.in_days(30),
    };
    let mut operation = bench.operation(effect);
    let Progress::Unknown { problem, .. } = bench.run(&mut operation).await else { panic!("known") };
    assert_eq!(problem.code, "http_502");
    bench.applied(&mut operation).await;
    assert_eq!(operation.steps[0].name, "pause");
    assert_eq!(bench.acts().len(), 1);
}

#[tokio::test]
async fn a_final_refusal_rejects_an_offer_and_calls_for_somebody_about_a_cancellation() {
    let bench = Bench::new().await;
    let declined = || FaultKind::Decline { code: "insufficient_funds".to_owned() };
    bench.script("POST", "/v1/subscriptions/*", declined());
    let trial = Effect::ExtendTrial { trial_end: bench.in_days(50) };
    let problem = bench.rejected(&mut bench.operation(trial)).await;
    assert_eq!(problem.code, "card_declined");
    assert!(problem.request_id.is_some());
    bench.script("POST", "/v1/subscriptions/*", declined());
    let cancel = Effect::Cancel { when: CancelWhen::PeriodEnd, feedback: None, comment: None };
    let Progress::NeedsAttention(problem) = bench.run(&mut bench.operation(cancel)).await else {
        panic!("settled")
    };
    assert_eq!(problem.code, "card_declined");
    assert!(bench.acts().is_empty());
}

#[tokio::test]
async fn stripe_away_is_unknown_and_a_wrong_key_needs_somebody() {
    let bench = Bench::new().await;
    let effect = Effect::Pause {
        behavior: PauseBehavior::Void,
        access: PauseAccess::Kept,
        resumes_at: bench.in_days(30),
    };
    let mut operation = bench.operation(effect);
    bench.sandbox.stop().await;
    assert!(matches!(bench.run(&mut operation).await, Progress::Unknown { .. }));
    bench.sandbox.start_again().await.unwrap();
    bench.applied(&mut operation).await;

    let options = counteroffer::billing::StripeOptions::new(bench.sandbox.url(), "sk_test_other".into());
    let gateway = counteroffer::billing::Gateway::new(&options).unwrap();
    assert!(matches!(gateway.advance(&operation, bench.now()).await, Progress::NeedsAttention(_)));
}
