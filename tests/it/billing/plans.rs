//! Each effect, carried out once, seen in the sandbox; and the subscriptions that cannot take it.

use counteroffer::billing::Progress;
use counteroffer::domain::offer::{PauseAccess, PauseBehavior, PlanChangeWhen, Proration};
use counteroffer::domain::operation::{CancelWhen, Effect, Operation, StripeFeedback};
use counteroffer::domain::subscription::SubscriptionStatus;
use jiff::SignedDuration;
use serde_json::json;

use super::{Bench, step_names};

fn half_off() -> Effect {
    let terms = json!({"percent_off": 50, "duration": "repeating", "duration_in_months": 3});
    Effect::Discount { terms: serde_json::from_value(terms).unwrap() }
}

fn pause(bench: &Bench) -> Effect {
    Effect::Pause { behavior: PauseBehavior::Void, access: PauseAccess::Kept, resumes_at: bench.in_days(30) }
}

fn cancel(when: CancelWhen) -> Effect {
    Effect::Cancel {
        when,
        feedback: Some(StripeFeedback::TooExpensive),
        comment: Some("Zu teuer & zu viel".to_owned()),
    }
}

/// Every effect on a subscription that can take it.
async fn every_effect() -> Vec<(Bench, Effect)> {
    let mut all = Vec::new();
    for number in 0..6 {
        let bench = Bench::new().await;
        let effect = match number {
            0 => half_off(),
            1 => pause(&bench),
            2 => Effect::ExtendTrial { trial_end: bench.in_days(50) },
            3 => {
                let price = bench.sandbox.seed_price("Extras", 0, "usd", "month").unwrap();
                Effect::AttachFeatures { price: price.parse().unwrap(), until: bench.in_days(90) }
            }
            4 => cancel(CancelWhen::PeriodEnd),
            _ => cancel(CancelWhen::Now),
        };
        bench.sandbox.clear_calls();
        all.push((bench, effect));
    }
    all
}

#[tokio::test]
async fn reads_a_subscription_and_knows_a_missing_one() {
    let bench = Bench::new().await;
    let found = bench.gateway.subscription(&bench.subscription.parse().unwrap()).await.unwrap().unwrap();
    assert_eq!(found.customer.as_str(), bench.customer);
    assert_eq!(found.mrr().amount, 4900);
    assert_eq!(found.items[0].name, "Pro");
    assert!(!found.livemode && !bench.gateway.livemode());
    assert!(bench.gateway.subscription(&"sub_none".parse().unwrap()).await.unwrap().is_none());
    let all = bench.gateway.subscriptions_of(&bench.customer.parse().unwrap()).await.unwrap();
    assert_eq!(all, [found]);
    bench.gateway.check().await.unwrap();
}

#[tokio::test]
async fn reads_discounts_of_customer_and_subscription() {
    let bench = Bench::new().await;
    let coupon = |name: &'static str| {
        let params = [("id", name), ("percent_off", "12.5"), ("duration", "forever")];
        bench.sandbox.create("coupons", &params).unwrap()
    };
    bench.sandbox.seed_customer_discount(&bench.customer, &coupon("loyal")).unwrap();
    bench.update(&[("discounts[0][coupon]", &coupon("spring"))]);
    let found = bench.gateway.subscription(&bench.subscription.parse().unwrap()).await.unwrap().unwrap();
    assert_eq!(found.discounts[0].coupon.as_str(), "spring");
    assert_eq!(found.discounts[0].percent_off.unwrap().to_string(), "12.5");
    assert_eq!(found.customer_discount.unwrap().coupon.as_str(), "loyal");
}

#[tokio::test]
async fn a_discount_is_a_coupon_and_its_attachment() {
    let bench = Bench::new().await;
    let mut operation = bench.operation(half_off());
    let subscription = bench.applied(&mut operation).await;
    assert_eq!(step_names(&operation), ["coupon", "discount"]);
    assert!(operation.steps.iter().all(|step| step.request_id.is_some()));
    let discount = &subscription.discounts[0];
    assert_eq!(discount.coupon.as_str(), format!("co_{}", operation.id));
    assert_eq!(discount.percent_off.unwrap().to_string(), "50");
    let coupon = bench.sandbox.object(discount.coupon.as_str()).unwrap();
    assert_eq!(coupon["max_redemptions"], 1);
    assert_eq!(coupon["duration_in_months"], 3);
    assert_eq!(coupon["metadata"]["counteroffer_operation"], operation.id.to_string());
    assert_eq!(bench.stored()["metadata"], json!({}));
}

#[tokio::test]
async fn an_amount_is_taken_off_in_its_currency() {
    let bench = Bench::new().await;
    let terms = json!({"amount_off": 1500, "currency": "usd", "duration": "once"});
    let effect = Effect::Discount { terms: serde_json::from_value(terms).unwrap() };
    let subscription = bench.applied(&mut bench.operation(effect)).await;
    assert_eq!(subscription.discounts[0].amount_off.unwrap().amount, 1500);
}

#[tokio::test]
async fn a_pause_resumes_when_promised() {
    let bench = Bench::new().await;
    let mut operation = bench.operation(pause(&bench));
    let paused = bench.applied(&mut operation).await.pause_collection.unwrap();
    assert_eq!((paused.behavior, paused.resumes_at), (PauseBehavior::Void, Some(bench.in_days(30))));
    assert_eq!(step_names(&operation), ["pause"]);
}

#[tokio::test]
async fn a_trial_is_extended_without_a_bill() {
    let bench = Bench::new().await;
    let end = bench.in_days(50);
    let subscription = bench.applied(&mut bench.operation(Effect::ExtendTrial { trial_end: end })).await;
    assert_eq!(subscription.trial_end, Some(end));
    let asked = &bench.acts()[0].params;
    assert!(asked.contains(&("proration_behavior".to_owned(), "none".to_owned())), "{asked:?}");
}

#[tokio::test]
async fn features_come_and_go() {
    let bench = Bench::new().await;
    let price = bench.sandbox.seed_price("Extras", 0, "usd", "month").unwrap();
    let mut attach =
        bench.operation(Effect::AttachFeatures { price: price.parse().unwrap(), until: bench.in_days(90) });
    let subscription = bench.applied(&mut attach).await;
    assert_eq!(subscription.items.len(), 2);
    assert_eq!(attach.steps[0].result.as_deref(), Some(subscription.items[1].id.as_str()));

    let mut detach =
        bench.operation(Effect::DetachFeatures { price: price.parse().unwrap(), product: None, since: None });
    let subscription = bench.applied(&mut detach).await;
    assert_eq!(subscription.items.len(), 1);
    assert_eq!(subscription.items[0].unit_amount, Some(4900));
    // Gone already: nothing is asked of Stripe.
    let acts = bench.acts().len();
    bench
        .applied(&mut bench.operation(Effect::DetachFeatures {
            price: price.parse().unwrap(),
            product: None,
            since: None,
        }))
        .await;
    assert_eq!(bench.acts().len(), acts);
}

#[tokio::test]
async fn an_item_that_somebody_else_added_is_not_ours() {
    let bench = Bench::new().await;
    let price = bench.sandbox.seed_price("Extras", 0, "usd", "month").unwrap();
    let params = [("subscription", bench.subscription.as_str()), ("price", price.as_str())];
    bench.sandbox.create("subscription_items", &params).unwrap();
    bench.sandbox.clear_calls();
    let price: counteroffer::domain::ids::PriceId = price.parse().unwrap();
    let attach = Effect::AttachFeatures { price: price.clone(), until: bench.in_days(90) };
    assert_eq!(bench.rejected(&mut bench.operation(attach)).await.code, "already_attached");
    let subscription = bench
        .applied(&mut bench.operation(Effect::DetachFeatures { price, product: None, since: None }))
        .await;
    assert_eq!(subscription.items.len(), 2);
    assert!(bench.acts().is_empty());
}

#[tokio::test]
async fn features_must_be_free_and_fit() {
    let bench = Bench::new().await;
    for (amount, currency, interval, code) in [
        (1, "usd", "month", "price_not_free"),
        (0, "eur", "month", "price_mismatch"),
        (0, "usd", "year", "price_mismatch"),
    ] {
        let price = bench.sandbox.seed_price("Extras", amount, currency, interval).unwrap();
        bench.sandbox.clear_calls();
        let attach = Effect::AttachFeatures { price: price.parse().unwrap(), until: bench.in_days(9) };
        assert_eq!(bench.rejected(&mut bench.operation(attach)).await.code, code);
        assert!(bench.acts().is_empty());
    }
}

#[tokio::test]
async fn a_cancellation_waits_for_the_period_or_not() {
    let bench = Bench::new().await;
    let subscription = bench.applied(&mut bench.operation(cancel(CancelWhen::PeriodEnd))).await;
    assert!(subscription.cancel_at_period_end && !subscription.status.is_ended());
    assert_eq!(bench.stored()["cancellation_details"]["feedback"], "too_expensive");
    assert_eq!(bench.stored()["cancellation_details"]["comment"], "Zu teuer & zu viel");
    // Asked for at once after all.
    let subscription = bench.applied(&mut bench.operation(cancel(CancelWhen::Now))).await;
    assert_eq!(subscription.status, SubscriptionStatus::Canceled);
    // Canceled already, either way.
    let acts = bench.acts().len();
    for when in [CancelWhen::Now, CancelWhen::PeriodEnd] {
        bench.applied(&mut bench.operation(cancel(when))).await;
    }
    assert_eq!(bench.acts().len(), acts);
}

#[tokio::test]
async fn a_schedule_is_released_before_the_cancellation() {
    for when in [CancelWhen::Now, CancelWhen::PeriodEnd] {
        let bench = Bench::new().await;
        bench
            .sandbox
            .create("subscription_schedules", &[("from_subscription", &bench.subscription)])
            .unwrap();
        bench.sandbox.clear_calls();
        let mut operation = bench.operation(cancel(when));
        let subscription = bench.applied(&mut operation).await;
        assert_eq!(step_names(&operation), ["release", "cancel"]);
        assert!(!subscription.scheduled);
    }
}

/// Makes a schedule for another plan, of which nothing is on record then: the process has died.
async fn scheduled_and_forgotten(forgets: bool) -> (Bench, Operation, String) {
    let bench = Bench::new().await;
    let lite = bench.sandbox.seed_price("Lite", 1900, "usd", "month").unwrap();
    let item = &bench.stored()["items"]["data"][0];
    let effect = Effect::ChangePlan {
        item: item["id"].as_str().unwrap().parse().unwrap(),
        price: lite.parse().unwrap(),
        from: item["price"]["id"].as_str().unwrap().parse().unwrap(),
        when: PlanChangeWhen::PeriodEnd,
        proration: Proration::None,
        effective_at: bench.in_days(30),
    };
    let operation = bench.operation(effect);
    bench.sandbox.clear_calls();
    let made = bench.gateway.advance(&operation, bench.now()).await;
    assert!(matches!(made, Progress::Step(step) if step.name == "schedule"));
    if forgets {
        bench.sandbox.forget_keys();
    }
    (bench, operation, lite)
}

#[tokio::test]
async fn a_schedule_that_is_not_on_record_is_still_ours() {
    for forgets in [false, true] {
        let (bench, mut operation, _) = scheduled_and_forgotten(forgets).await;
        // Our clock is a little ahead of Stripe's.
        operation.created_at += SignedDuration::from_secs(2);
        bench.applied(&mut operation).await;
        assert_eq!(step_names(&operation), ["schedule", "change_plan"], "{forgets}");
        assert_eq!(bench.acts().len(), 2, "{:?}", bench.acts());
    }
}

#[tokio::test]
async fn a_schedule_that_is_not_on_record_is_let_go_of_where_the_change_is_refused() {
    for forgets in [false, true] {
        let (bench, mut operation, lite) = scheduled_and_forgotten(forgets).await;
        bench.sandbox.call("POST", &format!("/v1/prices/{lite}"), &[("active", "false")]).unwrap();
        assert_eq!(bench.rejected(&mut operation).await.code, "price_inactive");
        assert!(bench.stored()["schedule"].is_null());
    }
}

#[tokio::test]
async fn a_schedule_of_somebody_elses_is_not_ours() {
    let (bench, mut operation, _) = scheduled_and_forgotten(true).await;
    let schedule = bench.stored()["schedule"].as_str().unwrap().to_owned();
    bench.sandbox.call("POST", &format!("/v1/subscription_schedules/{schedule}/release"), &[]).unwrap();
    // One from before the offer was accepted.
    bench.sandbox.create("subscription_schedules", &[("from_subscription", &bench.subscription)]).unwrap();
    operation.created_at += SignedDuration::from_hours(1);
    assert_eq!(bench.rejected(&mut operation).await.code, "schedule_attached");
    assert!(!bench.stored()["schedule"].is_null());
}

#[tokio::test]
async fn eligibility_is_checked_again() {
    let bench = Bench::new().await;
    let params = [("id", "spring"), ("percent_off", "10"), ("duration", "forever")];
    bench.sandbox.create("coupons", &params).unwrap();
    bench.update(&[("discounts[0][coupon]", "spring")]);
    let before = bench.stored();
    assert_eq!(bench.rejected(&mut bench.operation(half_off())).await.code, "already_discounted");
    assert_eq!(bench.stored(), before);
    bench.update(&[("cancel_at_period_end", "true")]);
    assert_eq!(bench.rejected(&mut bench.operation(pause(&bench))).await.code, "cancel_scheduled");
    let late =
        Effect::Pause { behavior: PauseBehavior::Void, access: PauseAccess::Kept, resumes_at: bench.now() };
    assert_eq!(bench.rejected(&mut bench.operation(late)).await.code, "time_over");
    assert!(bench.acts().is_empty());
}

#[tokio::test]
async fn a_discount_that_becomes_impossible_half_way_leaves_no_coupon() {
    let bench = Bench::new().await;
    let mut operation = bench.operation(half_off());
    let Progress::Step(step) = bench.gateway.advance(&operation, bench.now()).await else {
        panic!("no step")
    };
    let coupon = step.result.clone().unwrap();
    operation.steps.push(step);
    bench.update(&[("cancel_at_period_end", "true")]);
    assert_eq!(bench.rejected(&mut operation).await.code, "cancel_scheduled");
    assert!(bench.sandbox.object(&coupon).is_none());
}

#[tokio::test]
async fn a_missing_subscription_or_the_other_mode_needs_somebody() {
    let bench = Bench::new().await;
    let mut operation = bench.operation(cancel(CancelWhen::Now));
    operation.livemode = true;
    let Progress::NeedsAttention(problem) = bench.run(&mut operation).await else { panic!("settled") };
    assert_eq!(problem.code, "other_mode");
    let mut operation = bench.operation(cancel(CancelWhen::Now));
    operation.subscription = "sub_none".parse().unwrap();
    let Progress::NeedsAttention(problem) = bench.run(&mut operation).await else { panic!("settled") };
    assert_eq!(problem.code, "subscription_missing");
    let mut operation = bench.operation(half_off());
    operation.subscription = "sub_none".parse().unwrap();
    assert_eq!(bench.rejected(&mut operation).await.code, "subscription_missing");
    assert!(bench.sandbox.calls().iter().all(|call| !call.acted));
}

#[tokio::test]
async fn what_is_there_already_is_not_done_again() {
    for (bench, effect) in every_effect().await {
        let mut operation = bench.operation(effect);
        bench.applied(&mut operation).await;
        let (stored, acts) = (bench.stored(), bench.acts().len());
        // The process was killed before it could write down a single step.
        operation.steps.clear();
        bench.applied(&mut operation).await;
        // And this time after everything was written down but the outcome.
        bench.applied(&mut operation).await;
        // And this time two days later, when Stripe has forgotten the keys.
        operation.steps.clear();
        bench.sandbox.advance(2 * 86_400);
        bench.applied(&mut operation).await;
        assert_eq!(bench.acts().len(), acts, "{:?}", operation.effect);
        assert_eq!(bench.stored()["items"], stored["items"]);
    }
}

#[tokio::test]
async fn an_effect_whose_time_is_over_was_applied() {
    for (bench, effect) in every_effect().await {
        let mut operation = bench.operation(effect);
        bench.applied(&mut operation).await;
        bench.sandbox.advance(120 * 86_400);
        bench.applied(&mut operation).await;
    }
}

#[tokio::test]
async fn an_effect_that_was_undone_by_hand_is_not_done_again() {
    let bench = Bench::new().await;
    let mut operation = bench.operation(pause(&bench));
    bench.applied(&mut operation).await;
    bench.update(&[("pause_collection", "")]);
    let Progress::NeedsAttention(problem) = bench.run(&mut operation).await else { panic!("settled") };
    assert_eq!(problem.code, "effect_not_visible");
    assert!(bench.acts().is_empty());
}
