//! How the client behaves in a Stripe account that is not its own alone: below the limits, and leaving a Stripe that is
//! away alone.

use std::num::NonZeroU32;
use std::time::Duration;

use counteroffer::billing::{BreakerState, Gateway, Progress, StripeErrorKind, StripeOptions};
use counteroffer::clock::Clock;
use counteroffer::domain::ids::SubscriptionId;
use counteroffer::domain::offer::{PauseAccess, PauseBehavior};
use counteroffer::domain::operation::Effect;
use counteroffer::sandbox::{Fault, FaultKind};
use futures_util::future::join_all;
use jiff::SignedDuration;
use prometheus_client::registry::Registry;

use super::{Bench, unlimited};

impl Bench {
    fn options(&self) -> StripeOptions {
        let mut options = StripeOptions::new(self.sandbox.url(), "sk_test_bench".into());
        options.first_delay = Duration::from_millis(1);
        options.max_attempts = 1;
        options.limits = unlimited();
        options
    }

    fn id(&self) -> SubscriptionId {
        self.subscription.parse().unwrap()
    }

    /// So many of the next reads of subscriptions misbehave.
    fn fails(&self, times: u32, fault: FaultKind) {
        self.sandbox.script(Fault { times, ..Fault::once("GET", "/v1/subscriptions/*", fault) });
    }
}

fn metrics(gateway: &Gateway) -> String {
    let mut registry = Registry::with_prefix("counteroffer");
    gateway.register(&mut registry);
    let mut text = String::new();
    prometheus_client::encoding::text::encode(&mut text, &registry).unwrap();
    text
}

#[tokio::test]
async fn a_stripe_that_fails_is_left_alone_and_probed_until_it_is_back() {
    let bench = Bench::new().await;
    let clock = Clock::manual(bench.now());
    let gateway = Gateway::new(&StripeOptions { clock: clock.clone(), ..bench.options() }).unwrap();
    bench.fails(6, FaultKind::BadGateway { acted: false });
    for _ in 0..5 {
        gateway.subscription(&bench.id()).await.unwrap_err();
    }
    assert_eq!(gateway.breaker(), BreakerState::Open);
    let refused = gateway.subscription(&bench.id()).await.unwrap_err();
    assert_eq!((refused.kind, refused.code.as_str()), (StripeErrorKind::Unknown, "stripe_unavailable"));
    assert_eq!(refused.retry_after, Some(Duration::from_secs(5)));
    assert_eq!(bench.sandbox.calls().len(), 5);

    clock.advance(SignedDuration::from_secs(5));
    assert_eq!(gateway.breaker(), BreakerState::HalfOpen);
    assert_eq!(gateway.subscription(&bench.id()).await.unwrap_err().code, "http_502");
    assert_eq!(gateway.breaker(), BreakerState::Open);
    clock.advance(SignedDuration::from_secs(10));
    gateway.check().await.unwrap();
    assert_eq!(gateway.breaker(), BreakerState::HalfOpen);
    gateway.check().await.unwrap();
    assert_eq!(gateway.breaker(), BreakerState::Closed);

    let text = metrics(&gateway);
    for line in [
        "counteroffer_stripe_breaker_state{state=\"closed\"} 1",
        "counteroffer_stripe_breaker_state{state=\"open\"} 0",
        "counteroffer_stripe_breaker_refused_total 1",
        "counteroffer_stripe_call_seconds_count{call=\"GET /subscriptions/{id}\",outcome=\"failed\"} 6",
        "counteroffer_stripe_call_seconds_count{call=\"GET /coupons\",outcome=\"ok\"} 2",
    ] {
        assert!(text.contains(line), "{line} is not in {text}");
    }
    assert!(!text.contains(&bench.subscription));
}

#[tokio::test]
async fn refusals_are_answers_and_open_nothing() {
    let bench = Bench::new().await;
    let gateway = Gateway::new(&bench.options()).unwrap();
    bench.fails(10, FaultKind::RateLimited { retry_after: None });
    bench.fails(10, FaultKind::LockTimeout);
    for _ in 0..20 {
        gateway.subscription(&bench.id()).await.unwrap_err();
    }
    for _ in 0..10 {
        assert_eq!(gateway.subscription(&"sub_missing".parse().unwrap()).await, Ok(None));
    }
    assert_eq!(gateway.breaker(), BreakerState::Closed);
}

#[tokio::test]
async fn callers_that_give_up_on_a_silent_stripe_open_it_and_hasty_ones_do_not() {
    let bench = Bench::new().await;
    let gateway = Gateway::new(&bench.options()).unwrap();
    let give_up = async |after: u64| {
        bench.fails(5, FaultKind::Timeout { acted: false });
        let id = bench.id();
        let call = || tokio::time::timeout(Duration::from_millis(after), gateway.subscription(&id));
        assert!(join_all((0..5).map(|_| call())).await.iter().all(Result::is_err));
    };
    give_up(50).await;
    assert_eq!(gateway.breaker(), BreakerState::Closed);
    give_up(1_100).await;
    assert_eq!(gateway.breaker(), BreakerState::Open);
}

/// Only that calls go by the limits is seen here, and in no time that anything could come too late for; how long each
/// waits is told by the limiter's own tests, by a clock of theirs.
#[tokio::test]
async fn a_call_without_room_before_its_deadline_is_left_for_later() {
    let bench = Bench::new().await;
    let mut options = bench.options();
    options.limits.per_second = Some(NonZeroU32::MIN);
    options.total_deadline = Duration::from_millis(500);
    let gateway = Gateway::new(&options).unwrap();
    let id = bench.id();
    let error = loop {
        match gateway.subscription(&id).await {
            Err(error) if error.code == "client_limit" => break error,
            // Two calls within one second meet the limit.
            _ => {}
        }
    };
    assert_eq!(error.kind, StripeErrorKind::Unknown);
    assert!(error.retry_after.is_some_and(|wait| wait <= Duration::from_secs(1)));
    assert!(metrics(&gateway).contains("counteroffer_stripe_limit_exceeded_total 1"));
}

#[tokio::test]
async fn one_subscription_is_written_to_at_the_rate_it_is_allowed() {
    let bench = Bench::new().await;
    let mut options = bench.options();
    options.limits.per_subscription = NonZeroU32::MIN;
    options.total_deadline = Duration::from_millis(500);
    let gateway = Gateway::new(&options).unwrap();
    for days in 1.. {
        let effect = Effect::Pause {
            behavior: PauseBehavior::Void,
            access: PauseAccess::Kept,
            resumes_at: bench.in_days(days),
        };
        match gateway.advance(&bench.operation(effect), bench.now()).await {
            Progress::Unknown { problem, .. } if problem.code == "client_limit" => break,
            // Six within one second meet the limit.
            _ => bench.update(&[("pause_collection", "")]),
        }
    }
    assert!(gateway.subscription(&bench.id()).await.is_ok(), "reading goes on");
}
