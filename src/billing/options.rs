//! How to reach Stripe, how patiently, and how gently.

use std::num::NonZeroU32;
use std::time::Duration;

use secrecy::SecretString;
use url::Url;

use crate::clock::Clock;

/// Where Stripe is.
pub const API_BASE: &str = "https://api.stripe.com";

/// How to reach Stripe, how patiently, and how gently.
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
    /// How often to call.
    pub limits: Limits,
    /// The time that the circuit breaker goes by.
    pub clock: Clock,
}

/// How often to call, under Stripe's own limits so that it has nothing to refuse.
///
/// Stripe allows an account 100 calls a second in live mode and 25 otherwise, and each endpoint (a method and a path,
/// whatever the ids in it) 25. Whatever else uses the account shares these, and so do several processes of ours.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Calls a second to the account on average; none is 80 in live mode and 20 otherwise.
    pub per_second: Option<NonZeroU32>,
    /// Calls a second to one endpoint on average; none is 20.
    pub per_endpoint: Option<NonZeroU32>,
    /// Percent of both that work in the background leaves to whoever waits for an answer, 0 to 90.
    pub reserved_percent: u32,
    /// Writes a second to one subscription on average.
    pub per_subscription: NonZeroU32,
}

impl Default for Limits {
    fn default() -> Self {
        let per_subscription = NonZeroU32::MIN.saturating_add(1);
        Self { per_second: None, per_endpoint: None, reserved_percent: 25, per_subscription }
    }
}

impl Limits {
    /// Calls a second to the account: four fifths of what Stripe allows, unless told otherwise.
    #[must_use]
    pub fn account(&self, livemode: bool) -> NonZeroU32 {
        let usual = NonZeroU32::new(if livemode { 80 } else { 20 }).unwrap_or(NonZeroU32::MIN);
        self.per_second.unwrap_or(usual)
    }

    /// Calls a second to one endpoint: four fifths of what Stripe allows, unless told otherwise.
    #[must_use]
    pub fn endpoint(&self) -> NonZeroU32 {
        self.per_endpoint.unwrap_or(NonZeroU32::new(20).unwrap_or(NonZeroU32::MIN))
    }
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
            limits: Limits::default(),
            clock: Clock::System,
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

/// The mode that a key is for; none when it is no key.
pub(super) fn livemode(key: &str) -> Option<bool> {
    let (kind, rest) = key.split_once('_')?;
    let (mode, rest) = rest.split_once('_')?;
    let plain = !rest.is_empty() && rest.chars().all(|c| c.is_ascii_alphanumeric() || c == '_');
    match (kind, mode) {
        ("sk" | "rk", "live") if plain => Some(true),
        ("sk" | "rk", "test") if plain => Some(false),
        _ => None,
    }
}
