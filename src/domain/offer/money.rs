//! The terms of offers that give or move money: a credit, a waiver, installments.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::domain::money::{Currency, Money};
use crate::domain::span::Span;

/// The most that one offer may give, in minor units; Stripe's own limit for an amount.
pub const MAX_AMOUNT: i64 = 99_999_999;

/// Terms of a credit on the customer's balance, which Stripe sets against the invoices that are finalized next.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct CreditTerms {
    /// Minor units, 1 to 99,999,999.
    #[schema(minimum = 1, maximum = 99_999_999)]
    pub amount: i64,
    /// The currency; subscriptions in another are not offered it.
    pub currency: Currency,
}

impl CreditTerms {
    /// The credit.
    #[must_use]
    pub fn money(self) -> Money {
        Money { amount: self.amount, currency: self.currency }
    }
}

/// The most invoices that a waiver forgives; as many as are known of a subscription.
pub const MAX_WAIVED_INVOICES: u8 = 12;
/// The fewest parts of installments.
pub const MIN_PARTS: u8 = 2;
/// The most parts of installments.
pub const MAX_PARTS: u8 = 12;
/// The longest time between two parts, in days. The last of twelve is then due within Stripe's five years.
pub const MAX_PART_DAYS: u16 = 92;

/// The most that a waiver forgives.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = WaiverCap)]
pub struct Cap {
    /// Minor units, 1 to 99,999,999.
    #[schema(minimum = 1, maximum = 99_999_999)]
    pub amount: i64,
    /// The currency; subscriptions in another are not offered it.
    pub currency: Currency,
}

/// Terms of a waiver: the subscription's open invoices are forgiven, the oldest first, until the cap is reached; the
/// last one in part where it does not fit whole.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct WaiverTerms {
    /// The most that is forgiven, all invoices together.
    pub cap: Cap,
    /// The most invoices that are forgiven, 1 to 12.
    #[serde(default = "most_invoices")]
    #[schema(minimum = 1, maximum = 12, default = 12)]
    pub max_invoices: u8,
}

fn most_invoices() -> u8 {
    MAX_WAIVED_INVOICES
}

/// Terms of installments: what is open, or else the coming invoice, in parts on dates.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct InstallmentsTerms {
    /// How many parts, 2 to 12. The first falls due at once, or with the coming invoice.
    #[schema(minimum = 2, maximum = 12)]
    pub parts: u8,
    /// The time between two parts, at most 92 days.
    pub every: Span,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::subscription::MAX_OPEN_INVOICES;

    #[test]
    fn a_waiver_reaches_all_that_is_known() {
        assert_eq!(usize::from(MAX_WAIVED_INVOICES), MAX_OPEN_INVOICES);
        let least = serde_json::json!({"cap": {"amount": 5, "currency": "usd"}});
        let terms: WaiverTerms = serde_json::from_value(least).unwrap();
        assert_eq!(terms.max_invoices, MAX_WAIVED_INVOICES);
    }
}
