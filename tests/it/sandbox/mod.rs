//! The sandbox as its users see it: over HTTP.
mod billing;
mod clock;
mod control;
mod discounts;
mod idempotency;
mod invoices;
mod pauses;
mod pending;
mod prices;
mod schedules;
mod shapes;
mod strictness;

use counteroffer::sandbox::{Sandbox, SandboxClock, SandboxConfig};
use reqwest::{Method, Response, StatusCode};
use serde_json::Value;
use std::sync::LazyLock;

const KEY: &str = "sk_test_sandbox";
const WEBHOOK_SECRET: &str = "whsec_sandbox";
/// One client for all tests, without idle connections: each test has a runtime of its own.
static CLIENT: LazyLock<reqwest::Client> =
    LazyLock::new(|| crate::support::client::builder().pool_max_idle_per_host(0).build().unwrap());
const DAY: i64 = 86_400;

/// A clock that stands at the start of 2026, and no address for webhooks.
fn config() -> SandboxConfig {
    SandboxConfig {
        addr: "127.0.0.1:0".parse().unwrap(),
        secret_key: KEY.into(),
        webhook_secret: WEBHOOK_SECRET.into(),
        webhook_url: None,
        clock: SandboxClock::Fixed("2026-01-01T00:00:00Z".parse().unwrap()),
    }
}

async fn sandbox() -> Sandbox {
    Sandbox::start(config()).await.unwrap()
}

/// An answer of the sandbox.
struct Answer {
    status: StatusCode,
    headers: reqwest::header::HeaderMap,
    body: Value,
}

impl Answer {
    async fn of(response: Response) -> Self {
        let (status, headers) = (response.status(), response.headers().clone());
        let text = response.text().await.unwrap();
        Self { status, headers, body: serde_json::from_str(&text).unwrap_or(Value::String(text)) }
    }

    fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(|value| value.to_str().unwrap())
    }

    fn id(&self) -> String {
        self.body["id"].as_str().unwrap().to_owned()
    }

    /// Status, code, param and message of a refusal.
    fn refusal(&self) -> (u16, &str, &str, &str) {
        let field = |name: &str| self.body["error"][name].as_str().unwrap_or("");
        (self.status.as_u16(), field("code"), field("param"), field("message"))
    }
}

/// Calls the sandbox with its key.
async fn call(sandbox: &Sandbox, method: Method, path: &str, params: &[(&str, &str)]) -> Answer {
    Answer::of(request(sandbox, method, path, params).send().await.unwrap()).await
}

fn request(
    sandbox: &Sandbox,
    method: Method,
    path: &str,
    params: &[(&str, &str)],
) -> reqwest::RequestBuilder {
    let url = sandbox.url().join(path).unwrap();
    let builder = CLIENT.request(method.clone(), url).bearer_auth(KEY);
    if method == Method::GET { builder.query(params) } else { builder.form(params) }
}

async fn get(sandbox: &Sandbox, path: &str, params: &[(&str, &str)]) -> Answer {
    call(sandbox, Method::GET, path, params).await
}

async fn post(sandbox: &Sandbox, path: &str, params: &[(&str, &str)]) -> Answer {
    call(sandbox, Method::POST, path, params).await
}

async fn delete(sandbox: &Sandbox, path: &str, params: &[(&str, &str)]) -> Answer {
    call(sandbox, Method::DELETE, path, params).await
}

/// A customer, a monthly price of 49.00 USD and a subscription to it.
struct Seeds {
    customer: String,
    price: String,
    subscription: String,
}

fn seeds(sandbox: &Sandbox) -> Seeds {
    let customer = sandbox.seed_customer("ada@example.com").unwrap();
    let price = sandbox.seed_price("Pro", 4_900, "usd", "month").unwrap();
    let subscription = sandbox.seed_subscription(&customer, &price).unwrap();
    Seeds { customer, price, subscription }
}

/// Takes the payment method away under a customer: every further charge fails, until it is replaced.
async fn declining(sandbox: &Sandbox, customer: &str) {
    pay_with(sandbox, customer, "pm_card_chargeCustomerFail").await;
}

async fn pay_with(sandbox: &Sandbox, customer: &str, method: &str) {
    let method = [("invoice_settings[default_payment_method]", method)];
    assert_eq!(post(sandbox, &format!("/v1/customers/{customer}"), &method).await.status, 200);
}

/// A call that must go well.
async fn ok(sandbox: &Sandbox, path: &str, params: &[(&str, &str)]) -> Value {
    let answer = post(sandbox, path, params).await;
    assert_eq!(answer.status, 200, "{path} {}", answer.body);
    answer.body
}

fn status(sandbox: &Sandbox, id: &str) -> String {
    sandbox.object(id).unwrap()["status"].as_str().unwrap().to_owned()
}

/// The latest invoice of a subscription.
fn latest(sandbox: &Sandbox, subscription: &str) -> Value {
    let id = sandbox.object(subscription).unwrap()["latest_invoice"].as_str().unwrap().to_owned();
    sandbox.object(&id).unwrap()
}

/// The names of the events so far, which are then forgotten.
fn names(sandbox: &Sandbox) -> Vec<String> {
    sandbox.take_webhooks().into_iter().map(|e| e.name).collect()
}

fn path_of(subscription: &str) -> String {
    format!("/v1/subscriptions/{subscription}")
}
