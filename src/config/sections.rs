//! The sections of the configuration, as types. What each key means and allows is said in `default.toml`.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use secrecy::SecretString;
use serde::{Deserialize, Deserializer};
use url::Url;

use crate::domain::offer::Key;

/// The HTTP server.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Server {
    /// Address and port; port 0 takes a free one.
    pub listen: SocketAddr,
    /// Where callers reach this service.
    pub public_url: Url,
    /// Threads, 0 to 256; 0 is one per processor.
    pub workers: usize,
    /// Longest body, in bytes, 1024 to 16777216.
    pub body_limit_bytes: usize,
    /// Seconds to send a body in, 1 to 300.
    pub body_timeout_seconds: u64,
    /// Seconds for a whole request, 1 to 300.
    pub request_timeout_seconds: u64,
    /// Seconds for running requests at shutdown, 0 to 300.
    pub shutdown_grace_seconds: u64,
    /// Origins that may call from a browser; `*` is any.
    pub cors_origins: Vec<String>,
    /// Proxies whose X-Forwarded-For is believed: addresses, or networks as `10.0.0.0/8`.
    pub trusted_proxies: Vec<String>,
}

/// Where data is kept.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Database {
    /// `sqlite:PATH` or `postgres://…`, which may hold a password.
    pub url: SecretString,
    /// Writing connections on PostgreSQL, 1 to 16.
    pub writers: usize,
    /// Reading connections, 1 to 128.
    pub readers: usize,
    /// Writes that may wait, 16 to 100000.
    pub queue: usize,
    /// Whether `serve` runs pending migrations.
    pub migrate_on_start: bool,
}

/// Stripe.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Stripe {
    /// The secret key, if there is one.
    #[serde(deserialize_with = "unless_empty")]
    pub secret_key: Option<SecretString>,
    /// Signing secrets of the webhook endpoint; any of them will do.
    pub webhook_secrets: Vec<SecretString>,
    /// Where Stripe's API is.
    pub api_base: Url,
    /// Milliseconds for one call, 100 to 60000.
    pub attempt_timeout_ms: u64,
    /// Milliseconds for a call with its repetitions, 100 to 300000.
    pub deadline_ms: u64,
    /// Calls a second, 0 to 10000; 0 is four fifths of what Stripe allows.
    pub requests_per_second: u32,
    /// Calls a second to one endpoint, 1 to 10000.
    pub requests_per_endpoint: u32,
    /// Percent of both that the background leaves free, 0 to 90.
    pub reserved_percent: u32,
    /// Writes a second to one subscription, 1 to 10000.
    pub writes_per_subscription: u32,
}

/// How a customer token may be signed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Deserialize)]
pub enum TokenAlgorithm {
    /// HMAC with SHA-256 and a shared secret.
    HS256,
    /// ECDSA on P-256 with SHA-256.
    ES256,
    /// Ed25519.
    EdDSA,
    /// RSA PKCS#1 v1.5 with SHA-256.
    RS256,
}

/// Customer tokens.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Auth {
    /// The `iss` that tokens must carry.
    pub issuer: String,
    /// Algorithms that tokens may use.
    pub algorithms: Vec<TokenAlgorithm>,
    /// The shared secret for HS256, at least 32 bytes.
    #[serde(deserialize_with = "unless_empty")]
    pub hs256_secret: Option<SecretString>,
    /// A JWKS file with public keys.
    #[serde(deserialize_with = "unless_empty")]
    pub jwks_file: Option<PathBuf>,
    /// How far ahead `exp` may lie, in seconds, 60 to 900.
    pub max_token_age_seconds: u32,
    /// Tolerated difference of clocks, in seconds, 0 to 60.
    pub leeway_seconds: u32,
}

/// Sessions.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Sessions {
    /// Hours until an open session is abandoned, 1 to 720.
    pub ttl_hours: u32,
    /// Seconds for which a snapshot counts as fresh, 0 to 86400.
    pub snapshot_max_age_seconds: u32,
    /// Hours for which a snapshot serves while Stripe does not answer, 0 to 720.
    pub snapshot_max_stale_hours: u32,
    /// Milliseconds a session waits for Stripe's picture of the subscription, 50 to 10000.
    pub snapshot_deadline_ms: u64,
    /// Milliseconds an accept waits for Stripe, 0 to 10000.
    pub accept_deadline_ms: u64,
    /// The flow that sessions follow.
    pub flow: Key,
}

/// The rate limit per caller.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RateLimit {
    /// Requests per second on average, 1 to 100000.
    pub per_second: u32,
    /// Requests at once, 1 to 100000.
    pub burst: u32,
}

/// The worker that carries out billing operations.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Worker {
    /// Milliseconds between two looks for work, 10 to 60000.
    pub poll_ms: u64,
    /// Seconds for which a claim holds, 5 to 600.
    pub lease_seconds: u32,
    /// Operations worked on at once, 1 to 64.
    pub concurrency: usize,
}

/// Events for the app.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Events {
    /// Days for which events are kept, 1 to 3650.
    pub retention_days: u32,
}

/// The evidence of sessions.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Evidence {
    /// A PEM file with the private key that exports are signed with.
    #[serde(deserialize_with = "unless_empty")]
    pub signing_key_file: Option<PathBuf>,
    /// A JWKS file with the public keys of those that signed before.
    #[serde(deserialize_with = "unless_empty")]
    pub former_keys_file: Option<PathBuf>,
}

/// The comparison with Stripe.
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Reconcile {
    /// Hours from the beginning of one to that of the next, 0 to 168; 0 is never.
    pub every_hours: u32,
    /// Whether to repair what is safe.
    pub repair: bool,
    /// Subscriptions read per second, 1 to 50.
    pub per_second: u32,
}

/// How log lines look.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LogFormat {
    /// One JSON object a line.
    Json,
    /// For reading.
    Text,
}

/// Logging.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Log {
    /// How lines look.
    pub format: LogFormat,
    /// What is logged, in the syntax of `tracing_subscriber::EnvFilter`.
    pub filter: String,
}

/// Metrics.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Metrics {
    /// Whether /metrics is served.
    pub enabled: bool,
}

impl Server {
    /// How long a caller may take to send its body.
    #[must_use]
    pub fn body_timeout(&self) -> Duration {
        Duration::from_secs(self.body_timeout_seconds)
    }

    /// How long a request may take.
    #[must_use]
    pub fn request_timeout(&self) -> Duration {
        Duration::from_secs(self.request_timeout_seconds)
    }
}

fn unless_empty<'de, D: Deserializer<'de>, T: From<String>>(deserializer: D) -> Result<Option<T>, D::Error> {
    let text = String::deserialize(deserializer)?;
    Ok(if text.is_empty() { None } else { Some(T::from(text)) })
}
