//! Our own identifiers: a prefix and a ULID.

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
use utoipa::openapi::schema::Schema;
use utoipa::{PartialSchema, ToSchema};

use super::kind::{self, Kind};
use super::text::{InvalidId, component, text_schema};

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
