//! The few fields of Stripe's objects that we read, and how they become domain types.
//!
//! These are structs of our own, not the crate's: its parse of a whole subscription fails on any of some hundred fields
//! that Stripe leaves out or adds to, and says neither which nor where. A subscription that cannot be read cannot be
//! canceled either, so what is not needed is not looked at.

mod bill;
mod expandable;
mod invoice;
mod schedule;
mod seen;

use std::collections::HashMap;

use jiff::Timestamp;
use serde::{Deserialize, Deserializer, de};
use serde_json::Value;

use crate::domain::ids::{
    CouponId, DiscountId, InvoiceId, PriceId, ProductId, PromotionCodeId, ScheduleId, StripeCustomerId,
    SubscriptionId, SubscriptionItemId,
};
use crate::domain::money::Currency;
use crate::domain::offer::PauseBehavior;
use crate::domain::operation::Operation;
use crate::domain::span::{Interval, Span};
use crate::domain::subscription as domain;

use expandable::Expandable;

pub(super) use bill::{Bill, PART_MARK};
pub(super) use invoice::Invoice;
pub(super) use schedule::{Phase, Planned};
pub(super) use seen::{OurItem, Seen};

/// What must be expanded in a subscription for [`Subscription`] to be complete; Stripe allows four levels.
pub(super) const EXPAND: [&str; 6] = [
    "customer",
    "customer.discount.source.coupon",
    "discounts.source.coupon",
    "items.data.price.product",
    "latest_invoice",
    "schedule",
];
/// The same for a page of items.
pub(super) const EXPAND_ITEMS: [&str; 1] = ["data.price.product"];

/// The key of the metadata on what we create in Stripe; its value is the operation's id.
pub(super) const MARK: &str = "counteroffer_operation";
/// The key of the metadata on a subscription that an operation of ours has paused; its value is the operation's id.
pub(super) const PAUSE_MARK: &str = "counteroffer_pause";
/// The key of the metadata on a subscription whose pause an operation of ours has ended, or is about to end; its value
/// is a [`crate::domain::pause::ResumeMark`].
pub(super) const RESUME_MARK: &str = "counteroffer_resume";

/// An instant as Stripe writes it, in seconds.
#[derive(Clone, Copy, Debug)]
struct Unix(Timestamp);

impl<'de> Deserialize<'de> for Unix {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Timestamp::from_second(i64::deserialize(deserializer)?).map(Self).map_err(de::Error::custom)
    }
}

/// A subscription.
#[derive(Debug, Deserialize)]
pub(super) struct Subscription {
    id: SubscriptionId,
    customer: Expandable<StripeCustomerId, Customer>,
    livemode: bool,
    status: domain::SubscriptionStatus,
    currency: Currency,
    pub(super) items: Page<Item>,
    #[serde(default)]
    discounts: Vec<Expandable<DiscountId, Discount>>,
    created: Unix,
    trial_end: Option<Unix>,
    #[serde(default)]
    cancel_at_period_end: bool,
    cancel_at: Option<Unix>,
    canceled_at: Option<Unix>,
    ended_at: Option<Unix>,
    pause_collection: Option<PauseCollection>,
    schedule: Option<Expandable<ScheduleId, Schedule>>,
    pending_update: Option<Value>,
    billing_mode: Option<BillingMode>,
    collection_method: Option<String>,
    days_until_due: Option<u32>,
    default_payment_method: Option<Expandable<String, Named>>,
    automatic_tax: Option<AutomaticTax>,
    #[serde(default)]
    default_tax_rates: Option<Vec<Value>>,
    test_clock: Option<Value>,
    #[serde(default)]
    metadata: HashMap<String, String>,
    latest_invoice: Option<Expandable<InvoiceId, Invoice>>,
    /// Asked for on its own, see [`Subscription::may_owe`].
    #[serde(skip)]
    pub(super) open_invoices: Vec<Invoice>,
}

#[derive(Debug, Deserialize)]
struct Schedule {
    id: ScheduleId,
    #[serde(default)]
    metadata: HashMap<String, String>,
}

/// Whether Stripe reckons taxes.
#[derive(Clone, Debug, Deserialize)]
struct AutomaticTax {
    #[serde(default)]
    enabled: bool,
}

impl AutomaticTax {
    fn is_on(said: Option<&Self>) -> bool {
        said.is_some_and(|said| said.enabled)
    }
}

#[derive(Debug, Deserialize)]
struct BillingMode {
    #[serde(rename = "type")]
    kind: String,
}

/// A page of a list.
#[derive(Debug, Deserialize)]
pub(super) struct Page<T> {
    pub(super) data: Vec<T>,
    #[serde(default)]
    pub(super) has_more: bool,
}

/// An object of which only the id matters.
#[derive(Debug, Deserialize)]
pub(super) struct Named {
    pub(super) id: String,
}

/// An object that may bear the mark of the operation that made it.
#[derive(Debug, Deserialize)]
pub(super) struct Marked {
    pub(super) id: String,
    #[serde(default)]
    metadata: HashMap<String, String>,
}

impl Marked {
    /// Whether this operation made it.
    pub(super) fn is_of(&self, operation: &Operation) -> bool {
        self.metadata.get(MARK).is_some_and(|mark| *mark == operation.id.to_string())
    }
}

/// What pages of a list are continued after.
pub(super) trait HasId {
    fn id(&self) -> &str;
}

impl HasId for Named {
    fn id(&self) -> &str {
        &self.id
    }
}

impl HasId for Marked {
    fn id(&self) -> &str {
        &self.id
    }
}

impl HasId for Item {
    fn id(&self) -> &str {
        self.id.as_str()
    }
}

#[derive(Debug, Deserialize)]
struct Customer {
    id: StripeCustomerId,
    address: Option<Address>,
    discount: Option<Discount>,
}

#[derive(Debug, Deserialize)]
struct Address {
    country: Option<String>,
    state: Option<String>,
}

#[derive(Debug, Deserialize)]
struct Discount {
    id: DiscountId,
    source: Source,
    promotion_code: Option<Expandable<PromotionCodeId, PromotionCode>>,
    end: Option<Unix>,
}

#[derive(Debug, Deserialize)]
struct PromotionCode {
    id: PromotionCodeId,
}

#[derive(Debug, Deserialize)]
struct Source {
    coupon: Option<Expandable<CouponId, Coupon>>,
}

/// A coupon.
#[derive(Debug, Deserialize)]
pub(super) struct Coupon {
    id: CouponId,
    /// How many discounts have been made of it.
    #[serde(default)]
    pub(super) times_redeemed: u32,
    percent_off: Option<f64>,
    amount_off: Option<i64>,
    currency: Option<Currency>,
    duration: domain::CouponDuration,
}

#[derive(Debug, Deserialize)]
struct PauseCollection {
    behavior: PauseBehavior,
    resumes_at: Option<Unix>,
}

/// A subscription item.
#[derive(Debug, Deserialize)]
pub(super) struct Item {
    pub(super) id: SubscriptionItemId,
    price: Price,
    quantity: Option<i64>,
    current_period_start: Unix,
    current_period_end: Unix,
    #[serde(default)]
    metadata: HashMap<String, String>,
}

/// A price.
#[derive(Debug, Deserialize)]
pub(super) struct Price {
    id: PriceId,
    nickname: Option<String>,
    product: Expandable<ProductId, Product>,
    pub(super) currency: Currency,
    /// Minor units; absent for tiered and decimal prices.
    pub(super) unit_amount: Option<i64>,
    active: Option<bool>,
    #[serde(default)]
    livemode: bool,
    billing_scheme: Option<String>,
    recurring: Option<Recurring>,
}

impl Price {
    /// How often it is billed and how it counts; none for a price that does not recur.
    pub(super) fn recurs(&self) -> Option<(Span, domain::Usage)> {
        let recurring = self.recurring.as_ref()?;
        Some((Span { interval: recurring.interval, count: recurring.interval_count }, recurring.usage_type))
    }
}

#[derive(Debug, Deserialize)]
struct Product {
    id: ProductId,
    name: Option<String>,
}

#[derive(Debug, Deserialize)]
struct Recurring {
    interval: Interval,
    interval_count: u16,
    usage_type: domain::Usage,
}
