//! Money, currencies and percentages.

use std::borrow::Cow;
use std::fmt;
use std::str::FromStr;

use rust_decimal::Decimal;
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use utoipa::openapi::RefOr;
use utoipa::openapi::schema::{ObjectBuilder, Schema, Type};
use utoipa::{PartialSchema, ToSchema};

/// A three-letter ISO 4217 code in lower case, as Stripe writes it (`usd`).
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Currency([u8; 3]);

/// A text that is no currency code.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a currency: expected three lower-case letters such as `usd`")]
pub struct InvalidCurrency;

impl Currency {
    /// The code.
    #[must_use]
    pub fn as_str(&self) -> &str {
        std::str::from_utf8(&self.0).unwrap_or_default()
    }
}

impl FromStr for Currency {
    type Err = InvalidCurrency;

    fn from_str(text: &str) -> Result<Self, InvalidCurrency> {
        let code: [u8; 3] = text.as_bytes().try_into().map_err(|_| InvalidCurrency)?;
        if code.iter().all(u8::is_ascii_lowercase) { Ok(Self(code)) } else { Err(InvalidCurrency) }
    }
}
impl fmt::Display for Currency {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
impl fmt::Debug for Currency {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
impl Serialize for Currency {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}
impl<'de> Deserialize<'de> for Currency {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Cow::<'de, str>::deserialize(deserializer)?.parse().map_err(de::Error::custom)
    }
}
impl PartialSchema for Currency {
    fn schema() -> RefOr<Schema> {
        ObjectBuilder::new().schema_type(Type::String).pattern(Some("^[a-z]{3}$")).into()
    }
}
impl ToSchema for Currency {}

/// An amount in the currency's minor unit (cents for `usd`, yen for `jpy`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
pub struct Money {
    /// Minor units; negative for what is owed to the customer.
    pub amount: i64,
    /// The currency.
    pub currency: Currency,
}

/// A percentage in (0, 100] with at most two decimals, the precision Stripe keeps for `percent_off`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Percent {
    /// Hundredths of a percent, 1 to 10,000.
    hundredths: u16,
}

/// A number that is no percentage we accept.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a percentage: expected more than 0 and at most 100, with at most two decimals")]
pub struct InvalidPercent;

impl Percent {
    /// The share of `amount` that this percentage is, rounded half away from zero as Stripe rounds.
    #[must_use]
    pub fn of(self, amount: i64) -> i64 {
        let exact = Decimal::from(amount) * self.as_decimal() / Decimal::ONE_HUNDRED;
        let rounded = exact.round_dp_with_strategy(0, rust_decimal::RoundingStrategy::MidpointAwayFromZero);
        i64::try_from(rounded).unwrap_or(amount)
    }

    /// The percentage as a decimal number, 12.5 for 12.5 %.
    #[must_use]
    pub fn as_decimal(self) -> Decimal {
        Decimal::new(i64::from(self.hundredths), 2).normalize()
    }
}

impl TryFrom<Decimal> for Percent {
    type Error = InvalidPercent;

    fn try_from(value: Decimal) -> Result<Self, InvalidPercent> {
        let scaled = value.checked_mul(Decimal::ONE_HUNDRED).ok_or(InvalidPercent)?;
        if !scaled.is_integer() {
            return Err(InvalidPercent);
        }
        let hundredths = u16::try_from(scaled).map_err(|_| InvalidPercent)?;
        if (1..=10_000).contains(&hundredths) { Ok(Self { hundredths }) } else { Err(InvalidPercent) }
    }
}
impl fmt::Display for Percent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.as_decimal(), f)
    }
}
impl Serialize for Percent {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if self.hundredths.is_multiple_of(100) {
            return serializer.serialize_u16(self.hundredths / 100);
        }
        serializer.serialize_f64(f64::from(self.hundredths) / 100.0)
    }
}
impl<'de> Deserialize<'de> for Percent {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let number = f64::deserialize(deserializer)?;
        Decimal::try_from(number)
            .map_err(|_| InvalidPercent)
            .and_then(Self::try_from)
            .map_err(de::Error::custom)
    }
}
impl PartialSchema for Percent {
    fn schema() -> RefOr<Schema> {
        ObjectBuilder::new()
            .schema_type(Type::Number)
            .exclusive_minimum(Some(0))
            .maximum(Some(100))
            .multiple_of(Some(0.01))
            .into()
    }
}
impl ToSchema for Percent {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percent_accepts_two_decimals_and_refuses_more() {
        for (text, good) in [
            ("50", true),
            ("0.01", true),
            ("100", true),
            ("12.55", true),
            ("0", false),
            ("100.01", false),
            ("-5", false),
            ("12.555", false),
        ] {
            assert_eq!(serde_json::from_str::<Percent>(text).is_ok(), good, "{text}");
        }
    }

    #[test]
    fn percent_of_rounds_half_away_from_zero() {
        let half: Percent = serde_json::from_str("50").unwrap();
        assert_eq!(half.of(4901), 2451);
        assert_eq!(serde_json::to_string(&half).unwrap(), "50");
        let odd: Percent = serde_json::from_str("33.33").unwrap();
        assert_eq!(odd.of(10_000), 3333);
        assert_eq!(serde_json::to_string(&odd).unwrap(), "33.33");
    }
}
