//! The shell around the handlers, with a few routes of its own to look through.

mod bodies;
mod callers;
mod configuration;
mod edges;
mod pages;
mod tokens;

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use crate::support::client::client;
use actix_web::{HttpResponse, web};
use counteroffer::clock::Clock;
use counteroffer::config::Config;
use counteroffer::domain::ids::ApiKeyId;
use counteroffer::http::auth::permission::{
    Analyst, Customer, CustomerOrOps, CustomerOrServer, Operator, ServerOrAnalyst, ServerOrOperator,
};
use counteroffer::http::body::{Body, OptionalBody};
use counteroffer::http::idempotency::Idempotency;
use counteroffer::http::metrics::Metrics;
use counteroffer::http::pages::health::Readiness;
use counteroffer::http::query::Query;
use counteroffer::http::{Shell, server};
use counteroffer::services::error::Cause;
use counteroffer::services::keys::{self, KnownKey, Role};
use jiff::Timestamp;
use jsonwebtoken::{Algorithm, EncodingKey, Header};
use secrecy::ExposeSecret;
use serde::Deserialize;
use serde_json::{Value, json};
use tokio::sync::Semaphore;
use validator::Validate;

const SECRET: &str = "0123456789abcdef0123456789abcdef";
/// The clock of every test stands here.
const NOW: i64 = 1_800_000_000;

#[derive(Debug, Default, Deserialize, Validate)]
#[serde(deny_unknown_fields)]
struct Inner {
    #[validate(length(max = 5))]
    text: String,
}

#[derive(Debug, Default, Deserialize, Validate)]
#[serde(deny_unknown_fields)]
struct Probe {
    #[validate(range(min = 1, max = 10))]
    count: u32,
    #[validate(nested)]
    #[serde(default)]
    items: Vec<Inner>,
}

async fn customer(caller: Customer) -> HttpResponse {
    let attributes: Vec<_> = caller.0.attributes.keys().collect();
    HttpResponse::Ok().json(json!({
        "customer": caller.0.customer, "subscription": caller.0.subscription, "attributes": attributes
    }))
}

/// Holds requests inside a handler until the test lets them go on.
struct Gate {
    entered: Semaphore,
    open: Semaphore,
}

impl Default for Gate {
    fn default() -> Self {
        Self { entered: Semaphore::new(0), open: Semaphore::new(0) }
    }
}

impl Gate {
    /// Waits until so many have come.
    async fn has(&self, count: u32) {
        self.entered.acquire_many(count).await.unwrap().forget();
    }

    /// Lets so many go on.
    fn lets(&self, count: usize) {
        self.open.add_permits(count);
    }
}

async fn keyed(_: Customer, key: Idempotency, gate: web::Data<Gate>) -> HttpResponse {
    gate.entered.add_permits(1);
    gate.open.acquire().await.unwrap().forget();
    HttpResponse::Ok().json(key.key().map(|key| hex::encode(key.fingerprint)))
}

fn probes(config: &mut web::ServiceConfig) {
    config
        .route("/v1/probe/customer", web::get().to(customer))
        .route("/v1/probe/customer_or_server", web::get().to(async |_: CustomerOrServer| "ok"))
        .route("/v1/probe/customer_or_ops", web::get().to(async |_: CustomerOrOps| "ok"))
        .route("/v1/probe/analyst", web::get().to(async |_: Analyst| "ok"))
        .route("/v1/probe/operator", web::get().to(async |_: Operator| "ok"))
        .route("/v1/probe/server_or_analyst", web::get().to(async |_: ServerOrAnalyst| "ok"))
        .route("/v1/probe/server_or_operator", web::get().to(async |_: ServerOrOperator| "ok"))
        .route("/v1/probe/keyed", web::post().to(keyed))
        .route("/probe/body", web::post().to(async |body: Body<Probe>| body.0.count.to_string()))
        .route("/probe/optional", web::post().to(async |body: OptionalBody<Probe>| body.0.count.to_string()))
        .route("/probe/query", web::get().to(async |query: Query<Probe>| query.0.count.to_string()))
        .route("/probe/panic", web::get().to(panics))
        .route("/probe/slow", web::get().to(slow));
}

async fn panics() -> HttpResponse {
    panic!("as asked")
}

async fn slow() -> HttpResponse {
    tokio::time::sleep(Duration::from_secs(20)).await;
    HttpResponse::Ok().finish()
}

/// A running server with its keys.
struct Running {
    address: SocketAddr,
    client: reqwest::Client,
    /// One key per role.
    keys: Vec<(Role, String)>,
    stop: Option<tokio::sync::oneshot::Sender<()>>,
    /// For `/v1/probe/keyed`.
    gate: web::Data<Gate>,
}

fn config(settings: &[(&str, &str)]) -> Config {
    let base = [("SERVER__LISTEN", "127.0.0.1:0"), ("SERVER__WORKERS", "1"), ("AUTH__HS256_SECRET", SECRET)];
    let all = base.iter().chain(settings);
    Config::load(None, all.map(|(name, value)| (format!("COUNTEROFFER_{name}"), (*value).to_owned())))
        .unwrap()
}

fn clock() -> Clock {
    Clock::manual(Timestamp::from_second(NOW).unwrap())
}

impl Running {
    fn start(settings: &[(&str, &str)]) -> Self {
        let made: Vec<_> = [Role::Server, Role::Analyst, Role::Operator, Role::Admin]
            .into_iter()
            .map(|role| (role, keys::generate(), ApiKeyId::generate(clock().now())))
            .collect();
        let known: Vec<_> =
            made.iter().map(|(role, (_, hash), id)| (*hash, KnownKey { id: *id, role: *role })).collect();
        let find = move |hash| {
            let found = known.iter().find(|(stored, _)| *stored == hash).map(|(_, key)| key.clone());
            let answer: futures_util::future::BoxFuture<'static, Result<_, Cause>> =
                Box::pin(async move { Ok(found) });
            answer
        };
        let failing = settings.iter().any(|(name, _)| *name == "LOG__FILTER");
        let ready = Readiness::default().with(
            "store",
            Box::new(move || {
                Box::pin(async move { if failing { Err(Cause::new("secret cause")) } else { Ok(()) } })
            }),
        );
        let shell =
            Shell::new(Arc::new(config(settings)), clock(), Metrics::new(|_| {}), Box::new(find), ready)
                .unwrap();
        let gate = web::Data::new(Gate::default());
        let for_server = gate.clone();
        let install = move |config: &mut web::ServiceConfig| probes(config.app_data(for_server.clone()));
        let server = server(shell, install).unwrap();
        let address = server.address();
        let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
        tokio::spawn(server.run_until(async move {
            let _ = stopped.await;
        }));
        let keys =
            made.into_iter().map(|(role, (key, _), _)| (role, key.expose_secret().to_owned())).collect();
        Self { address, client: client(), keys, stop: Some(stop), gate }
    }

    fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    fn get(&self, path: &str) -> reqwest::RequestBuilder {
        self.client.get(self.url(path))
    }

    fn post(&self, path: &str) -> reqwest::RequestBuilder {
        self.client.post(self.url(path))
    }

    fn key(&self, role: Role) -> &str {
        &self.keys.iter().find(|(had, _)| *had == role).unwrap().1
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        if let Some(stop) = self.stop.take() {
            let _ = stop.send(());
        }
    }
}

fn claims() -> Value {
    json!({"aud": "counteroffer", "iss": "app", "sub": "user-1", "exp": NOW + 600, "iat": NOW, "jti": "t-1"})
}

fn sign(claims: &Value) -> String {
    let key = EncodingKey::from_secret(SECRET.as_bytes());
    jsonwebtoken::encode(&Header::new(Algorithm::HS256), claims, &key).unwrap()
}

/// Checks that the answer is a problem with this status and code, and gives its body.
async fn problem(response: reqwest::Response, status: u16, code: &str) -> Value {
    assert_eq!(response.status().as_u16(), status);
    let headers = response.headers().clone();
    assert_eq!(headers["content-type"], "application/problem+json");
    let body: Value = response.json().await.unwrap();
    assert_eq!(body["code"], code, "{body}");
    assert_eq!(body["status"], status);
    assert_eq!(body["type"], format!("urn:counteroffer:problem:{code}"));
    assert_eq!(body["request_id"].as_str().unwrap(), headers["x-request-id"].to_str().unwrap());
    body
}
