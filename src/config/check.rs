//! What the types cannot say: ranges, and keys that need each other.

use std::fmt::Display;
use std::ops::RangeInclusive;

use secrecy::ExposeSecret;

use super::{Config, ConfigError, KeyProblem, TokenAlgorithm};

/// The shortest HS256 secret, in bytes: the length of the hash (RFC 7518, 3.2).
const MIN_SECRET: usize = 32;

struct Problems(Vec<KeyProblem>);

impl Problems {
    fn unless(&mut self, good: bool, key: &str, detail: impl Into<String>) {
        if !good {
            self.0.push(KeyProblem { key: key.to_owned(), detail: detail.into() });
        }
    }

    fn range<T: PartialOrd + Display>(&mut self, key: &str, value: &T, allowed: RangeInclusive<T>) {
        let detail = format!("{value} is not allowed; give {} to {}", allowed.start(), allowed.end());
        self.unless(allowed.contains(value), key, detail);
    }
}

impl Config {
    /// Finds everything that is wrong, not just the first.
    pub(super) fn check(&self) -> Result<(), ConfigError> {
        let mut problems = Problems(Vec::new());
        self.check_server(&mut problems);
        self.check_outside(&mut problems);
        self.check_auth(&mut problems);
        self.check_work(&mut problems);
        if problems.0.is_empty() { Ok(()) } else { Err(ConfigError(problems.0)) }
    }

    fn check_server(&self, problems: &mut Problems) {
        let server = &self.server;
        problems.range("server.workers", &server.workers, 0..=256);
        problems.range("server.body_limit_bytes", &server.body_limit_bytes, 1024..=16_777_216);
        problems.range("server.body_timeout_seconds", &server.body_timeout_seconds, 1..=300);
        problems.range("server.request_timeout_seconds", &server.request_timeout_seconds, 1..=300);
        problems.range("server.shutdown_grace_seconds", &server.shutdown_grace_seconds, 0..=300);
        problems.unless(
            is_web(&server.public_url),
            "server.public_url",
            "give an http:// or https:// address",
        );
        for origin in &server.cors_origins {
            let good = origin == "*"
                || url::Url::parse(origin)
                    .is_ok_and(|url| is_web(&url) && url.origin().ascii_serialization() == *origin);
            let detail = format!("`{origin}` is not an origin; give `https://app.example.com` or `*`");
            problems.unless(good, "server.cors_origins", detail);
        }
        for network in &server.trusted_proxies {
            let detail = format!("`{network}` is neither an address nor a network such as `10.0.0.0/8`");
            problems.unless(is_network(network), "server.trusted_proxies", detail);
        }
    }

    fn check_outside(&self, problems: &mut Problems) {
        let url = self.database.url.expose_secret();
        let known = ["sqlite:", "postgres://", "postgresql://"].iter().any(|scheme| url.starts_with(scheme));
        problems.unless(known, "database.url", "give `sqlite:PATH` or `postgres://…`");
        problems.range("database.writers", &self.database.writers, 1..=16);
        problems.range("database.readers", &self.database.readers, 1..=128);
        problems.range("database.queue", &self.database.queue, 16..=100_000);
        problems.unless(
            is_web(&self.stripe.api_base),
            "stripe.api_base",
            "give an http:// or https:// address",
        );
        problems.range("stripe.attempt_timeout_ms", &self.stripe.attempt_timeout_ms, 100..=60_000);
        problems.range("stripe.deadline_ms", &self.stripe.deadline_ms, 100..=300_000);
        let stripe = &self.stripe;
        problems.range("stripe.requests_per_second", &stripe.requests_per_second, 0..=10_000);
        problems.range("stripe.requests_per_endpoint", &stripe.requests_per_endpoint, 1..=10_000);
        problems.range("stripe.reserved_percent", &stripe.reserved_percent, 0..=90);
        problems.range("stripe.writes_per_subscription", &stripe.writes_per_subscription, 1..=10_000);
    }

    fn check_auth(&self, problems: &mut Problems) {
        let auth = &self.auth;
        problems.unless(!auth.issuer.is_empty(), "auth.issuer", "must not be empty");
        problems.unless(
            !auth.algorithms.is_empty(),
            "auth.algorithms",
            "give at least one of HS256, ES256, EdDSA, RS256",
        );
        problems.range("auth.max_token_age_seconds", &auth.max_token_age_seconds, 60..=900);
        problems.range("auth.leeway_seconds", &auth.leeway_seconds, 0..=60);
        let long = auth.hs256_secret.as_ref().is_none_or(|secret| secret.expose_secret().len() >= MIN_SECRET);
        problems.unless(long, "auth.hs256_secret", format!("is too short; give at least {MIN_SECRET} bytes"));
        let asymmetric = auth.algorithms.iter().any(|algorithm| *algorithm != TokenAlgorithm::HS256);
        let detail =
            "is needed for ES256, EdDSA and RS256; name a file, or leave them out of auth.algorithms";
        problems.unless(!asymmetric || auth.jwks_file.is_some(), "auth.jwks_file", detail);
    }

    fn check_work(&self, problems: &mut Problems) {
        problems.range("sessions.ttl_hours", &self.sessions.ttl_hours, 1..=720);
        problems.range(
            "sessions.snapshot_max_age_seconds",
            &self.sessions.snapshot_max_age_seconds,
            0..=86_400,
        );
        let stale = &self.sessions.snapshot_max_stale_hours;
        problems.range("sessions.snapshot_max_stale_hours", stale, 0..=720);
        problems.range("sessions.snapshot_deadline_ms", &self.sessions.snapshot_deadline_ms, 50..=10_000);
        problems.range("sessions.accept_deadline_ms", &self.sessions.accept_deadline_ms, 0..=10_000);
        problems.range("rate_limit.per_second", &self.rate_limit.per_second, 1..=100_000);
        problems.range("rate_limit.burst", &self.rate_limit.burst, 1..=100_000);
        problems.range("worker.poll_ms", &self.worker.poll_ms, 10..=60_000);
        problems.range("worker.lease_seconds", &self.worker.lease_seconds, 5..=600);
        // A lease that runs out during one call would let a second process work on the same operation.
        let outlasts = u64::from(self.worker.lease_seconds) * 1000 > self.stripe.deadline_ms;
        let detail =
            "give more than `stripe.deadline_ms`, so that no operation is taken over in the middle of a call";
        problems.unless(outlasts, "worker.lease_seconds", detail);
        problems.range("worker.concurrency", &self.worker.concurrency, 1..=64);
        problems.range("events.retention_days", &self.events.retention_days, 1..=3650);
        problems.range("reconcile.every_hours", &self.reconcile.every_hours, 0..=168);
        problems.range("reconcile.per_second", &self.reconcile.per_second, 1..=50);
        let filter = self.log.filter.parse::<tracing_subscriber::EnvFilter>();
        problems.unless(
            filter.is_ok(),
            "log.filter",
            "give levels such as `info` or `info,counteroffer=debug`",
        );
    }
}

fn is_web(url: &url::Url) -> bool {
    matches!(url.scheme(), "http" | "https") && url.has_host()
}

fn is_network(text: &str) -> bool {
    let (address, bits) = text.split_once('/').map_or((text, None), |(address, bits)| (address, Some(bits)));
    let Ok(address) = address.parse::<std::net::IpAddr>() else {
        return false;
    };
    let most: u8 = if address.is_ipv4() { 32 } else { 128 };
    bits.is_none_or(|bits| bits.parse::<u8>().is_ok_and(|bits| bits <= most))
}
