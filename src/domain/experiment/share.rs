//! Shares of a whole.

use std::collections::BTreeMap;
use std::fmt;

use rust_decimal::Decimal;
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use utoipa::openapi::RefOr;
use utoipa::openapi::schema::{ObjectBuilder, Schema, Type};
use utoipa::{PartialSchema, ToSchema};

use super::{Arm, HOLDOUT};
use crate::domain::offer::Key;

/// Millionths in a whole.
const WHOLE: u32 = 1_000_000;

/// A share of a whole, 0 to 1, in millionths.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Share(u32);

/// The share of each arm; together the whole.
pub type Shares = BTreeMap<Key, Share>;

impl Share {
    /// Everything.
    pub const ALL: Self = Self(WHOLE);

    /// So many millionths; at most everything.
    #[must_use]
    pub fn of_millionths(millionths: u32) -> Self {
        Self(millionths.min(WHOLE))
    }

    /// So many percent; at most everything.
    #[must_use]
    pub fn of_percent(percent: u16) -> Self {
        Self::of_millionths(u32::from(percent) * (WHOLE / 100))
    }

    /// The share nearest to a fraction of 0 to 1; none outside of that.
    #[must_use]
    pub fn of_fraction(fraction: f64) -> Option<Self> {
        let scaled = Decimal::try_from(fraction).ok()?.checked_mul(Decimal::from(WHOLE))?.round();
        u32::try_from(scaled).ok().filter(|millionths| *millionths <= WHOLE).map(Self)
    }

    /// In millionths, 0 to 1,000,000.
    #[must_use]
    pub fn millionths(self) -> u32 {
        self.0
    }

    /// As a fraction, 0 to 1.
    #[must_use]
    pub fn fraction(self) -> f64 {
        f64::from(self.0) / f64::from(WHOLE)
    }

    /// What is left.
    #[must_use]
    pub fn rest(self) -> Self {
        Self(WHOLE - self.0)
    }
}

impl fmt::Display for Share {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.fraction())
    }
}
impl Serialize for Share {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_f64(self.fraction())
    }
}
impl<'de> Deserialize<'de> for Share {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let share = Self::of_fraction(f64::deserialize(deserializer)?);
        share.ok_or_else(|| de::Error::custom("not a share: expected 0 to 1"))
    }
}
impl PartialSchema for Share {
    fn schema() -> RefOr<Schema> {
        ObjectBuilder::new().schema_type(Type::Number).minimum(Some(0)).maximum(Some(1)).into()
    }
}
impl ToSchema for Share {}

/// The shares that weights stand for, to the millionth: what rounding leaves over goes to the first arms that have a
/// weight. Nothing for anybody where no arm has one.
#[must_use]
pub fn shares_of_weights(arms: &BTreeMap<Key, Arm>) -> Shares {
    shares_of_parts(&arms.iter().map(|(key, arm)| (key.clone(), u64::from(arm.weight))).collect(), Share::ALL)
}

/// Shares of those who are not in the flow's holdout, with the holdout's own share as that of the arm `holdout`.
#[must_use]
pub fn with_holdout(shares: &Shares, holdout: Share) -> Shares {
    let parts = shares.iter().map(|(key, share)| (key.clone(), u64::from(share.millionths()))).collect();
    let mut all = shares_of_parts(&parts, holdout.rest());
    if let (Ok(key), true) = (HOLDOUT.parse(), holdout > Share(0)) {
        let of_arm = all.entry(key).or_default();
        *of_arm = Share::of_millionths(of_arm.0 + holdout.0);
    }
    all
}

/// Divides a share in proportion to parts.
#[must_use]
pub fn shares_of_parts(parts: &BTreeMap<Key, u64>, whole: Share) -> Shares {
    let sum: u64 = parts.values().sum();
    let part =
        |part: u64| (part * u64::from(whole.0)).checked_div(sum).and_then(|part| u32::try_from(part).ok());
    let mut shares: Shares =
        parts.iter().map(|(key, weight)| (key.clone(), Share(part(*weight).unwrap_or(0)))).collect();
    let mut left = whole.0.saturating_sub(shares.values().map(|share| share.0).sum());
    for (key, share) in &mut shares {
        if left > 0 && parts.get(key).is_some_and(|part| *part > 0) {
            share.0 += 1;
            left -= 1;
        }
    }
    shares
}
