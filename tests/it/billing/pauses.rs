//! The two plans of a pause: its beginning and its end, by either mechanism, killed between any two steps.

use counteroffer::billing::Progress;
use counteroffer::domain::offer::{PauseAccess, PauseBehavior};
use counteroffer::domain::operation::{Effect, Operation};
use counteroffer::domain::pause::{Mechanism, PauseEnd, Resumer, Resumption};
use counteroffer::domain::subscription::{PausedBy, SubscriptionStatus};
use serde_json::json;

use super::{Bench, step_names};

fn pause(bench: &Bench, access: PauseAccess) -> Operation {
    let behavior = PauseBehavior::Void;
    bench.operation(Effect::Pause { behavior, access, resumes_at: bench.in_days(30) })
}

/// A bench whose subscription such a pause has paused, and that pause.
async fn paused(access: PauseAccess) -> (Bench, Operation) {
    let bench = Bench::new().await;
    let mut operation = pause(&bench, access);
    bench.applied(&mut operation).await;
    bench.sandbox.clear_calls();
    (bench, operation)
}

fn resume(bench: &Bench, pause: &Operation, by: Resumer, access: PauseAccess) -> Operation {
    let mechanism = match access {
        PauseAccess::Kept => Mechanism::Collection,
        PauseAccess::Withdrawn => Mechanism::Subscription,
    };
    let until = Some(pause.created_at + jiff::SignedDuration::from_hours(24 * 30));
    let resumption = Resumption { pause: pause.id, by, mechanism, access, until };
    bench.operation(Effect::Resume { resumption })
}

const BOTH: [PauseAccess; 2] = [PauseAccess::Kept, PauseAccess::Withdrawn];

#[tokio::test]
async fn a_withdrawing_pause_is_marked_and_then_made() {
    let bench = Bench::new().await;
    let mut operation = pause(&bench, PauseAccess::Withdrawn);
    let subscription = bench.applied(&mut operation).await;
    assert_eq!(step_names(&operation), ["mark", "pause"]);
    assert_eq!(subscription.status, SubscriptionStatus::Paused);
    assert_eq!(subscription.paused_by, Some(PausedBy::Operation(operation.id)));
    assert!(subscription.pause_collection.is_none());
}

#[tokio::test]
async fn a_pause_killed_anywhere_is_made_once() {
    for access in BOTH {
        for kept in 0..3 {
            let bench = Bench::new().await;
            let mut operation = pause(&bench, access);
            bench.applied(&mut operation).await;
            let acts = bench.acts().len();
            operation.steps.truncate(kept);
            bench.applied(&mut operation).await;
            bench.sandbox.advance(2 * 86_400);
            operation.steps.clear();
            bench.applied(&mut operation).await;
            assert_eq!(bench.acts().len(), acts, "{access:?}, {kept} steps kept");
        }
    }
}

#[tokio::test]
async fn a_pause_that_becomes_impossible_half_way_leaves_no_mark() {
    let bench = Bench::new().await;
    let mut operation = pause(&bench, PauseAccess::Withdrawn);
    let Progress::Step(step) = bench.gateway.advance(&operation, bench.now()).await else {
        panic!("no step")
    };
    operation.steps.push(step);
    assert_eq!(bench.stored()["metadata"]["counteroffer_pause"], operation.id.to_string());
    bench.update(&[("cancel_at_period_end", "true")]);
    assert_eq!(bench.rejected(&mut operation).await.code, "cancel_scheduled");
    assert_eq!(bench.stored()["metadata"], json!({}));
}

#[tokio::test]
async fn the_subscriber_comes_back_early_and_once() {
    for access in BOTH {
        for kept in 0..3 {
            let (bench, pause) = paused(access).await;
            bench.sandbox.advance(5 * 86_400);
            let mut operation = resume(&bench, &pause, Resumer::Subscriber, access);
            let subscription = bench.applied(&mut operation).await;
            assert_eq!(subscription.status, SubscriptionStatus::Active);
            assert!(subscription.pause_collection.is_none() && subscription.paused_by.is_none());
            assert_eq!(operation.pause_end(), Some(PauseEnd::Subscriber));
            let done = bench.acts().len();
            operation.steps.truncate(kept.min(operation.steps.len()));
            // What was done last may not have been written down; who did it is found out all the same.
            bench.applied(&mut operation).await;
            let died_before_the_call = access == PauseAccess::Withdrawn && kept == 0;
            let expected = if died_before_the_call { PauseEnd::Elsewhere } else { PauseEnd::Subscriber };
            assert_eq!(operation.pause_end(), Some(expected), "{access:?}, {kept} steps kept");
            assert_eq!(bench.stored()["status"], "active");
            let more = bench.acts().len() - done;
            assert_eq!(more, 0, "{access:?}, {kept} steps kept");
        }
    }
}

#[tokio::test]
async fn somebody_who_was_faster_is_not_taken_for_us() {
    for access in BOTH {
        let (bench, pause) = paused(access).await;
        bench.sandbox.advance(5 * 86_400);
        let mut operation = resume(&bench, &pause, Resumer::Subscriber, access);
        if access == PauseAccess::Withdrawn {
            let Progress::Step(step) = bench.gateway.advance(&operation, bench.now()).await else {
                panic!("no step")
            };
            assert_eq!(step.name, "mark");
            operation.steps.push(step);
            let path = format!("/v1/subscriptions/{}/resume", bench.subscription);
            let now = [("payment_behavior", "resume_on_payment_success")];
            bench.sandbox.call("POST", &path, &now).unwrap();
        } else {
            bench.update(&[("pause_collection", "")]);
        }
        bench.applied(&mut operation).await;
        assert_eq!(operation.pause_end(), Some(PauseEnd::Elsewhere), "{access:?}");
    }
}

#[tokio::test]
async fn the_scheduled_end_waits_for_its_time() {
    for access in BOTH {
        let (bench, pause) = paused(access).await;
        let mut operation = resume(&bench, &pause, Resumer::Time, access);
        let Progress::Later(until) = bench.run(&mut operation).await else { panic!("did not wait") };
        assert_eq!(until, bench.in_days(30), "{access:?}");
        assert!(bench.acts().is_empty() && operation.steps.is_empty());
        bench.sandbox.advance(30 * 86_400);
        bench.applied(&mut operation).await;
        assert_eq!(operation.pause_end(), Some(PauseEnd::Time), "{access:?}");
    }
}

#[tokio::test]
async fn a_pause_whose_end_was_moved_by_hand_is_waited_for() {
    let (bench, pause) = paused(PauseAccess::Kept).await;
    let moved = bench.in_days(50).as_second().to_string();
    bench.update(&[("pause_collection[behavior]", "void"), ("pause_collection[resumes_at]", &moved)]);
    bench.sandbox.advance(30 * 86_400);
    let mut operation = resume(&bench, &pause, Resumer::Time, PauseAccess::Kept);
    let Progress::Later(until) = bench.run(&mut operation).await else { panic!("did not wait") };
    assert_eq!(until.as_second().to_string(), moved);
    assert!(bench.acts().is_empty());
}

#[tokio::test]
async fn a_pause_made_since_by_somebody_else_is_left_alone() {
    let (bench, pause) = paused(PauseAccess::Kept).await;
    bench.update(&[("pause_collection", ""), ("metadata[counteroffer_pause]", "")]);
    bench.update(&[("pause_collection[behavior]", "void")]);
    bench.sandbox.advance(31 * 86_400);
    let mut scheduled = resume(&bench, &pause, Resumer::Time, PauseAccess::Kept);
    bench.applied(&mut scheduled).await;
    let mut early = resume(&bench, &pause, Resumer::Subscriber, PauseAccess::Kept);
    let Progress::NeedsAttention(problem) = bench.run(&mut early).await else { panic!("settled") };
    assert_eq!(problem.code, "paused_by_others");
    assert!(bench.acts().is_empty());
    assert!(!bench.stored()["pause_collection"].is_null());
}

#[tokio::test]
async fn of_two_resumptions_the_one_that_did_it_tells() {
    for access in BOTH {
        let (bench, pause) = paused(access).await;
        bench.sandbox.advance(5 * 86_400);
        let mut early = resume(&bench, &pause, Resumer::Subscriber, access);
        bench.applied(&mut early).await;
        let mut scheduled = resume(&bench, &pause, Resumer::Time, access);
        bench.applied(&mut scheduled).await;
        assert_eq!((early.pause_end(), scheduled.pause_end()), (Some(PauseEnd::Subscriber), None));
    }
}

#[tokio::test]
async fn the_end_of_the_subscription_is_the_end_of_the_pause() {
    for access in BOTH {
        let (bench, pause) = paused(access).await;
        bench.sandbox.call("DELETE", &format!("/v1/subscriptions/{}", bench.subscription), &[]).unwrap();
        bench.sandbox.clear_calls();
        let mut operation = resume(&bench, &pause, Resumer::Time, access);
        bench.applied(&mut operation).await;
        assert_eq!(operation.pause_end(), Some(PauseEnd::SubscriptionEnded));
        assert!(bench.acts().is_empty());
    }
}
