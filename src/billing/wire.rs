//! The few fields of Stripe's objects that we read, and how they become domain types.
//!
//! These are structs of our own, not the crate's: its parse of a whole subscription fails on any of some hundred fields
//! that Stripe leaves out or adds to, and says neither which nor where. A subscription that cannot be read cannot be
//! canceled either, so what is not needed is not looked at.

use std::collections::HashMap;

use jiff::Timestamp;
use rust_decimal::Decimal;
use serde::{Deserialize, Deserializer, de};
use serde_json::Value;

use crate::domain::ids::{
    CouponId, DiscountId, PriceId, ProductId, StripeCustomerId, SubscriptionId, SubscriptionItemId,
};
use crate::domain::money::{Currency, Money, Percent};
use crate::domain::offer::PauseBehavior;
use crate::domain::span::{Interval, Span};
use crate::domain::subscription as domain;

/// What must be expanded in a subscription for [`Subscription`] to be complete; Stripe allows four levels.
pub(super) const EXPAND: [&str; 4] = [
    "customer",
    "customer.discount.source.coupon",
    "discounts.source.coupon",
    "items.data.price.product",
];
/// The same for a page of items.
pub(super) const EXPAND_ITEMS: [&str; 1] = ["data.price.product"];

/// The key of the metadata on what we create in Stripe; its value is the operation's id.
pub(super) const MARK: &str = "counteroffer_operation";

/// An instant as Stripe writes it, in seconds.
#[derive(Clone, Copy, Debug)]
struct Unix(Timestamp);

impl<'de> Deserialize<'de> for Unix {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Timestamp::from_second(i64::deserialize(deserializer)?)
            .map(Self)
            .map_err(de::Error::custom)
    }
}

fn instant(unix: Option<Unix>) -> Option<Timestamp> {
    unix.map(|Unix(at)| at)
}

/// A reference: an id, or the object itself where it was expanded.
#[derive(Debug, Deserialize)]
#[serde(untagged)]
enum Expandable<I, T> {
    Id(I),
    Object(T),
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
    schedule: Option<Expandable<String, Named>>,
    pending_update: Option<Value>,
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

/// What pages of a list are continued after.
pub(super) trait HasId {
    fn id(&self) -> &str;
}

impl HasId for Named {
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
}

#[derive(Debug, Deserialize)]
struct Discount {
    id: DiscountId,
    source: Source,
    end: Option<Unix>,
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
    recurring: Option<Recurring>,
}

impl Price {
    /// How often it is billed and how it counts; none for a price that does not recur.
    pub(super) fn recurs(&self) -> Option<(Span, domain::Usage)> {
        let recurring = self.recurring.as_ref()?;
        Some((
            Span {
                interval: recurring.interval,
                count: recurring.interval_count,
            },
            recurring.usage_type,
        ))
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

/// A subscription with what only plans need to know of it.
#[derive(Debug)]
pub(super) struct Seen {
    /// The subscription.
    pub(super) subscription: domain::Subscription,
    /// The schedule that drives it.
    pub(super) schedule: Option<String>,
    /// The items that we made: price, item, and the id of the operation that made it.
    pub(super) ours: Vec<OurItem>,
    /// The request id of the read.
    pub(super) request_id: Option<String>,
}

/// An item that an operation made.
#[derive(Debug)]
pub(super) struct OurItem {
    pub(super) id: SubscriptionItemId,
    pub(super) price: PriceId,
    pub(super) operation: String,
}

impl Subscription {
    /// The domain's view of it.
    pub(super) fn into_seen(self, request_id: Option<String>) -> Result<Seen, &'static str> {
        let (customer, country, customer_discount) = match self.customer {
            Expandable::Id(id) => (id, None, None),
            Expandable::Object(customer) => {
                let country = customer.address.and_then(|address| address.country);
                (
                    customer.id,
                    country.filter(|code| !code.is_empty()),
                    customer.discount,
                )
            }
        };
        let ours = self.items.data.iter().filter_map(Item::ours).collect();
        let schedule = self.schedule.map(|schedule| match schedule {
            Expandable::Id(id) => id,
            Expandable::Object(named) => named.id,
        });
        let discounts = self.discounts.into_iter().map(|discount| match discount {
            Expandable::Object(discount) => discount.into_domain(),
            Expandable::Id(_) => Err("a discount was not expanded"),
        });
        let pause_collection = self.pause_collection.map(|pause| domain::PauseCollection {
            behavior: pause.behavior,
            resumes_at: instant(pause.resumes_at),
        });
        let subscription = domain::Subscription {
            id: self.id,
            customer,
            livemode: self.livemode,
            status: self.status,
            currency: self.currency,
            items: self
                .items
                .data
                .into_iter()
                .map(Item::into_domain)
                .collect::<Result<_, _>>()?,
            discounts: discounts.collect::<Result<_, _>>()?,
            customer_discount: customer_discount.map(Discount::into_domain).transpose()?,
            created: self.created.0,
            trial_end: instant(self.trial_end),
            cancel_at_period_end: self.cancel_at_period_end,
            cancel_at: instant(self.cancel_at),
            canceled_at: instant(self.canceled_at),
            ended_at: instant(self.ended_at),
            pause_collection,
            scheduled: schedule.is_some(),
            pending_update: self.pending_update.is_some(),
            country,
        };
        Ok(Seen {
            subscription,
            schedule,
            ours,
            request_id,
        })
    }
}

impl Discount {
    fn into_domain(self) -> Result<domain::Discount, &'static str> {
        let Some(Expandable::Object(coupon)) = self.source.coupon else {
            return Err("a discount's coupon was not expanded");
        };
        // Old coupons may have more decimals than can be given today.
        let percent = coupon
            .percent_off
            .and_then(|percent| Decimal::try_from(percent).ok());
        let amount = coupon.amount_off.zip(coupon.currency);
        Ok(domain::Discount {
            id: self.id,
            coupon: coupon.id,
            percent_off: percent.and_then(|percent| Percent::try_from(percent.round_dp(2)).ok()),
            amount_off: amount.map(|(amount, currency)| Money { amount, currency }),
            duration: coupon.duration,
            end: instant(self.end),
        })
    }
}

impl Item {
    fn ours(&self) -> Option<OurItem> {
        let operation = self.metadata.get(MARK)?.clone();
        Some(OurItem {
            id: self.id.clone(),
            price: self.price.id.clone(),
            operation,
        })
    }

    fn into_domain(self) -> Result<domain::Item, &'static str> {
        let (every, usage) = self.price.recurs().ok_or("an item's price does not recur")?;
        let (product, product_name) = match self.price.product {
            Expandable::Id(id) => (id, None),
            Expandable::Object(product) => (product.id, product.name),
        };
        Ok(domain::Item {
            id: self.id,
            price: self.price.id,
            product,
            name: product_name.or(self.price.nickname).unwrap_or_default(),
            unit_amount: self.price.unit_amount,
            every,
            usage,
            quantity: self.quantity.unwrap_or(1),
            current_period_start: self.current_period_start.0,
            current_period_end: self.current_period_end.0,
        })
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn item(id: &str) -> Value {
        json!({
            "id": id, "quantity": 2, "current_period_start": 1, "current_period_end": 2, "metadata": {},
            "price": {"id": "price_1", "product": {"id": "prod_1", "name": "Pro"}, "unit_amount": 4900, "currency": "usd",
                      "recurring": {"interval": "month", "interval_count": 1, "usage_type": "licensed"}}
        })
    }

    fn subscription() -> Value {
        json!({
            "id": "sub_1", "customer": {"id": "cus_1", "deleted": true}, "livemode": false, "status": "active",
            "currency": "usd", "created": 0, "items": {"data": [item("si_1")], "has_more": false},
            "field_of_tomorrow": {"a": 1}
        })
    }

    fn read(value: Value) -> Result<Seen, &'static str> {
        serde_json::from_value::<Subscription>(value)
            .unwrap()
            .into_seen(None)
    }

    #[test]
    fn reads_what_it_needs_and_nothing_more() {
        let seen = read(subscription()).unwrap();
        assert_eq!(seen.subscription.mrr().amount, 9800);
        assert!(seen.ours.is_empty() && seen.schedule.is_none());
        assert!(!seen.subscription.pending_update);
    }

    #[test]
    fn reads_discounts_of_subscription_and_customer() {
        let discount = |id: &str, coupon: Value| json!({"id": id, "end": 99, "source": {"type": "coupon", "coupon": coupon}});
        let mut value = subscription();
        value["discounts"] = json!([discount(
            "di_1",
            json!({"id": "c1", "percent_off": 33.333, "duration": "forever"})
        )]);
        value["customer"] = json!({"id": "cus_1", "address": {"country": "DE"}, "discount":
            discount("di_2", json!({"id": "c2", "amount_off": 500, "currency": "usd", "duration": "once"}))});
        let subscription = read(value.clone()).unwrap().subscription;
        assert_eq!(subscription.country.as_deref(), Some("DE"));
        assert_eq!(
            subscription.discounts[0].percent_off.unwrap().to_string(),
            "33.33"
        );
        assert_eq!(
            subscription.customer_discount.unwrap().amount_off.unwrap().amount,
            500
        );
        // Without the coupon nobody could tell what the discount is.
        value["discounts"] = json!(["di_1"]);
        assert!(read(value).is_err());
    }

    #[test]
    fn knows_the_items_that_we_made_and_the_schedule() {
        let mut value = subscription();
        value["items"]["data"][0]["metadata"] = json!({MARK: "bop_1"});
        value["schedule"] = json!("sub_sched_1");
        value["pending_update"] = json!({"expires_at": 1});
        let seen = read(value).unwrap();
        assert_eq!(seen.ours[0].operation, "bop_1");
        assert_eq!(seen.schedule.as_deref(), Some("sub_sched_1"));
        assert!(seen.subscription.scheduled && seen.subscription.pending_update);
    }
}
