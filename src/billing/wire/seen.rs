//! How Stripe's objects become domain types.

use jiff::Timestamp;
use rust_decimal::Decimal;

use super::{
    AutomaticTax, Discount, Expandable, Invoice, Item, MARK, PAUSE_MARK, Price, RESUME_MARK, Schedule,
    Subscription, Unix,
};
use crate::domain::ids::{PriceId, SubscriptionItemId};
use crate::domain::money::{Money, Percent};
use crate::domain::pause::ResumeMark;
use crate::domain::price;
use crate::domain::subscription as domain;

/// A subscription with what only plans need to know of it.
#[derive(Debug)]
pub(in crate::billing) struct Seen {
    /// The subscription.
    pub(in crate::billing) subscription: domain::Subscription,
    /// The items that we made: price, item, and the id of the operation that made it.
    pub(in crate::billing) ours: Vec<OurItem>,
    /// Which of our operations has ended, or is about to end, which of our pauses.
    pub(in crate::billing) resumed_by: Option<ResumeMark>,
    /// What the subscription is paid with, where that is not the customer's usual way.
    pub(in crate::billing) payment_method: Option<String>,
    /// How long invoices that are sent leave for paying.
    pub(in crate::billing) days_until_due: Option<u32>,
    /// The request id of the read.
    pub(in crate::billing) request_id: Option<String>,
}

/// An item that an operation made.
#[derive(Debug)]
pub(in crate::billing) struct OurItem {
    pub(in crate::billing) id: SubscriptionItemId,
    pub(in crate::billing) price: PriceId,
    pub(in crate::billing) operation: String,
}

impl Subscription {
    /// The domain's view of it.
    pub(in crate::billing) fn into_seen(self, request_id: Option<String>) -> Result<Seen, &'static str> {
        let (customer, address, customer_discount) = match self.customer {
            Expandable::Id(id) => (id, None, None),
            Expandable::Object(customer) => (customer.id, customer.address, customer.discount),
        };
        let (country, state) = address.map(|address| (address.country, address.state)).unwrap_or_default();
        let ours = self.items.data.iter().filter_map(Item::ours).collect();
        let (schedule, scheduled_by) = match self.schedule {
            None => (None, None),
            Some(Expandable::Id(id)) => (Some(id), None),
            Some(Expandable::Object(Schedule { id, metadata })) => {
                (Some(id), metadata.get(MARK).and_then(|mark| mark.parse().ok()))
            }
        };
        let paused = self.pause_collection.is_some() || self.status == domain::SubscriptionStatus::Paused;
        let operation = self.metadata.get(PAUSE_MARK).and_then(|mark| mark.parse().ok());
        let resumed_by = self.metadata.get(RESUME_MARK).and_then(|mark| mark.parse().ok());
        let paused_by =
            paused.then(|| operation.map_or(domain::PausedBy::Others, domain::PausedBy::Operation));
        let discounts = self.discounts.into_iter().map(|discount| match discount {
            Expandable::Object(discount) => discount.into_domain(),
            Expandable::Id(_) => Err("a discount was not expanded"),
        });
        let open = self.open_invoices.into_iter().filter(Invoice::is_open);
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
            items: self.items.data.into_iter().map(Item::into_domain).collect::<Result<_, _>>()?,
            discounts: discounts.collect::<Result<_, _>>()?,
            customer_discount: customer_discount.map(Discount::into_domain).transpose()?,
            created: self.created.0,
            trial_end: instant(self.trial_end),
            cancel_at_period_end: self.cancel_at_period_end,
            cancel_at: instant(self.cancel_at),
            canceled_at: instant(self.canceled_at),
            ended_at: instant(self.ended_at),
            pause_collection,
            paused_by,
            scheduled: schedule.is_some(),
            schedule,
            scheduled_by,
            pending_update: self.pending_update.is_some(),
            country: country.filter(|code| !code.is_empty()),
            state: state.filter(|text| !text.is_empty()),
            billing_mode: match self.billing_mode {
                Some(mode) if mode.kind == "flexible" => domain::BillingMode::Flexible,
                _ => domain::BillingMode::Classic,
            },
            collection_method: match self.collection_method.as_deref() {
                Some("send_invoice") => domain::CollectionMethod::SendInvoice,
                _ => domain::CollectionMethod::ChargeAutomatically,
            },
            taxed: AutomaticTax::is_on(self.automatic_tax.as_ref())
                || self.default_tax_rates.is_some_and(|rates| !rates.is_empty()),
            test_clock: self.test_clock.is_some(),
            open_invoices: open.map(Invoice::into_domain).take(domain::MAX_OPEN_INVOICES).collect(),
        };
        let payment_method = self.default_payment_method.map(|method| match method {
            Expandable::Id(id) => id,
            Expandable::Object(named) => named.id,
        });
        Ok(Seen {
            subscription,
            ours,
            resumed_by,
            payment_method,
            days_until_due: self.days_until_due,
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
        let percent = coupon.percent_off.and_then(|percent| Decimal::try_from(percent).ok());
        let amount = coupon.amount_off.zip(coupon.currency);
        Ok(domain::Discount {
            id: self.id,
            coupon: coupon.id,
            promotion_code: self.promotion_code.map(|code| match code {
                Expandable::Id(id) => id,
                Expandable::Object(code) => code.id,
            }),
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
        Some(OurItem { id: self.id.clone(), price: self.price.id.clone(), operation })
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
            tiered: self.price.billing_scheme.as_deref() == Some("tiered"),
            every,
            usage,
            quantity: self.quantity.unwrap_or(1),
            current_period_start: self.current_period_start.0,
            current_period_end: self.current_period_end.0,
        })
    }
}

impl Price {
    /// The domain's view of it.
    pub(in crate::billing) fn into_domain(self) -> price::Price {
        let recurs = self.recurs();
        let (product, product_name) = match self.product {
            Expandable::Id(id) => (id, None),
            Expandable::Object(product) => (product.id, product.name),
        };
        price::Price {
            id: self.id,
            product,
            name: product_name.or(self.nickname).unwrap_or_default(),
            unit_amount: self.unit_amount,
            currency: self.currency,
            every: recurs.map(|(every, _)| every),
            usage: recurs.map_or(domain::Usage::Licensed, |(_, usage)| usage),
            tiered: self.billing_scheme.as_deref() == Some("tiered"),
            active: self.active.unwrap_or(true),
            livemode: self.livemode,
        }
    }
}

pub(super) fn instant(unix: Option<Unix>) -> Option<Timestamp> {
    unix.map(|Unix(at)| at)
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::domain::ids::OperationId;

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
        serde_json::from_value::<Subscription>(value).unwrap().into_seen(None)
    }

    #[test]
    fn reads_what_it_needs_and_nothing_more() {
        let seen = read(subscription()).unwrap();
        assert_eq!(seen.subscription.mrr().amount, 9800);
        assert!(seen.ours.is_empty() && seen.subscription.schedule.is_none());
        assert!(!seen.subscription.pending_update);
    }

    #[test]
    fn reads_discounts_of_subscription_and_customer() {
        let discount = |id: &str, coupon: Value| json!({"id": id, "end": 99, "source": {"type": "coupon", "coupon": coupon}});
        let mut value = subscription();
        value["discounts"] =
            json!([discount("di_1", json!({"id": "c1", "percent_off": 33.333, "duration": "forever"}))]);
        value["customer"] = json!({"id": "cus_1", "address": {"country": "DE", "state": "BE"}, "discount":
            discount("di_2", json!({"id": "c2", "amount_off": 500, "currency": "usd", "duration": "once"}))});
        let subscription = read(value.clone()).unwrap().subscription;
        assert_eq!(subscription.country.as_deref(), Some("DE"));
        assert_eq!(subscription.state.as_deref(), Some("BE"));
        assert_eq!(subscription.discounts[0].percent_off.unwrap().to_string(), "33.33");
        assert_eq!(subscription.customer_discount.unwrap().amount_off.unwrap().amount, 500);
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
        assert!(seen.subscription.scheduled && seen.subscription.pending_update);
        assert_eq!(seen.subscription.schedule.unwrap().as_str(), "sub_sched_1");
    }

    #[test]
    fn reads_the_shape_and_who_paused() {
        let plain = read(subscription()).unwrap().subscription;
        assert_eq!(plain.billing_mode, domain::BillingMode::Classic);
        assert_eq!(plain.collection_method, domain::CollectionMethod::ChargeAutomatically);
        assert!(!plain.test_clock && plain.paused_by.is_none() && !plain.items[0].tiered);
        let mut value = subscription();
        value["billing_mode"] = json!({"type": "flexible"});
        value["collection_method"] = json!("send_invoice");
        value["test_clock"] = json!("clock_1");
        value["pause_collection"] = json!({"behavior": "void", "resumes_at": null});
        value["items"]["data"][0]["price"]["billing_scheme"] = json!("tiered");
        let shaped = read(value.clone()).unwrap().subscription;
        assert_eq!(shaped.billing_mode, domain::BillingMode::Flexible);
        assert_eq!(shaped.collection_method, domain::CollectionMethod::SendInvoice);
        assert!(shaped.test_clock && shaped.items[0].tiered);
        assert_eq!(shaped.paused_by, Some(domain::PausedBy::Others));
        let ours = OperationId::generate(Timestamp::UNIX_EPOCH);
        value["metadata"] = json!({PAUSE_MARK: ours});
        assert_eq!(read(value).unwrap().subscription.paused_by, Some(domain::PausedBy::Operation(ours)));
    }

    #[test]
    fn the_latest_invoice_tells_whether_to_ask_for_more() {
        let owes = |status: &str, invoice: Value| {
            let mut value = subscription();
            value["status"] = json!(status);
            value["latest_invoice"] = invoice;
            serde_json::from_value::<Subscription>(value).unwrap().may_owe()
        };
        let invoice = |status: &str| json!({"id": "in_1", "status": status, "created": 1});
        assert!(owes("active", invoice("open")));
        assert!(owes("past_due", invoice("paid")) && owes("unpaid", json!("in_1")));
        assert!(
            !owes("active", invoice("paid"))
                && !owes("active", json!("in_1"))
                && !owes("active", json!(null))
        );
    }
}
