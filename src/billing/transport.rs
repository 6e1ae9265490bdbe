//! How a request reaches Stripe: one pooled client, a deadline per attempt and in all, retries that keep the caller's
//! idempotency key, and the Request-Id of every answer.

use std::time::Duration;

use backon::{BackoffBuilder, ExponentialBuilder};
use bytes::Bytes;
use reqwest::header::{AUTHORIZATION, HeaderMap, HeaderName, HeaderValue};
use reqwest::{Client, Method};
use secrecy::{ExposeSecret, SecretString};
use stripe_client_core::{
    CustomizedStripeRequest, RequestBuilder, RequestStrategy, StripeClient, StripeMethod, VERSION,
};
use tokio::time::Instant;
use url::Url;

use super::answer::{self, Answer, Failure};
use super::error::StripeError;

/// Where Stripe is.
pub const API_BASE: &str = "https://api.stripe.com";

const STRIPE_VERSION: HeaderName = HeaderName::from_static("stripe-version");
const STRIPE_ACCOUNT: HeaderName = HeaderName::from_static("stripe-account");
const IDEMPOTENCY_KEY: HeaderName = HeaderName::from_static("idempotency-key");

/// How to reach Stripe, and how patiently.
#[derive(Clone, Debug)]
pub struct StripeOptions {
    /// Scheme and host, [`API_BASE`] or the sandbox.
    pub api_base: Url,
    /// The secret or restricted key, `sk_…` or `rk_…`.
    pub secret_key: SecretString,
    /// How long one attempt may take, from connecting to the last byte.
    pub attempt_timeout: Duration,
    /// How long a call may take, all attempts and waits together.
    pub total_deadline: Duration,
    /// How often a call is attempted, at least once.
    pub max_attempts: u32,
    /// The wait before the second attempt; it doubles from there, with up to as much again at random.
    pub first_delay: Duration,
    /// The longest wait between attempts, unless Stripe asks for more.
    pub max_delay: Duration,
}

impl StripeOptions {
    /// Options with the usual patience: 10 s an attempt, 25 s in all, three attempts.
    #[must_use]
    pub fn new(api_base: Url, secret_key: SecretString) -> Self {
        Self {
            api_base,
            secret_key,
            attempt_timeout: Duration::from_secs(10),
            total_deadline: Duration::from_secs(25),
            max_attempts: 3,
            first_delay: Duration::from_millis(250),
            max_delay: Duration::from_secs(5),
        }
    }
}

/// Why there can be no client with these options.
#[derive(Debug, thiserror::Error)]
pub enum InvalidOptions {
    /// The key is not one that Stripe makes.
    #[error(
        "the Stripe secret key must start with `sk_live_`, `sk_test_`, `rk_live_` or `rk_test_` and hold nothing but letters, digits and `_`"
    )]
    Key,
    /// The address is not one of a server.
    #[error("the Stripe address must be `https://` (or `http://`) and a host, without a query")]
    Address,
    /// TLS cannot be set up on this machine.
    #[error("the HTTP client cannot be set up: {0}")]
    Client(#[source] reqwest::Error),
}

/// Sends requests to Stripe. Cheap to clone; clones share the connections.
#[derive(Clone, Debug)]
pub struct Transport {
    client: Client,
    base: Box<str>,
    livemode: bool,
    attempt_timeout: Duration,
    total_deadline: Duration,
    delays: ExponentialBuilder,
    max_attempts: u32,
}

/// A request, ready to be sent as often as it takes.
struct Call {
    method: Method,
    path: String,
    url: String,
    body: Option<String>,
    key: Option<String>,
    account: Option<String>,
    attempt_timeout: Duration,
    max_attempts: u32,
}

impl Transport {
    /// A transport with its own pool of connections.
    ///
    /// # Errors
    /// When the options make no sense, or TLS cannot be set up.
    pub fn new(options: &StripeOptions) -> Result<Self, InvalidOptions> {
        let base = &options.api_base;
        if !matches!(base.scheme(), "http" | "https") || !base.has_host() || base.query().is_some() {
            return Err(InvalidOptions::Address);
        }
        let key = options.secret_key.expose_secret();
        let livemode = livemode(key).ok_or(InvalidOptions::Key)?;
        let mut bearer = HeaderValue::try_from(format!("Bearer {key}")).map_err(|_| InvalidOptions::Key)?;
        bearer.set_sensitive(true);
        let headers = HeaderMap::from_iter([
            (AUTHORIZATION, bearer),
            // The version whose types the crate was generated from.
            (STRIPE_VERSION, HeaderValue::try_from(VERSION.as_str()).map_err(|_| InvalidOptions::Key)?),
        ]);
        let client = Client::builder()
            .default_headers(headers)
            .user_agent(concat!("counteroffer/", env!("CARGO_PKG_VERSION")))
            .redirect(reqwest::redirect::Policy::none())
            .build()
            .map_err(InvalidOptions::Client)?;
        let delays = ExponentialBuilder::new()
            .with_min_delay(options.first_delay)
            .with_max_delay(options.max_delay)
            .without_max_times()
            .with_jitter();
        Ok(Self {
            client,
            base: base.as_str().trim_end_matches('/').into(),
            livemode,
            attempt_timeout: options.attempt_timeout,
            total_deadline: options.total_deadline,
            delays,
            max_attempts: options.max_attempts.max(1),
        })
    }

    /// Whether the key is one for live mode.
    #[must_use]
    pub fn livemode(&self) -> bool {
        self.livemode
    }

    /// Sends a request, again with the same key where that may help.
    pub(super) async fn exchange(
        &self,
        request: RequestBuilder,
        key: Option<String>,
    ) -> Result<Answer, StripeError> {
        let call = self.call(request, key);
        self.send(&call).await
    }

    fn call(&self, request: RequestBuilder, key: Option<String>) -> Call {
        let RequestBuilder { query, body, path, method } = request;
        let (method, query, body) = match method {
            StripeMethod::Get => (Method::GET, query, None),
            StripeMethod::Post => (Method::POST, query, body),
            // In the body, though Stripe's own libraries use the query: what subscribers write has no place in URLs.
            StripeMethod::Delete => (Method::DELETE, query, body),
        };
        let base = &self.base;
        let url = match query.filter(|query| !query.is_empty()) {
            Some(query) => format!("{base}/v1{path}?{query}"),
            None => format!("{base}/v1{path}"),
        };
        // Without a key a second POST could act a second time.
        let once = method == Method::POST && key.is_none();
        let max_attempts = if once { 1 } else { self.max_attempts };
        let attempt_timeout = self.attempt_timeout;
        Call { method, path, url, body, key, account: None, attempt_timeout, max_attempts }
    }

    async fn send(&self, call: &Call) -> Result<Answer, StripeError> {
        let deadline = Instant::now() + self.total_deadline;
        let mut delays = self.delays.build();
        let mut attempt = 0;
        loop {
            attempt += 1;
            let timeout = call.attempt_timeout.min(deadline.saturating_duration_since(Instant::now()));
            let failure = match self.attempt(call, attempt, timeout).await {
                Ok(answer) => return Ok(answer),
                Err(failure) => failure,
            };
            let asked = failure.error.retry_after.unwrap_or_default();
            let wait = delays.next().unwrap_or_default().max(asked);
            let may = failure.retriable && attempt < call.max_attempts;
            // When Stripe asks for more patience than there is, the caller's schedule takes over.
            if !may || Instant::now() + wait >= deadline {
                return Err(failure.error);
            }
            tokio::time::sleep(wait).await;
        }
    }

    async fn attempt(&self, call: &Call, attempt: u32, timeout: Duration) -> Result<Answer, Failure> {
        let started = Instant::now();
        let outcome = self.round_trip(call, timeout).await;
        let (status, code, request_id) = match &outcome {
            Ok(answer) => (Some(answer.status), None, answer.request_id.as_deref()),
            Err(Failure { error, .. }) => {
                (error.status, Some(error.code.as_str()), error.request_id.as_deref())
            }
        };
        let elapsed_ms = started.elapsed().as_millis();
        let Call { method, path, .. } = call;
        if outcome.is_ok() {
            tracing::debug!(%method, path, status, request_id, attempt, elapsed_ms, "Stripe answered");
        } else {
            tracing::warn!(%method, path, status, code, request_id, attempt, elapsed_ms, "Stripe call failed");
        }
        outcome
    }

    async fn round_trip(&self, call: &Call, timeout: Duration) -> Result<Answer, Failure> {
        let mut request = self.client.request(call.method.clone(), &call.url).timeout(timeout);
        if let Some(body) = &call.body {
            let form = HeaderValue::from_static("application/x-www-form-urlencoded");
            request = request.header(reqwest::header::CONTENT_TYPE, form).body(body.clone());
        } else if call.method == Method::POST {
            // Some servers answer 411 to a POST that does not say how long it is.
            request = request.body("");
        }
        if let Some(key) = &call.key {
            request = request.header(IDEMPOTENCY_KEY, key);
        }
        if let Some(account) = &call.account {
            request = request.header(STRIPE_ACCOUNT, account);
        }
        let response = request.send().await.map_err(answer::unreached)?;
        let status = response.status().as_u16();
        let headers = response.headers().clone();
        let body = response.bytes().await.map_err(answer::unreached)?;
        answer::read(status, &headers, body)
    }
}

impl StripeClient for Transport {
    type Err = StripeError;

    async fn execute(&self, request: CustomizedStripeRequest) -> Result<Bytes, StripeError> {
        let (request, overrides) = request.into_pieces();
        let strategy = overrides.request_strategy;
        let key = strategy.as_ref().and_then(RequestStrategy::get_key).map(|key| key.as_str().to_owned());
        let mut call = self.call(request, key);
        call.account = overrides.account_id.map(|id| id.as_str().to_owned());
        call.attempt_timeout = overrides.timeout.unwrap_or(call.attempt_timeout);
        if matches!(strategy, Some(RequestStrategy::Once)) {
            call.max_attempts = 1;
        }
        Ok(self.send(&call).await?.body)
    }
}

/// The mode that a key is for; none when it is no key.
fn livemode(key: &str) -> Option<bool> {
    let (kind, rest) = key.split_once('_')?;
    let (mode, rest) = rest.split_once('_')?;
    let plain = !rest.is_empty() && rest.chars().all(|c| c.is_ascii_alphanumeric() || c == '_');
    match (kind, mode) {
        ("sk" | "rk", "live") if plain => Some(true),
        ("sk" | "rk", "test") if plain => Some(false),
        _ => None,
    }
}
