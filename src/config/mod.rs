//! Configuration: one documented file of defaults, an optional file, the environment, in that order.
//!
//! Here live the typed [`Config`] and the errors that name a bad key. `default.toml` beside this file is both the
//! reference and the default itself. Nothing here starts anything or looks at the network.

mod check;
mod layers;
mod names;
mod reference;
mod sections;

use std::fmt;
use std::path::Path;

use serde::Deserialize;

pub use reference::{Reference, reference, reference_markdown};
pub use sections::{
    Auth, Database, Events, Evidence, Log, LogFormat, Metrics, RateLimit, Reconcile, Server, Sessions,
    Stripe, TokenAlgorithm, Worker,
};

/// The file of defaults, with a comment for every key.
pub const DEFAULT: &str = include_str!("default.toml");

/// Everything that can be configured.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// The HTTP server.
    pub server: Server,
    /// Where data is kept.
    pub database: Database,
    /// Stripe.
    pub stripe: Stripe,
    /// Customer tokens.
    pub auth: Auth,
    /// Sessions.
    pub sessions: Sessions,
    /// The rate limit per caller.
    pub rate_limit: RateLimit,
    /// The worker that carries out billing operations.
    pub worker: Worker,
    /// Events for the app.
    pub events: Events,
    /// The evidence of sessions.
    pub evidence: Evidence,
    /// The comparison with Stripe.
    pub reconcile: Reconcile,
    /// Logging.
    pub log: Log,
    /// Metrics.
    pub metrics: Metrics,
}

impl Config {
    /// Reads the defaults, then `file` if there is one, then `environment` (names and values, as from
    /// [`std::env::vars`]).
    ///
    /// # Errors
    /// Names every key that is unknown, or the values that are not allowed and what is.
    pub fn load(
        file: Option<&Path>,
        environment: impl IntoIterator<Item = (String, String)>,
    ) -> Result<Self, ConfigError> {
        let config: Self = layers::read(file, environment)?;
        config.check()?;
        Ok(config)
    }
}

/// One key whose value is not allowed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeyProblem {
    /// The key (`server.workers`) or the environment variable.
    pub key: String,
    /// What is wrong and what is allowed; never the value of a secret.
    pub detail: String,
}

/// A configuration that cannot be used.
#[derive(Debug, PartialEq, Eq)]
pub struct ConfigError(Vec<KeyProblem>);

impl ConfigError {
    pub(crate) fn one(key: impl Into<String>, detail: impl Into<String>) -> Self {
        Self(vec![KeyProblem { key: key.into(), detail: detail.into() }])
    }

    /// Every problem found.
    #[must_use]
    pub fn problems(&self) -> &[KeyProblem] {
        &self.0
    }
}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the configuration cannot be used:")?;
        for problem in &self.0 {
            write!(f, "\n  {}: {}", problem.key, problem.detail)?;
        }
        Ok(())
    }
}

impl std::error::Error for ConfigError {}
