//! The names of environment variables.

/// With which the names of our own variables begin.
pub(super) const PREFIX: &str = "COUNTEROFFER_";

/// Variables that other programs know too, and what they set.
pub(super) const ALIASES: [(&str, &str); 3] = [
    ("DATABASE_URL", "database.url"),
    ("STRIPE_SECRET_KEY", "stripe.secret_key"),
    ("STRIPE_WEBHOOK_SECRET", "stripe.webhook_secrets"),
];

/// The environment variable of a key such as `server.listen`.
pub(super) fn variable(key: &str) -> String {
    format!("{PREFIX}{}", key.replace('.', "__").to_uppercase())
}
