//! A subscription as billing last showed it: the snapshot that eligibility, previews and facts are taken from.

use jiff::Timestamp;
use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};
use strum::IntoStaticStr;
use utoipa::ToSchema;

use super::ids::{
    CouponId, DiscountId, InvoiceId, OperationId, PriceId, ProductId, PromotionCodeId, ScheduleId,
    StripeCustomerId, SubscriptionId, SubscriptionItemId,
};
use super::money::{Currency, Money, Percent};
use super::offer::PauseBehavior;
use super::span::{Interval, Span};

/// Stripe's `subscription.status`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
#[derive(IntoStaticStr)]
#[strum(serialize_all = "snake_case")]
pub enum SubscriptionStatus {
    /// The first payment has not succeeded yet.
    Incomplete,
    /// The first payment never succeeded; final.
    IncompleteExpired,
    /// In its trial.
    Trialing,
    /// Paid up.
    Active,
    /// A payment failed and is being retried.
    PastDue,
    /// Ended; final.
    Canceled,
    /// Retries are over and invoices stay open.
    Unpaid,
    /// Paused by Stripe: a trial ended without a way to pay, or the pause call.
    Paused,
}

impl SubscriptionStatus {
    /// The word on the wire.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        self.into()
    }

    /// Whether nothing can happen to the subscription any more.
    #[must_use]
    pub fn is_ended(self) -> bool {
        matches!(self, Self::Canceled | Self::IncompleteExpired)
    }
}

/// Stripe's `subscription.billing_mode.type`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum BillingMode {
    /// The older way; neither Stripe's pause call nor mixed intervals are to be had.
    #[default]
    Classic,
    /// The newer way.
    Flexible,
}

/// Stripe's `subscription.collection_method`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CollectionMethod {
    /// From the payment method on file.
    #[default]
    ChargeAutomatically,
    /// By an invoice sent to the customer.
    SendInvoice,
}

/// Who paused a subscription or its collection.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PausedBy {
    /// One of our operations: its id stands in the subscription's metadata.
    Operation(OperationId),
    /// Somebody or something else.
    Others,
}

/// How a price counts what it charges for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Usage {
    /// By the quantity on the item.
    Licensed,
    /// By reported usage.
    Metered,
}

/// One priced line of a subscription.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Item {
    /// The item.
    pub id: SubscriptionItemId,
    /// Its price.
    pub price: PriceId,
    /// The product the price sells.
    pub product: ProductId,
    /// The product's or price's name; empty when Stripe has none.
    pub name: String,
    /// Minor units per unit; absent for tiered and decimal prices.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unit_amount: Option<i64>,
    /// Whether the price depends on the quantity in tiers.
    #[serde(default, skip_serializing_if = "is_false")]
    pub tiered: bool,
    /// How often it is billed.
    pub every: Span,
    /// Licensed or metered.
    pub usage: Usage,
    /// The quantity; 1 for metered items.
    pub quantity: i64,
    /// Start of the current period (Stripe keeps periods on the items).
    pub current_period_start: Timestamp,
    /// End of the current period.
    pub current_period_end: Timestamp,
}

/// How long a coupon's discount lasts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CouponDuration {
    /// One invoice.
    Once,
    /// A number of months.
    Repeating,
    /// Every invoice.
    Forever,
}

/// A discount attached to the subscription or its customer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Discount {
    /// The discount; to be sent back when others are added, since Stripe overwrites the list.
    pub id: DiscountId,
    /// Its coupon.
    pub coupon: CouponId,
    /// The promotion code it was redeemed with, if it was.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub promotion_code: Option<PromotionCodeId>,
    /// Percentage off, if the coupon is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub percent_off: Option<Percent>,
    /// Amount off, if the coupon is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub amount_off: Option<Money>,
    /// How long it lasts.
    pub duration: CouponDuration,
    /// When it ends, for those that repeat.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub end: Option<Timestamp>,
}

/// A pause of collection.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PauseCollection {
    /// What becomes of invoices meanwhile.
    pub behavior: PauseBehavior,
    /// When collection resumes; absent for a pause without an end.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub resumes_at: Option<Timestamp>,
}

/// The most open invoices that a snapshot holds; the newest ones.
pub const MAX_OPEN_INVOICES: usize = 12;

/// A finalized invoice that is not paid.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct OpenInvoice {
    /// The invoice.
    pub id: InvoiceId,
    /// The number the customer knows it by.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub number: Option<String>,
    /// Minor units still to be paid, in the subscription's currency.
    pub amount_remaining: i64,
    /// When it was made.
    pub created: Timestamp,
    /// When it is to be paid, for those that are sent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub due_date: Option<Timestamp>,
    /// Whether Stripe goes on collecting it.
    pub auto_advance: bool,
    /// Whether it bears taxes.
    #[serde(default, skip_serializing_if = "is_false")]
    pub taxed: bool,
}

/// The last known state of one subscription.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Subscription {
    /// The subscription.
    pub id: SubscriptionId,
    /// Who pays for it.
    pub customer: StripeCustomerId,
    /// Live or test mode.
    pub livemode: bool,
    /// Stripe's status.
    pub status: SubscriptionStatus,
    /// Stripe's currency for it.
    pub currency: Currency,
    /// The priced lines, in Stripe's order.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub items: Vec<Item>,
    /// Discounts on the subscription, in Stripe's order.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub discounts: Vec<Discount>,
    /// The customer-level discount, which any subscription-level one silently replaces.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub customer_discount: Option<Discount>,
    /// When it was created.
    pub created: Timestamp,
    /// When its trial ends or ended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub trial_end: Option<Timestamp>,
    /// Stripe's flag for "ends with the current period".
    pub cancel_at_period_end: bool,
    /// A scheduled end.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cancel_at: Option<Timestamp>,
    /// When a cancellation was asked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub canceled_at: Option<Timestamp>,
    /// When it ended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ended_at: Option<Timestamp>,
    /// A pause of collection, whoever set it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pause_collection: Option<PauseCollection>,
    /// Who set the pause of collection, or the status `paused`; absent where there is none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub paused_by: Option<PausedBy>,
    /// Whether a subscription schedule drives it.
    pub scheduled: bool,
    /// The subscription schedule that drives it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub schedule: Option<ScheduleId>,
    /// Which of our operations made that schedule, if one did: its id stands in the schedule's metadata.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scheduled_by: Option<OperationId>,
    /// Whether an update waits for a payment.
    pub pending_update: bool,
    /// The customer's country, ISO 3166-1 alpha-2, where Stripe knows it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub country: Option<String>,
    /// The customer's state within the country as the billing address has it, where Stripe knows it: free text, often
    /// the second part of ISO 3166-2.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub state: Option<String>,
    /// How Stripe computes its invoices.
    #[serde(default)]
    pub billing_mode: BillingMode,
    /// How invoices are paid.
    #[serde(default)]
    pub collection_method: CollectionMethod,
    /// Whether its invoices bear taxes, by rates of its own or by Stripe's reckoning.
    #[serde(default, skip_serializing_if = "is_false")]
    pub taxed: bool,
    /// Whether one of Stripe's test clocks moves its time.
    #[serde(default, skip_serializing_if = "is_false")]
    pub test_clock: bool,
    /// Its open invoices, newest first, at most [`MAX_OPEN_INVOICES`]. Looked for where the status or the latest invoice
    /// says that there may be some.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub open_invoices: Vec<OpenInvoice>,
}

#[allow(clippy::trivially_copy_pass_by_ref, reason = "serde hands out references")]
fn is_false(flag: &bool) -> bool {
    !flag
}

impl Subscription {
    /// The item that stands for the plan: the dearest licensed one, or the first.
    #[must_use]
    pub fn main_item(&self) -> Option<&Item> {
        let dearest = self
            .items
            .iter()
            .filter(|item| item.usage == Usage::Licensed)
            .max_by_key(|item| (item.monthly_amount(), std::cmp::Reverse(item.id.as_str())));
        dearest.or(self.items.first())
    }

    /// The earliest end of a current period, which is when the next invoice falls due.
    #[must_use]
    pub fn current_period_end(&self) -> Option<Timestamp> {
        self.items.iter().map(|item| item.current_period_end).min()
    }

    /// Monthly recurring revenue before discounts, rounded to the minor unit; metered and tiered items count zero.
    #[must_use]
    pub fn mrr(&self) -> Money {
        let exact: Decimal = self.items.iter().map(Item::monthly_amount).sum();
        Money { amount: i64::try_from(exact.round()).unwrap_or(i64::MAX), currency: self.currency }
    }

    /// Whether an end is already scheduled, by flag or by date.
    #[must_use]
    pub fn is_canceling(&self) -> bool {
        self.cancel_at_period_end || self.cancel_at.is_some()
    }

    /// Whether it ends with the current period, or before, without anybody doing more.
    #[must_use]
    pub fn ends_with_period(&self) -> bool {
        let by_date =
            matches!((self.cancel_at, self.current_period_end()), (Some(at), Some(end)) if at <= end);
        self.cancel_at_period_end || by_date
    }

    /// Since when payment is overdue: when the oldest of the open invoices known fell due; none where the status says
    /// that nothing is.
    #[must_use]
    pub fn overdue_since(&self) -> Option<Timestamp> {
        let due = self.open_invoices.iter().map(|invoice| invoice.due_date.unwrap_or(invoice.created));
        due.min().filter(|_| self.is_overdue())
    }

    /// Whether payments are overdue (status `past_due` or `unpaid`).
    #[must_use]
    pub fn is_overdue(&self) -> bool {
        matches!(self.status, SubscriptionStatus::PastDue | SubscriptionStatus::Unpaid)
    }

    /// The discounts in force at `now`: the subscription's own, or the customer's where it has none.
    pub fn discounts_in_force(&self, now: Timestamp) -> impl Iterator<Item = &Discount> {
        let of_customer = self.customer_discount.iter().filter(|_| self.discounts.is_empty());
        self.discounts
            .iter()
            .chain(of_customer)
            .filter(move |discount| discount.end.is_none_or(|end| end > now))
    }

    /// Whether it is in a trial that has not run out at `now`.
    #[must_use]
    pub fn is_trialing(&self, now: Timestamp) -> bool {
        self.status == SubscriptionStatus::Trialing && self.trial_end.is_some_and(|end| end > now)
    }

    /// What the next invoice comes to with the discounts that are there already.
    #[must_use]
    pub fn next_invoice_amount(&self) -> i64 {
        let Some(due) = self.current_period_end() else {
            return 0;
        };
        let full: i64 = self
            .items
            .iter()
            .filter(|item| item.usage == Usage::Licensed && item.current_period_end == due)
            .filter_map(|item| item.unit_amount?.checked_mul(item.quantity))
            .fold(0, i64::saturating_add);
        let own = self.discounts.iter();
        // Stripe ignores the customer's discount as soon as the subscription has one of its own.
        let standing = own.chain(self.customer_discount.iter().filter(|_| self.discounts.is_empty()));
        standing.filter(|discount| discount.end.is_none_or(|end| end > due)).fold(full, |left, discount| {
            let off = discount.percent_off.map_or(0, |percent: Percent| percent.of(left))
                + discount.amount_off.map_or(0, |money| money.amount);
            (left - off).max(0)
        })
    }
}

impl Item {
    /// What the item brings per month before discounts; zero for metered and tiered prices.
    fn monthly_amount(&self) -> Decimal {
        let per_period = match (self.usage, self.unit_amount) {
            (Usage::Licensed, Some(unit)) => Decimal::from(unit) * Decimal::from(self.quantity),
            _ => return Decimal::ZERO,
        };
        let count = Decimal::from(self.every.count.max(1));
        let twelve = Decimal::from(12);
        match self.every.interval {
            Interval::Day => per_period * Decimal::from(365) / twelve / count,
            Interval::Week => per_period * Decimal::from(52) / twelve / count,
            Interval::Month => per_period / count,
            Interval::Year => per_period / twelve / count,
        }
    }
}
