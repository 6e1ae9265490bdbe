//! The terms of a change of the plan.

use serde::{Deserialize, Serialize};
use strum::{IntoStaticStr, VariantArray};
use utoipa::ToSchema;

use crate::domain::ids::PriceId;
use crate::domain::price::Price;

/// When a plan changes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
#[derive(IntoStaticStr, VariantArray)]
#[strum(serialize_all = "snake_case")]
pub enum PlanChangeWhen {
    /// At once.
    Now,
    /// With the period that is paid for.
    PeriodEnd,
}

impl PlanChangeWhen {
    /// The word on the wire.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        self.into()
    }
}

/// What becomes of the time that is paid for; Stripe's `proration_behavior`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
#[derive(IntoStaticStr, VariantArray)]
#[strum(serialize_all = "snake_case")]
pub enum Proration {
    /// Nothing is reckoned up.
    #[default]
    None,
    /// Reckoned up with the next invoice.
    CreateProrations,
    /// Reckoned up and invoiced at once.
    AlwaysInvoice,
}

impl Proration {
    /// The word on the wire, Stripe's and ours.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        self.into()
    }
}

/// A plan to change to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct PlanChoice {
    /// Its price.
    pub price: PriceId,
    /// What to call it; the product's name where it is left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(max_length = 200, nullable = false)]
    pub label: Option<String>,
    /// The price as billing showed it when the offer was presented.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub plan: Option<Price>,
}

impl PlanChoice {
    /// What the plan is called.
    #[must_use]
    pub fn name(&self) -> &str {
        let own = self.plan.as_ref().map(|plan| plan.name.as_str());
        self.label.as_deref().or(own).unwrap_or_default()
    }
}

/// Terms of a change of the plan: the subscriber chooses one of the plans. Quantity, discounts and all other items stay
/// as they are.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct PlanChangeTerms {
    /// One to ten plans; in an offer that was presented, those that the subscription can change to.
    #[schema(min_items = 1, max_items = 10)]
    pub choices: Vec<PlanChoice>,
    /// When.
    pub when: PlanChangeWhen,
    /// What becomes of the time that is paid for; always `none` with `period_end`.
    #[serde(default)]
    pub proration: Proration,
}
