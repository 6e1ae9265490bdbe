//! What `run.py` measures with: the sandbox in place of Stripe, and a light HTTP client that keeps many connections busy.
//!
//! It takes one command a line on standard input, as JSON, answers each with one line of JSON, and ends with its input.
//! The client runs on one thread, parses no more of an answer than it needs, and mints every token before the clock
//! starts, so that what is measured is the service.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::as_conversions,
    clippy::print_stdout,
    reason = "a measuring program stops at the first surprise, and says its figures on standard output"
)]

mod client;
mod requests;
mod tally;

use std::io::BufRead;
use std::time::Duration;

use counteroffer::billing::{Gateway, StripeOptions};
use counteroffer::clock::Clock;
use counteroffer::sandbox::{Sandbox, SandboxClock, SandboxConfig};
use secrecy::SecretString;
use serde::Deserialize;
use serde_json::{Value, json};

use client::Run;
use requests::{Begins, accepts};

/// The sandbox lives in this process, so let it cost no more than where the program itself runs it.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// What the sandbox accepts; known to `run.py` too.
const SECRET_KEY: &str = "sk_test_counteroffer_bench";

/// What `run.py` asks for.
#[derive(Deserialize)]
#[serde(tag = "do", rename_all = "snake_case", deny_unknown_fields)]
enum Command {
    /// Make subscribers in the sandbox; answers their customer and subscription ids.
    Seed { count: usize },
    /// The snapshot of a subscription, as the store keeps it.
    Snapshot { subscription: String },
    /// Let Stripe answer after so many milliseconds, or not at all.
    Stripe { latency: u64, up: bool },
    /// Begin sessions.
    Begin { begins: Begins, run: Run },
    /// Accept an offer in each of the sessions that the last `begin` with `keep` began.
    Accept {
        run: Run,
        /// Whether a budget is too small for all.
        #[serde(default)]
        scarce: bool,
    },
}

#[tokio::main(flavor = "current_thread")]
async fn main() {
    let sandbox = Sandbox::start(SandboxConfig {
        addr: "127.0.0.1:0".parse().unwrap(),
        secret_key: SecretString::from(SECRET_KEY),
        webhook_secret: SecretString::from("whsec_counteroffer_bench"),
        webhook_url: None,
        clock: SandboxClock::Running { start: Clock::System.now() },
    })
    .await
    .unwrap();
    println!("{}", json!({"sandbox": sandbox.url().as_str()}));
    let mut begun = Vec::new();
    for line in std::io::stdin().lock().lines() {
        let answer = match serde_json::from_str(&line.unwrap()).unwrap() {
            Command::Seed { count } => seed(&sandbox, count),
            Command::Snapshot { subscription } => snapshot(&sandbox, &subscription).await,
            Command::Stripe { latency, up } => {
                sandbox.answer_after(Duration::from_millis(latency));
                if up {
                    sandbox.start_again().await.unwrap()
                } else {
                    sandbox.stop().await
                }
                json!({"latency": latency, "up": up})
            }
            Command::Begin { begins, run } => {
                let outcome = run.drive(begins.requests()).await;
                begun = begins.kept(&outcome);
                outcome.report()
            }
            Command::Accept { run, scarce } => {
                let sessions = std::mem::take(&mut begun);
                let outcome = run.drive(accepts(sessions, scarce)).await;
                sandbox.clear_calls();
                outcome.report()
            }
        };
        println!("{answer}");
    }
    sandbox.stop().await;
}

fn seed(sandbox: &Sandbox, count: usize) -> Value {
    let price = sandbox.seed_price("Pro", 4900, "usd", "month").unwrap();
    let subscribers = (0..count).map(|_| {
        let customer = sandbox.seed_customer("subscriber@example.com").unwrap();
        let subscription = sandbox.seed_subscription(&customer, &price).unwrap();
        json!([customer, subscription])
    });
    let subscribers: Vec<_> = subscribers.collect();
    // Events nobody will be told of, and calls nobody will look at.
    drop(sandbox.take_webhooks());
    sandbox.clear_calls();
    json!(subscribers)
}

async fn snapshot(sandbox: &Sandbox, subscription: &str) -> Value {
    let options = StripeOptions::new(sandbox.url(), SecretString::from(SECRET_KEY));
    let gateway = Gateway::new(&options).unwrap();
    let found = gateway.subscription(&subscription.parse().unwrap()).await.unwrap();
    serde_json::to_value(found.unwrap()).unwrap()
}
