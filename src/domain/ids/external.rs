//! Identifiers that Stripe has made.

use std::borrow::Cow;
use std::fmt;
use std::hash::{Hash, Hasher};
use std::marker::PhantomData;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use utoipa::openapi::RefOr;
use utoipa::openapi::schema::Schema;
use utoipa::{PartialSchema, ToSchema};

use super::kind::{self, Kind};
use super::text::{InvalidId, MAX_EXTERNAL_ID, component, text_schema};

/// Stripe's subscription id, `sub_…`.
pub type SubscriptionId = ExternalId<kind::Subscription>;
/// Stripe's customer id, `cus_…`.
pub type StripeCustomerId = ExternalId<kind::StripeCustomer>;
/// Stripe's subscription item id, `si_…`.
pub type SubscriptionItemId = ExternalId<kind::SubscriptionItem>;
/// Stripe's price id.
pub type PriceId = ExternalId<kind::Price>;
/// Stripe's product id.
pub type ProductId = ExternalId<kind::Product>;
/// Stripe's coupon id.
pub type CouponId = ExternalId<kind::Coupon>;
/// Stripe's discount id, `di_…`.
pub type DiscountId = ExternalId<kind::Discount>;
/// Stripe's promotion code id, `promo_…`.
pub type PromotionCodeId = ExternalId<kind::PromotionCode>;
/// Stripe's subscription schedule id, `sub_sched_…`.
pub type ScheduleId = ExternalId<kind::Schedule>;
/// Stripe's invoice id, `in_…`.
pub type InvoiceId = ExternalId<kind::Invoice>;

/// An identifier made by Stripe: the kind's prefix, then letters, digits, `_`, `-` and `.`.
pub struct ExternalId<K> {
    text: Box<str>,
    kind: PhantomData<fn() -> K>,
}

impl<K: Kind> ExternalId<K> {
    /// The id as Stripe writes it.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.text
    }
}

impl<K: Kind> FromStr for ExternalId<K> {
    type Err = InvalidId;

    fn from_str(text: &str) -> Result<Self, InvalidId> {
        let good = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.');
        let rest = text.strip_prefix(K::PREFIX).unwrap_or_default();
        // A path segment of dots would climb in a URL.
        let climbs = text.chars().all(|c| c == '.');
        if rest.is_empty() || text.len() > MAX_EXTERNAL_ID || climbs || !rest.chars().all(good) {
            let expected = format!("`{}` followed by letters, digits, `_`, `-` or `.`", K::PREFIX);
            return Err(InvalidId { name: K::NAME, expected: expected.into() });
        }
        Ok(Self { text: text.into(), kind: PhantomData })
    }
}

impl<K: Kind> fmt::Display for ExternalId<K> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}
impl<K: Kind> fmt::Debug for ExternalId<K> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}
impl<K> Clone for ExternalId<K> {
    fn clone(&self) -> Self {
        Self { text: self.text.clone(), kind: PhantomData }
    }
}
impl<K> PartialEq for ExternalId<K> {
    fn eq(&self, other: &Self) -> bool {
        self.text == other.text
    }
}
impl<K> Eq for ExternalId<K> {}
impl<K> Hash for ExternalId<K> {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.text.hash(state);
    }
}
impl<K: Kind> Serialize for ExternalId<K> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.text)
    }
}
impl<'de, K: Kind> Deserialize<'de> for ExternalId<K> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Cow::<'de, str>::deserialize(deserializer)?.parse().map_err(de::Error::custom)
    }
}
impl<K: Kind> PartialSchema for ExternalId<K> {
    fn schema() -> RefOr<Schema> {
        text_schema(format!("^{}[A-Za-z0-9_.-]{{1,{}}}$", K::PREFIX, MAX_EXTERNAL_ID - K::PREFIX.len()))
    }
}
impl<K: Kind> ToSchema for ExternalId<K> {
    fn name() -> Cow<'static, str> {
        component(K::NAME)
    }
}
