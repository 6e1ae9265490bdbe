//! The terms of a discount.

use serde::{Deserialize, Serialize};
use strum::{IntoStaticStr, VariantArray};
use utoipa::ToSchema;

use crate::domain::money::{Currency, Money, Percent};

/// How much a discount takes off.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DiscountValue {
    /// A share of the invoice.
    Percent(Percent),
    /// An amount, greater than zero.
    Amount(Money),
}

/// How long a discount lasts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DiscountDuration {
    /// The next invoice.
    Once,
    /// 1 to [`MAX_DISCOUNT_MONTHS`] months.
    Repeating {
        /// Months.
        months: u16,
    },
    /// For good. Stripe refuses it for amounts (since 2025-03-31.basil).
    Forever,
}

/// The longest repeating discount, in months.
pub const MAX_DISCOUNT_MONTHS: u16 = 36;

/// Terms of a discount.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "DiscountWire", into = "DiscountWire")]
pub struct DiscountTerms {
    /// How much.
    pub value: DiscountValue,
    /// How long.
    pub duration: DiscountDuration,
}

/// The words that name a discount's duration on the wire.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
#[derive(IntoStaticStr, VariantArray)]
#[strum(serialize_all = "snake_case")]
pub enum DurationWord {
    /// The next invoice.
    Once,
    /// A number of months.
    Repeating,
    /// For good.
    Forever,
}

/// Terms of a discount as they are written: exactly one of `percent_off` and `amount_off` with `currency`;
/// `duration_in_months` exactly when the duration is `repeating`.
#[derive(Clone, Copy, Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = DiscountTerms)]
pub struct DiscountWire {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    percent_off: Option<Percent>,
    /// Minor units.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(minimum = 1, maximum = 99_999_999)]
    amount_off: Option<i64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    currency: Option<Currency>,
    duration: DurationWord,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(minimum = 1, maximum = 36)]
    duration_in_months: Option<u16>,
}

/// Why written terms of a discount are refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum InvalidDiscount {
    /// None or both of the ways to say how much.
    #[error("expected exactly one of `percent_off` and `amount_off`")]
    Value,
    /// An amount without a currency, or a currency without an amount.
    #[error("`currency` goes with `amount_off`, and `amount_off` needs it")]
    Currency,
    /// An amount of zero or less.
    #[error("`amount_off` must be at least 1 minor unit")]
    Amount,
    /// Months missing, out of range, or given without `repeating`.
    #[error("`duration_in_months` (1 to 36) goes with `duration: repeating`, and that needs it")]
    Months,
    /// An amount for good.
    #[error("Stripe refuses `amount_off` with `duration: forever`; use `percent_off` or `repeating`")]
    AmountForever,
}

impl TryFrom<DiscountWire> for DiscountTerms {
    type Error = InvalidDiscount;

    fn try_from(wire: DiscountWire) -> Result<Self, InvalidDiscount> {
        let value = match (wire.percent_off, wire.amount_off, wire.currency) {
            (Some(percent), None, None) => DiscountValue::Percent(percent),
            (None, Some(amount), Some(currency)) if amount > 0 => {
                DiscountValue::Amount(Money { amount, currency })
            }
            (None, Some(_), Some(_)) => return Err(InvalidDiscount::Amount),
            (Some(_), None, Some(_)) | (None, Some(_), None) => return Err(InvalidDiscount::Currency),
            _ => return Err(InvalidDiscount::Value),
        };
        let duration = match (wire.duration, wire.duration_in_months) {
            (DurationWord::Once, None) => DiscountDuration::Once,
            (DurationWord::Forever, None) => DiscountDuration::Forever,
            (DurationWord::Repeating, Some(months @ 1..=MAX_DISCOUNT_MONTHS)) => {
                DiscountDuration::Repeating { months }
            }
            _ => return Err(InvalidDiscount::Months),
        };
        if matches!((value, duration), (DiscountValue::Amount(_), DiscountDuration::Forever)) {
            return Err(InvalidDiscount::AmountForever);
        }
        Ok(Self { value, duration })
    }
}

impl From<DiscountTerms> for DiscountWire {
    fn from(terms: DiscountTerms) -> Self {
        let (percent_off, amount_off) = match terms.value {
            DiscountValue::Percent(percent) => (Some(percent), None),
            DiscountValue::Amount(money) => (None, Some(money)),
        };
        let (duration, duration_in_months) = match terms.duration {
            DiscountDuration::Once => (DurationWord::Once, None),
            DiscountDuration::Repeating { months } => (DurationWord::Repeating, Some(months)),
            DiscountDuration::Forever => (DurationWord::Forever, None),
        };
        Self {
            percent_off,
            amount_off: amount_off.map(|money| money.amount),
            currency: amount_off.map(|money| money.currency),
            duration,
            duration_in_months,
        }
    }
}
