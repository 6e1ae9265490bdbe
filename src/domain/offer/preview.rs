//! What a session shows of the consequences of an offer.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::plan::Proration;
use crate::domain::money::Currency;
use crate::domain::span::Interval;

/// What an offer would change; only the members that its type touches are present. Amounts are estimates in minor
/// units before tax, prorations and metered usage.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[schema(as = OfferPreview)]
pub struct Preview {
    /// What the next invoice would come to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next_invoice_amount: Option<i64>,
    /// The currency of the amount.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub currency: Option<Currency>,
    /// When the next invoice would fall due.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next_invoice_at: Option<Timestamp>,
    /// When the discount would end.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub discount_ends: Option<Timestamp>,
    /// When collection would resume, one instant for each of the pause's choices.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub resumes_at: Vec<Timestamp>,
    /// When the trial would end.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub trial_end: Option<Timestamp>,
    /// When the free features would end.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub features_end: Option<Timestamp>,
    /// What would be put on the customer's balance; what the next invoice leaves of it stays for those after it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub credit_amount: Option<i64>,
    /// What would be forgiven of each open invoice, the oldest first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub waived: Vec<Waived>,
    /// The parts that would be paid, and when; they add up to what is split.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub parts: Vec<Part>,
    /// What each of the plans would come to, in the order of the terms' `choices`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schema(max_items = 10)]
    pub plans: Vec<NewPlan>,
}

/// What a subscription would come to with another plan.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct NewPlan {
    /// What the plan is called.
    pub name: String,
    /// Minor units per interval, quantity included; absent for prices without a flat amount.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub amount: Option<i64>,
    /// The currency.
    pub currency: Currency,
    /// How often it is billed.
    pub interval: Interval,
    /// Every so many intervals.
    pub interval_count: u16,
    /// How many of it, as now.
    pub quantity: i64,
    /// When the plan would change.
    pub effective_at: Timestamp,
    /// What becomes of the time that is paid for.
    pub proration: Proration,
    /// What the first invoice at the new price would come to; absent for prices without a flat amount.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub next_invoice_amount: Option<i64>,
    /// When that invoice would fall due; at once where the interval changes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub next_invoice_at: Option<Timestamp>,
}

/// What would be forgiven of an open invoice.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[schema(as = WaivedInvoice)]
pub struct Waived {
    /// The number the customer knows it by.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub number: Option<String>,
    /// Minor units that would be forgiven.
    pub amount: i64,
    /// Minor units that would still be to be paid.
    pub remaining: i64,
}

/// A part of what is split.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[schema(as = InstallmentPart)]
pub struct Part {
    /// Minor units, greater than zero.
    pub amount: i64,
    /// When it is charged, or sent where invoices are sent.
    pub due_at: Timestamp,
}
