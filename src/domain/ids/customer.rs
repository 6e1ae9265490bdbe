//! The app's own identifiers of its customers.

use std::borrow::Cow;
use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, de};
use utoipa::openapi::RefOr;
use utoipa::openapi::schema::Schema;
use utoipa::{PartialSchema, ToSchema};

use super::external::StripeCustomerId;
use super::text::{InvalidId, MAX_EXTERNAL_ID, text_schema};

/// The app's own id for a customer: 1 to 255 visible ASCII characters.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
#[serde(transparent)]
pub struct CustomerId(Box<str>);

impl CustomerId {
    /// The id as the app writes it.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The Stripe customer, when the app uses Stripe's own id for its customers.
    #[must_use]
    pub fn as_stripe(&self) -> Option<StripeCustomerId> {
        self.0.parse().ok()
    }
}

impl FromStr for CustomerId {
    type Err = InvalidId;

    fn from_str(text: &str) -> Result<Self, InvalidId> {
        if text.is_empty() || text.len() > MAX_EXTERNAL_ID || !text.bytes().all(|b| b.is_ascii_graphic()) {
            return Err(InvalidId { name: "customer", expected: "1 to 255 visible ASCII characters".into() });
        }
        Ok(Self(text.into()))
    }
}
impl fmt::Display for CustomerId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}
/// Silent, since an app's customer id may be an address or a name.
impl fmt::Debug for CustomerId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("CustomerId(…)")
    }
}
impl<'de> Deserialize<'de> for CustomerId {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Cow::<'de, str>::deserialize(deserializer)?.parse().map_err(de::Error::custom)
    }
}
impl PartialSchema for CustomerId {
    fn schema() -> RefOr<Schema> {
        text_schema(format!("^[!-~]{{1,{MAX_EXTERNAL_ID}}}$"))
    }
}
impl ToSchema for CustomerId {}
