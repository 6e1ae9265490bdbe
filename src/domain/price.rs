//! Prices as billing shows them, for offers of another plan.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::ids::{PriceId, ProductId};
use super::money::Currency;
use super::span::Span;
use super::subscription::Usage;

/// A price, as billing last showed it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Price {
    /// The price.
    pub id: PriceId,
    /// The product it sells.
    pub product: ProductId,
    /// The product's or price's name; empty when Stripe has none.
    pub name: String,
    /// Minor units per unit and interval; absent for tiered and decimal prices.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub unit_amount: Option<i64>,
    /// The currency.
    pub currency: Currency,
    /// How often it is billed; absent for one that does not recur.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub every: Option<Span>,
    /// Licensed or metered.
    pub usage: Usage,
    /// Whether it depends on the quantity in tiers.
    #[serde(default, skip_serializing_if = "is_false")]
    pub tiered: bool,
    /// Whether it can be bought.
    pub active: bool,
    /// Live or test mode.
    pub livemode: bool,
}

#[allow(clippy::trivially_copy_pass_by_ref, reason = "serde hands out references")]
fn is_false(flag: &bool) -> bool {
    !flag
}

/// The prices that are known when a decision is made; few.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Prices(pub Vec<Price>);

impl Prices {
    /// The price with this id, where it is known.
    #[must_use]
    pub fn get(&self, id: &PriceId) -> Option<&Price> {
        self.0.iter().find(|price| price.id == *id)
    }

    /// Whether none is known.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}
