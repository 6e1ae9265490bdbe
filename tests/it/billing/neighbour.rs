//! How the client behaves in a Stripe account that is not its own alone: below the limits, and leaving a Stripe that is
//! away alone.

use std::num::NonZeroU32;
use std::time::{Duration, Instant};

use counteroffer::billing::{BreakerState, Gateway, StripeErrorKind, StripeOptions};
use counteroffer::clock::Clock;
use counteroffer::domain::ids::SubscriptionId;
use counteroffer::domain::offer::PauseBehavior;
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

#[tokio::test]
async fn calls_keep_below_the_limits_and_a_wait_counts_into_the_deadline() {
    let bench = Bench::new().await;
    let mut options = bench.options();
    options.limits.per_second = NonZeroU32::new(40);
    let gateway = Gateway::new(&options).unwrap();
    let started = Instant::now();
    let id = bench.id();
    let calls = join_all((0..30).map(|_| gateway.subscription(&id))).await;
    assert!(calls.iter().all(Result::is_ok));
    assert!(started.elapsed() >= Duration::from_millis(475), "{:?}", started.elapsed());

    options.total_deadline = Duration::from_millis(200);
    let gateway = Gateway::new(&options).unwrap();
    let calls = join_all((0..40).map(|_| gateway.subscription(&id))).await;
    let late: Vec<_> = calls.iter().filter_map(|call| call.as_ref().err()).collect();
    assert!((15..=30).contains(&late.len()), "{late:?}");
    assert!(late.iter().all(|error| error.code == "client_limit" && error.kind == StripeErrorKind::Unknown));
    assert!(metrics(&gateway).contains("counteroffer_stripe_limit_exceeded_total "));
}

#[tokio::test]
async fn one_subscription_is_written_to_at_the_rate_it_is_allowed() {
    let bench = Bench::new().await;
    let mut options = bench.options();
    options.limits.per_subscription = NonZeroU32::new(10).unwrap();
    let gateway = Gateway::new(&options).unwrap();
    let started = Instant::now();
    for days in 1..=7 {
        let effect = Effect::Pause { behavior: PauseBehavior::Void, resumes_at: bench.in_days(days) };
        gateway.advance(&bench.operation(effect), bench.now()).await;
        bench.update(&[("pause_collection", "")]);
    }
    // Five at once, two at 100 ms each.
    assert!(started.elapsed() >= Duration::from_millis(180), "{:?}", started.elapsed());
}
