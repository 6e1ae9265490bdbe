//! The Stripe client: its transport against a scripted server, its reads and plans against the sandbox.

mod faults;
mod installments;
mod money;
mod neighbour;
mod pauses;
mod plans;
mod transport;

use std::num::NonZeroU32;
use std::time::Duration;

use counteroffer::billing::{Gateway, Limits, Progress, StripeOptions};
use counteroffer::domain::ids::{OperationId, SessionId};
use counteroffer::domain::operation::{Effect, Operation, OperationProblem, OperationState};
use counteroffer::domain::subscription::Subscription;
use counteroffer::sandbox::{Fault, RecordedCall, Sandbox, SandboxClock, SandboxConfig};
use jiff::{SignedDuration, Timestamp};
use serde_json::Value;

/// A sandbox with one subscriber, and a gateway to it.
struct Bench {
    sandbox: Sandbox,
    gateway: Gateway,
    customer: String,
    subscription: String,
}

impl Bench {
    /// One active subscription, 49.00 USD a month.
    async fn new() -> Self {
        let sandbox = Sandbox::start(SandboxConfig {
            addr: "127.0.0.1:0".parse().unwrap(),
            secret_key: "sk_test_bench".into(),
            webhook_secret: "whsec_bench".into(),
            webhook_url: None,
            clock: SandboxClock::Fixed("2026-11-01T10:00:00Z".parse().unwrap()),
        });
        let sandbox = sandbox.await.unwrap();
        let customer = sandbox.seed_customer("ada@customer.example").unwrap();
        let price = sandbox.seed_price("Pro", 4900, "usd", "month").unwrap();
        let subscription = sandbox.seed_subscription(&customer, &price).unwrap();
        sandbox.clear_calls();
        let mut options = StripeOptions::new(sandbox.url(), "sk_test_bench".into());
        options.first_delay = Duration::from_millis(1);
        options.attempt_timeout = Duration::from_millis(400);
        options.limits = unlimited();
        let gateway = Gateway::new(&options).unwrap();
        Self { sandbox, gateway, customer, subscription }
    }

    fn now(&self) -> Timestamp {
        self.sandbox.now()
    }

    fn in_days(&self, days: i64) -> Timestamp {
        self.now() + SignedDuration::from_hours(24 * days)
    }

    fn operation(&self, effect: Effect) -> Operation {
        let now = self.now();
        Operation {
            id: OperationId::generate(now),
            session: SessionId::generate(now),
            offer: None,
            subscription: self.subscription.parse().unwrap(),
            livemode: false,
            effect,
            state: OperationState::Pending,
            steps: Vec::new(),
            holds: Vec::new(),
            attempts: 0,
            due_at: now,
            created_at: now,
            updated_at: now,
            problem: None,
            undoes: None,
            undone_by: None,
        }
    }

    /// Advances until something else than a step comes, keeping the steps as the services do.
    async fn run(&self, operation: &mut Operation) -> Progress {
        for _ in 0..60 {
            match self.gateway.advance(operation, self.now()).await {
                Progress::Step(step) => operation.steps.push(step),
                other => {
                    if let Progress::Applied { last, .. } = &other {
                        operation.steps.extend(last.clone());
                    }
                    return other;
                }
            }
        }
        panic!("the plan does not end: {:?}", operation.steps);
    }

    async fn applied(&self, operation: &mut Operation) -> Subscription {
        match self.run(operation).await {
            Progress::Applied { subscription, .. } => *subscription,
            other => panic!("not applied: {other:?}"),
        }
    }

    async fn rejected(&self, operation: &mut Operation) -> OperationProblem {
        match self.run(operation).await {
            Progress::Rejected(problem) => problem,
            other => panic!("not rejected: {other:?}"),
        }
    }

    /// What Stripe has, to compare before and after.
    fn stored(&self) -> Value {
        self.sandbox.object(&self.subscription).unwrap()
    }

    /// The calls that changed something, without those of the test itself.
    fn acts(&self) -> Vec<RecordedCall> {
        self.sandbox.calls().into_iter().filter(|call| call.acted).collect()
    }

    fn script(&self, method: &str, path: &str, fault: counteroffer::sandbox::FaultKind) {
        self.sandbox.script(Fault::once(method, path, fault));
    }

    /// Changes the subscription as somebody else would.
    fn update(&self, params: &[(&str, &str)]) {
        let path = format!("/v1/subscriptions/{}", self.subscription);
        self.sandbox.call("POST", &path, params).unwrap();
        self.sandbox.clear_calls();
    }
}

/// Limits that no test reaches.
fn unlimited() -> Limits {
    let many = NonZeroU32::new(10_000);
    let per_subscription = many.unwrap();
    Limits { per_second: many, per_endpoint: many, reserved_percent: 0, per_subscription }
}

fn step_names(operation: &Operation) -> Vec<&str> {
    operation.steps.iter().map(|step| step.name.as_str()).collect()
}
