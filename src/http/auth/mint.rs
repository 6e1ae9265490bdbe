//! Mints customer tokens, as the app's back end does; for the command line, the demo and tests.

use jiff::Timestamp;
use jsonwebtoken::{Algorithm, EncodingKey, Header, encode};
use secrecy::ExposeSecret;
use serde::Serialize;

use super::claims::AUDIENCE;
use crate::config::Auth;
use crate::domain::ids::{CustomerId, SessionId, SubscriptionId};

/// Why a token cannot be minted.
#[derive(Debug, thiserror::Error)]
pub enum MintError {
    /// There is nothing to sign with.
    #[error("auth.hs256_secret is not set, and tokens of other algorithms are signed by the app's own key")]
    NoSecret,
    /// Signing failed.
    #[error("the token cannot be signed: {0}")]
    Signing(#[from] jsonwebtoken::errors::Error),
}

#[derive(Serialize)]
struct NewClaims<'a> {
    aud: &'static str,
    iss: &'a str,
    sub: &'a str,
    iat: i64,
    exp: i64,
    jti: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    subscription: Option<&'a str>,
}

/// Mints a token for `customer`, good for `ttl` seconds from `now`, signed with the shared secret.
///
/// # Errors
/// When no shared secret is configured.
pub fn mint(
    rules: &Auth,
    customer: &CustomerId,
    subscription: Option<&SubscriptionId>,
    ttl: u32,
    now: Timestamp,
) -> Result<String, MintError> {
    let secret = rules.hs256_secret.as_ref().ok_or(MintError::NoSecret)?;
    let claims = NewClaims {
        aud: AUDIENCE,
        iss: &rules.issuer,
        sub: customer.as_str(),
        iat: now.as_second(),
        exp: now.as_second() + i64::from(ttl),
        jti: SessionId::generate(now).to_string(),
        subscription: subscription.map(SubscriptionId::as_str),
    };
    let key = EncodingKey::from_secret(secret.expose_secret().as_bytes());
    Ok(encode(&Header::new(Algorithm::HS256), &claims, &key)?)
}
