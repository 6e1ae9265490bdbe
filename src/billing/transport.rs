//! How a request reaches Stripe: one pooled client, a deadline per attempt and in all, retries that keep the caller's
//! idempotency key, and the Request-Id of every answer; within our own limits, and not while Stripe is known to be away.

use std::sync::Arc;
use std::time::Duration;

use backon::{BackoffBuilder, ExponentialBuilder};
use bytes::Bytes;
use governor::clock::DefaultClock;
use prometheus_client::registry::Registry;
use reqwest::header::{AUTHORIZATION, HeaderMap, HeaderName, HeaderValue};
use reqwest::{Client, Method};
use secrecy::ExposeSecret;
use stripe_client_core::{
    CustomizedStripeRequest, RequestBuilder, RequestStrategy, StripeClient, StripeMethod, VERSION,
};
use tokio::time::Instant;

use super::answer::{self, Answer, Failure};
use super::breaker::BreakerState;
use super::endpoint;
use super::error::StripeError;
use super::fuse::{Fuse, Permit};
use super::limit::{LaneTurn, Limiter, NoRoom, Urgency};
use super::measure::Measures;
use super::options::{InvalidOptions, StripeOptions, livemode};
use crate::domain::ids::SubscriptionId;

const STRIPE_VERSION: HeaderName = HeaderName::from_static("stripe-version");
const STRIPE_ACCOUNT: HeaderName = HeaderName::from_static("stripe-account");
const IDEMPOTENCY_KEY: HeaderName = HeaderName::from_static("idempotency-key");

/// Sends requests to Stripe. Cheap to clone; clones share the connections, the limits and the circuit breaker.
#[derive(Clone, Debug)]
pub struct Transport {
    client: Client,
    shared: Arc<Shared>,
    urgency: Urgency,
    /// The subscription that writes are about.
    lane: Option<SubscriptionId>,
    base: Box<str>,
    livemode: bool,
    restricted: bool,
    attempt_timeout: Duration,
    total_deadline: Duration,
    delays: ExponentialBuilder,
    max_attempts: u32,
}

/// What there is one of for an account.
#[derive(Debug)]
struct Shared {
    limiter: Limiter,
    fuse: Fuse,
    measures: Measures,
}

/// A request, ready to be sent as often as it takes.
struct Call {
    method: Method,
    path: String,
    endpoint: String,
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
        let mut client = Client::builder()
            .default_headers(headers)
            .user_agent(concat!("counteroffer/", env!("CARGO_PKG_VERSION")))
            .redirect(reqwest::redirect::Policy::none());
        if base.scheme() == "http" {
            // To read the system's certificates takes longer than all else that a start does.
            client = client.tls_certs_only([]);
        }
        let client = client.build().map_err(InvalidOptions::Client)?;
        let delays = ExponentialBuilder::new()
            .with_min_delay(options.first_delay)
            .with_max_delay(options.max_delay)
            .without_max_times()
            .with_jitter();
        let measures = Measures::default();
        let limiter = Limiter::new(&options.limits, livemode, DefaultClock::default());
        let fuse = Fuse::new(options.clock.clone(), measures.clone());
        Ok(Self {
            client,
            shared: Arc::new(Shared { limiter, fuse, measures }),
            urgency: Urgency::Interactive,
            lane: None,
            base: base.as_str().trim_end_matches('/').into(),
            livemode,
            restricted: key.starts_with("rk_"),
            attempt_timeout: options.attempt_timeout,
            total_deadline: options.total_deadline,
            delays,
            max_attempts: options.max_attempts.max(1),
        })
    }

    /// Whether the key is a restricted one, which may lack permissions.
    pub(super) fn restricted(&self) -> bool {
        self.restricted
    }

    /// Whether the key is one for live mode.
    #[must_use]
    pub fn livemode(&self) -> bool {
        self.livemode
    }

    /// The same for work that nobody waits for: it leaves part of the limits free.
    #[must_use]
    pub(super) fn in_background(&self) -> Self {
        Self { urgency: Urgency::Background, ..self.clone() }
    }

    /// The same for work on this subscription: no two of its writes at once, and not too often.
    #[must_use]
    pub(super) fn on(&self, subscription: &SubscriptionId) -> Self {
        Self { lane: Some(subscription.clone()), ..self.clone() }
    }

    /// Whether calls go through now.
    pub(super) fn breaker(&self) -> BreakerState {
        self.shared.fuse.state()
    }

    /// Names what is measured in a registry.
    pub(super) fn register(&self, registry: &mut Registry) {
        self.shared.measures.register(registry);
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
        let endpoint = format!("{method} {}", endpoint::template(&path));
        Call { method, path, endpoint, url, body, key, account: None, attempt_timeout, max_attempts }
    }

    async fn send(&self, call: &Call) -> Result<Answer, StripeError> {
        let deadline = Instant::now() + self.total_deadline;
        let mut delays = self.delays.build();
        let turn = self.turn(call, deadline).await?;
        let mut attempt = 0;
        loop {
            attempt += 1;
            let permit = self.admitted(call, turn.as_ref(), deadline).await?;
            let timeout = call.attempt_timeout.min(deadline.saturating_duration_since(Instant::now()));
            let failure = match self.attempt(call, attempt, timeout, permit).await {
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

    /// The turn of a write on its subscription.
    async fn turn(&self, call: &Call, deadline: Instant) -> Result<Option<LaneTurn>, StripeError> {
        match &self.lane {
            Some(subscription) if call.method != Method::GET => {
                self.shared.limiter.turn(subscription, deadline).await.map(Some).map_err(no_room)
            }
            _ => Ok(None),
        }
    }

    /// Leave to make one attempt: Stripe is not known to be away, and our limits have room.
    async fn admitted(
        &self,
        call: &Call,
        turn: Option<&LaneTurn>,
        deadline: Instant,
    ) -> Result<Permit<'_>, StripeError> {
        let Shared { limiter, fuse, measures } = &*self.shared;
        // Nobody queues for a Stripe that is away.
        if fuse.state() != BreakerState::Open {
            let started = Instant::now();
            let passed = limiter.pass(&call.endpoint, turn, self.urgency, deadline).await;
            measures.waited(self.urgency, started.elapsed(), passed.is_ok());
            passed.map_err(no_room)?;
        }
        fuse.admit().map_err(|wait| {
            measures.refused();
            let why = "Stripe has not answered lately and is left alone for a moment";
            StripeError { retry_after: Some(wait), ..StripeError::unknown("stripe_unavailable", why) }
        })
    }

    async fn attempt(
        &self,
        call: &Call,
        attempt: u32,
        timeout: Duration,
        permit: Permit<'_>,
    ) -> Result<Answer, Failure> {
        let started = Instant::now();
        let outcome = self.round_trip(call, timeout).await;
        let failure = outcome.as_ref().err().map(|failure| &failure.error);
        permit.report(failure.is_none_or(StripeError::is_stripe_well));
        let word = failure.map_or("ok", StripeError::outcome);
        self.shared.measures.call(&call.endpoint, word, started.elapsed());
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

fn no_room(NoRoom(wait): NoRoom) -> StripeError {
    let why = "our own limit on calls to Stripe left no room before the deadline";
    StripeError { retry_after: Some(wait), ..StripeError::unknown("client_limit", why) }
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
