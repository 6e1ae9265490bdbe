//! Who may call: customer tokens, API keys, and the permissions that handlers ask for.
//!
//! The edge establishes an [`Identity`] once per request; a handler names the permission it needs as an argument and
//! cannot run without it. Whatever is wrong with credentials, the answer is the same 401.

mod api_keys;
mod claims;
mod mint;
pub mod permission;
mod refusal;
mod token;

use actix_web::dev::ServiceRequest;
use actix_web::http::header;
use secrecy::SecretString;

use crate::services::caller::Caller;

use super::Shell;

pub use api_keys::{ApiKeys, FindKey};
pub use mint::{MintError, mint};
pub use token::Verifier;

/// The longest credential looked at, in bytes.
const MAX_CREDENTIAL: usize = 8192;
/// What every API key starts with; no JWT does, since those start with an encoded `{`.
const KEY_PREFIX: &str = "co_";

/// What the credentials of a request were worth.
#[derive(Clone, Debug)]
pub enum Identity {
    /// Good credentials.
    Known(Caller),
    /// None were sent.
    Anonymous,
    /// They are not good; why is for the log only.
    Refused,
    /// An unknown key from an address that has tried too often.
    Throttled,
    /// They could not be looked up.
    Unavailable,
}

impl Identity {
    /// Verifies the `Authorization` header. `may_look_up` is asked before the store is, so that made-up keys cannot
    /// keep it busy.
    pub async fn of(request: &ServiceRequest, shell: &Shell, may_look_up: impl FnOnce() -> bool) -> Self {
        let mut values = request.headers().get_all(header::AUTHORIZATION);
        let Some(value) = values.next() else {
            return Self::Anonymous;
        };
        let credential = value
            .to_str()
            .ok()
            .filter(|_| values.next().is_none())
            .filter(|text| text.len() <= MAX_CREDENTIAL)
            .and_then(|text| text.split_once(' '))
            .filter(|(scheme, _)| scheme.eq_ignore_ascii_case("bearer"))
            .map(|(_, credential)| credential.trim());
        let Some(credential) = credential else {
            return Self::Refused;
        };
        let now = shell.clock.now();
        if credential.starts_with(KEY_PREFIX) {
            return shell.keys.identify(&SecretString::from(credential), now, may_look_up).await;
        }
        match shell.verifier.verify(credential, now) {
            Ok(caller) => Self::Known(Caller::Customer(caller)),
            Err(refusal) => {
                tracing::info!(why = refusal.0, "customer token refused");
                Self::Refused
            }
        }
    }
}
