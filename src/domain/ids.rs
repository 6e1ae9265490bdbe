//! Identifiers, each of its own type, parsed at the edge.
//!
//! Our own are a prefix and a ULID (`ses_01J…`), so they sort by creation. Those of Stripe and of the app are
//! opaque text with a checked alphabet, so that none of them can bend a URL or a log line.

use std::borrow::Cow;
use std::fmt;
use std::hash::{Hash, Hasher};
use std::marker::PhantomData;
use std::str::FromStr;

use jiff::Timestamp;
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use sha2::{Digest, Sha256};
use ulid::Ulid;
use utoipa::openapi::RefOr;
use utoipa::openapi::schema::{ObjectBuilder, Schema, Type};
use utoipa::{PartialSchema, ToSchema};

/// What an identifier identifies.
pub trait Kind: 'static {
    /// The text before the random part, underscore included; empty when any prefix may occur.
    const PREFIX: &'static str;
    /// The word for it in messages.
    const NAME: &'static str;
}

/// The kinds of things that have identifiers.
pub mod kind {
    use super::Kind;

    /// A session.
    #[derive(Debug)]
    pub enum Session {}
    /// An offer as presented in one session.
    #[derive(Debug)]
    pub enum Offer {}
    /// A billing operation.
    #[derive(Debug)]
    pub enum Operation {}
    /// Something that happened, told to the app.
    #[derive(Debug)]
    pub enum Event {}
    /// A difference between billing and what we believe.
    #[derive(Debug)]
    pub enum Drift {}
    /// A draft tried on recorded sessions.
    #[derive(Debug)]
    pub enum Backtest {}
    /// A signal that was raised.
    #[derive(Debug)]
    pub enum Signal {}
    /// What an accepted offer asks in return.
    #[derive(Debug)]
    pub enum Ask {}
    /// An API key.
    #[derive(Debug)]
    pub enum ApiKey {}
    /// Stripe's subscription.
    #[derive(Debug)]
    pub enum Subscription {}
    /// Stripe's customer.
    #[derive(Debug)]
    pub enum StripeCustomer {}
    /// Stripe's subscription item.
    #[derive(Debug)]
    pub enum SubscriptionItem {}
    /// Stripe's price; legacy plans have ids without a prefix.
    #[derive(Debug)]
    pub enum Price {}
    /// Stripe's product; merchants may choose its id.
    #[derive(Debug)]
    pub enum Product {}
    /// Stripe's coupon; merchants may choose its id.
    #[derive(Debug)]
    pub enum Coupon {}
    /// Stripe's discount (a coupon as attached).
    #[derive(Debug)]
    pub enum Discount {}
    /// Stripe's promotion code (what a customer types to get a coupon).
    #[derive(Debug)]
    pub enum PromotionCode {}
    /// Stripe's subscription schedule.
    #[derive(Debug)]
    pub enum Schedule {}
    /// Stripe's invoice.
    #[derive(Debug)]
    pub enum Invoice {}

    impl Kind for Session {
        const PREFIX: &'static str = "ses_";
        const NAME: &'static str = "session";
    }
    impl Kind for Offer {
        const PREFIX: &'static str = "off_";
        const NAME: &'static str = "offer";
    }
    impl Kind for Operation {
        const PREFIX: &'static str = "bop_";
        const NAME: &'static str = "billing operation";
    }
    impl Kind for Event {
        const PREFIX: &'static str = "evn_";
        const NAME: &'static str = "event";
    }
    impl Kind for Drift {
        const PREFIX: &'static str = "drf_";
        const NAME: &'static str = "drift";
    }
    impl Kind for Backtest {
        const PREFIX: &'static str = "bkt_";
        const NAME: &'static str = "backtest";
    }
    impl Kind for Signal {
        const PREFIX: &'static str = "sig_";
        const NAME: &'static str = "signal";
    }
    impl Kind for Ask {
        const PREFIX: &'static str = "ask_";
        const NAME: &'static str = "ask";
    }
    impl Kind for ApiKey {
        const PREFIX: &'static str = "key_";
        const NAME: &'static str = "API key";
    }
    impl Kind for Subscription {
        const PREFIX: &'static str = "sub_";
        const NAME: &'static str = "subscription";
    }
    impl Kind for StripeCustomer {
        const PREFIX: &'static str = "cus_";
        const NAME: &'static str = "Stripe customer";
    }
    impl Kind for SubscriptionItem {
        const PREFIX: &'static str = "si_";
        const NAME: &'static str = "subscription item";
    }
    impl Kind for Price {
        const PREFIX: &'static str = "";
        const NAME: &'static str = "price";
    }
    impl Kind for Product {
        const PREFIX: &'static str = "";
        const NAME: &'static str = "product";
    }
    impl Kind for Coupon {
        const PREFIX: &'static str = "";
        const NAME: &'static str = "coupon";
    }
    impl Kind for Discount {
        const PREFIX: &'static str = "di_";
        const NAME: &'static str = "discount";
    }
    impl Kind for PromotionCode {
        const PREFIX: &'static str = "promo_";
        const NAME: &'static str = "promotion code";
    }
    impl Kind for Schedule {
        const PREFIX: &'static str = "sub_sched_";
        const NAME: &'static str = "subscription schedule";
    }
    impl Kind for Invoice {
        const PREFIX: &'static str = "in_";
        const NAME: &'static str = "invoice";
    }
}

/// The id of a session, `ses_…`.
pub type SessionId = Id<kind::Session>;
/// The id of an offer as presented in one session, `off_…`.
pub type OfferId = Id<kind::Offer>;
/// The id of a billing operation, `bop_…`.
pub type OperationId = Id<kind::Operation>;
/// The id of an event told to the app, `evn_…`; Stripe's own are `evt_…`.
pub type EventId = Id<kind::Event>;
/// The id of a difference between billing and what we believe, `drf_…`.
pub type DriftId = Id<kind::Drift>;
/// The id of a backtest, `bkt_…`.
pub type BacktestId = Id<kind::Backtest>;
/// The id of a signal that was raised, `sig_…`.
pub type SignalId = Id<kind::Signal>;
/// The id of what an accepted offer asks in return, `ask_…`.
pub type AskId = Id<kind::Ask>;
/// The id of an API key, `key_…`; not the key itself.
pub type ApiKeyId = Id<kind::ApiKey>;
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

/// A text that is not an identifier of the wanted kind.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("not a {name} id: expected {expected}")]
pub struct InvalidId {
    name: &'static str,
    expected: Cow<'static, str>,
}

/// One of our own identifiers: prefix and ULID.
pub struct Id<K> {
    ulid: Ulid,
    kind: PhantomData<fn() -> K>,
}

impl<K: Kind> Id<K> {
    /// The least id that may be given out at `at` (millisecond resolution): those given out earlier sort before it.
    #[must_use]
    pub fn least_at(at: Timestamp) -> Self {
        let millis = u64::try_from(at.as_millisecond()).unwrap_or(0);
        Self { ulid: Ulid::from_parts(millis, 0), kind: PhantomData }
    }

    /// A fresh id whose order follows `now` (millisecond resolution).
    #[must_use]
    pub fn generate(now: Timestamp) -> Self {
        let millis = u64::try_from(now.as_millisecond()).unwrap_or(0);
        Self { ulid: Ulid::from_parts(millis, rand::random()), kind: PhantomData }
    }

    /// The one id that belongs to a cause of `at`: whoever asks for it gets the same. Its order follows `at`.
    #[must_use]
    pub fn derived(at: Timestamp, cause: &str) -> Self {
        let millis = u64::try_from(at.as_millisecond()).unwrap_or(0);
        let digest: [u8; 32] = Sha256::digest(cause.as_bytes()).into();
        let random = digest.iter().take(10).fold(0_u128, |all, byte| (all << 8) | u128::from(*byte));
        Self { ulid: Ulid::from_parts(millis, random), kind: PhantomData }
    }
}

impl<K: Kind> fmt::Display for Id<K> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{}", K::PREFIX, self.ulid)
    }
}

impl<K: Kind> fmt::Debug for Id<K> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl<K: Kind> FromStr for Id<K> {
    type Err = InvalidId;

    fn from_str(text: &str) -> Result<Self, InvalidId> {
        text.strip_prefix(K::PREFIX)
            .filter(|rest| rest.len() == 26)
            .and_then(|rest| Ulid::from_string(rest).ok())
            .map(|ulid| Self { ulid, kind: PhantomData })
            // One id has one spelling: lower case and overflowing ULIDs decode, but are not what we wrote.
            .filter(|id| id.to_string() == text)
            .ok_or_else(|| InvalidId {
                name: K::NAME,
                expected: format!("`{}` followed by 26 characters", K::PREFIX).into(),
            })
    }
}

impl<K> Clone for Id<K> {
    fn clone(&self) -> Self {
        *self
    }
}
impl<K> Copy for Id<K> {}
impl<K> PartialEq for Id<K> {
    fn eq(&self, other: &Self) -> bool {
        self.ulid == other.ulid
    }
}
impl<K> Eq for Id<K> {}
impl<K> PartialOrd for Id<K> {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}
impl<K> Ord for Id<K> {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        self.ulid.cmp(&other.ulid)
    }
}
impl<K> Hash for Id<K> {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.ulid.hash(state);
    }
}

impl<K: Kind> Serialize for Id<K> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de, K: Kind> Deserialize<'de> for Id<K> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Cow::<'de, str>::deserialize(deserializer)?.parse().map_err(de::Error::custom)
    }
}

impl<K: Kind> PartialSchema for Id<K> {
    fn schema() -> RefOr<Schema> {
        text_schema(format!("^{}[0-9A-HJKMNP-TV-Z]{{26}}$", K::PREFIX))
    }
}
impl<K: Kind> ToSchema for Id<K> {
    fn name() -> Cow<'static, str> {
        component(K::NAME)
    }
}

/// The longest id accepted from Stripe or the app, in bytes; Stripe promises at most 255.
pub const MAX_EXTERNAL_ID: usize = 255;

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

/// The name of an id's schema: `billing operation` becomes `BillingOperationId`.
fn component(name: &str) -> Cow<'static, str> {
    let words = name.split(' ').map(|word| {
        let (first, rest) = word.split_at_checked(1).unwrap_or_default();
        first.to_ascii_uppercase() + rest
    });
    Cow::Owned(words.chain(["Id".to_owned()]).collect())
}

fn text_schema(pattern: String) -> RefOr<Schema> {
    ObjectBuilder::new().schema_type(Type::String).pattern(Some(pattern)).into()
}
