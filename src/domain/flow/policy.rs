//! The policy of a flow: its guard rails, and what may be given away.

use jiff::Timestamp;
use jiff::tz::TimeZone;
use serde::{Deserialize, Serialize};
use strum::{IntoStaticStr, VariantArray};
use utoipa::ToSchema;

use super::care::{AcceptCap, Cooldowns, DeclinedCooldowns, Reserve};
use super::jurisdictions::Jurisdictions;
use crate::domain::money::{Currency, Money, Percent};
use crate::domain::offer::OfferType;

/// Guard rails on how often, how much, how deep.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = FlowPolicy)]
pub struct Policy {
    /// Offers presented at a time, 1 to 5; 2 unless said otherwise.
    #[schema(required = false, minimum = 1, maximum = 5, default = 2)]
    pub max_offers: u8,
    /// Days that must pass after an accepted offer before one of the same type, or any, is presented again.
    #[schema(required = false, value_type = super::schema::CooldownDays)]
    pub cooldown_days: Cooldowns,
    /// Days that must pass after a declined offer before it, or one of the same type, is presented again.
    #[serde(skip_serializing_if = "DeclinedCooldowns::is_empty")]
    #[schema(required = false, value_type = super::schema::DeclinedCooldownDays)]
    pub declined_cooldown_days: DeclinedCooldowns,
    /// How often offers may be accepted.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schema(required = false, max_items = 50)]
    pub caps: Vec<AcceptCap>,
    /// What may be given away.
    #[schema(required = false, max_items = 20)]
    pub budgets: Vec<Budget>,
    /// What must be left of the price, less what an offer gives, after the cost to serve, in percent of it. Asked of
    /// offers that give money to customers whose `customer.cost_to_serve` is known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub margin_floor_percent: Option<Percent>,
    /// The same as an amount a month, at most one for each currency.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schema(required = false, max_items = 20)]
    pub margin_floor: Vec<Money>,
    /// Whether discounts may be given to those who have one in force; not unless said otherwise.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    #[schema(required = false, default = false)]
    pub stacking: bool,
    /// Hours in which a subscriber who left the flow open, or stayed without an offer, and begins again goes on with the
    /// same pass, 1 to 720: both sessions count as one, and what was decided stands.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(minimum = 1, maximum = 720, nullable = false)]
    pub reentry_window_hours: Option<u16>,
    /// Whether subscribers may end at once, besides with the paid period; not unless said otherwise.
    #[schema(required = false, default = false)]
    pub cancel_now: bool,
    /// What may be shown before a cancellation, by place. Without it nothing is forbidden anywhere.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub jurisdictions: Option<Box<Jurisdictions>>,
}

impl Default for Policy {
    fn default() -> Self {
        Self {
            max_offers: 2,
            cooldown_days: Cooldowns::default(),
            declined_cooldown_days: DeclinedCooldowns::default(),
            caps: Vec::new(),
            budgets: Vec::new(),
            margin_floor_percent: None,
            margin_floor: Vec::new(),
            stacking: false,
            reentry_window_hours: None,
            cancel_now: false,
            jurisdictions: None,
        }
    }
}

/// What may be given away in offers of some types to subscriptions in one currency.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = FlowBudget)]
pub struct Budget {
    /// The types, at least one.
    #[schema(min_items = 1, max_items = 7)]
    pub offer_types: Vec<OfferType>,
    /// How often it is filled up.
    pub per: BudgetPeriod,
    /// Minor units.
    #[schema(minimum = 0, maximum = 1000000000000i64)]
    pub amount: i64,
    /// The currency. Subscriptions in another are not held by this budget.
    pub currency: Currency,
    /// Whether what offers cost is set aside already when they are presented; else it is taken when they are accepted.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reserve: Option<Reserve>,
    /// Its name, which every begin asks for several times.
    #[serde(skip)]
    key: String,
}

/// How often a budget is filled up.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
#[derive(IntoStaticStr, VariantArray)]
#[strum(serialize_all = "snake_case")]
pub enum BudgetPeriod {
    /// With each calendar month, UTC.
    Month,
}

impl Budget {
    /// A budget of `amount` minor units.
    #[must_use]
    pub fn new(
        offer_types: Vec<OfferType>,
        per: BudgetPeriod,
        amount: i64,
        currency: Currency,
        reserve: Option<Reserve>,
    ) -> Self {
        let mut types: Vec<_> = offer_types.iter().map(|offer_type| offer_type.as_str()).collect();
        types.sort_unstable();
        let key = format!("{}/month/{currency}", types.join("+"));
        Self { offer_types, per, amount, currency, reserve, key }
    }

    /// The limit.
    #[must_use]
    pub fn limit(&self) -> Money {
        Money { amount: self.amount, currency: self.currency }
    }

    /// Names the budget within its flow, the same in every version: `discount+pause/month/usd`.
    #[must_use]
    pub fn key(&self) -> &str {
        &self.key
    }

    /// Names the period that `now` is in: `2027-03`.
    #[must_use]
    pub fn period(&self, now: Timestamp) -> String {
        match self.per {
            BudgetPeriod::Month => {
                let date = TimeZone::UTC.to_datetime(now).date();
                format!("{:04}-{:02}", date.year(), date.month())
            }
        }
    }

    /// Whether an offer of this type to a subscription in this currency draws on it.
    #[must_use]
    pub fn covers(&self, offer_type: OfferType, currency: Currency) -> bool {
        self.currency == currency && self.offer_types.contains(&offer_type)
    }
}
