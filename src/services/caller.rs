//! Who asks: what a verified token or API key says.

use std::collections::BTreeMap;

use jiff::Timestamp;
use sha2::{Digest, Sha256};

use crate::domain::facts::Value;
use crate::domain::ids::{ApiKeyId, CustomerId, SubscriptionId};

use super::keys::Role;

/// What a verified customer token says.
#[derive(Clone, Debug)]
pub struct CustomerCaller {
    /// Whose token it is.
    pub customer: CustomerId,
    /// The one subscription it is for, if it says so.
    pub subscription: Option<SubscriptionId>,
    /// Facts the app vouches for, by name without `customer.`.
    pub attributes: BTreeMap<String, Value>,
    /// The token's own id; a token used twice begins one session.
    pub token_id: String,
    /// When the token stops being good.
    pub expires_at: Timestamp,
}

impl CustomerCaller {
    /// A digest of the token's own id by which the session that it began is found again.
    #[must_use]
    pub fn session_token_id(&self) -> String {
        hex::encode(Sha256::digest(&self.token_id))
    }
}

/// What a verified API key says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeyCaller {
    /// The key's id, not the key.
    pub id: ApiKeyId,
    /// What it may do.
    pub role: Role,
}

/// A verified caller.
#[derive(Clone, Debug)]
pub enum Caller {
    /// A subscriber, through the app's front end.
    Customer(CustomerCaller),
    /// The app's back end, or somebody of operations.
    Key(KeyCaller),
}

impl Caller {
    /// A text that tells callers apart and gives away nobody: for idempotency keys, rate limits and logs.
    #[must_use]
    pub fn pseudonym(&self) -> String {
        match self {
            Self::Customer(caller) => pseudonym(&caller.customer),
            Self::Key(caller) => caller.id.to_string(),
        }
    }
}

/// A text that tells customers apart and gives away none.
pub(super) fn pseudonym(customer: &CustomerId) -> String {
    format!("customer:{}", hex::encode(Sha256::digest(customer.as_str())))
}
