//! A subscription of each shape, made with Stripe's own calls.

use counteroffer::domain::shape::Shape;
use counteroffer::sandbox::AfterRetries;
use jiff::SignedDuration;
use serde_json::json;

use crate::support::app::{Subscriber, TestApp};

/// Stripe's test payment method whose charges fail.
const DECLINING: &str = "pm_card_chargeCustomerFail";

/// Subscribers of the shape, as many as wanted.
pub(super) fn seeded(test: &TestApp, shape: Shape, count: usize) -> Vec<Subscriber> {
    let seeds = Seeds { test };
    test.sandbox.set_livemode(shape == Shape::OtherMode);
    let mut all = Vec::new();
    for _ in 0..count {
        all.push(seeds.of(shape));
    }
    let days = |days: i64| SignedDuration::from_hours(24 * days);
    if matches!(shape, Shape::PastDue | Shape::Unpaid) {
        test.sandbox.after_retries(AfterRetries::Unpaid);
        test.advance(days(32));
    }
    if shape == Shape::Unpaid {
        test.advance(days(15));
    }
    all
}

/// The mark of an operation of ours.
const OURS: (&str, &str) = ("metadata[counteroffer_pause]", "bop_01JAF5XT9Z4M2K7Q8W3E6R5T1Y");

struct Seeds<'a> {
    test: &'a TestApp,
}

impl Seeds<'_> {
    fn of(&self, shape: Shape) -> Subscriber {
        if let Some(who) = self.priced(shape) {
            return who;
        }
        let plain = || self.subscribed(&self.price("usd", &[("unit_amount", "4900")]), &[]);
        let (coupon, code) = (self.coupon("10"), self.coupon("15"));
        let discounts = |names: &[(&str, &str)]| self.subscribed_to_pro(names);
        match shape {
            Shape::SubscriptionDiscount => discounts(&[("discounts[0][coupon]", &coupon)]),
            Shape::SeveralDiscounts => {
                discounts(&[("discounts[0][coupon]", &coupon), ("discounts[1][coupon]", &code)])
            }
            Shape::PromotionCode => {
                let params = [("promotion[type]", "coupon"), ("promotion[coupon]", coupon.as_str())];
                let code = self.test.sandbox.create("promotion_codes", &params).unwrap();
                discounts(&[("discounts[0][promotion_code]", &code)])
            }
            Shape::CustomerDiscount => {
                let who = plain();
                self.test.sandbox.seed_customer_discount(&who.customer, &coupon).unwrap();
                who
            }
            _ => {
                let who = plain();
                self.changed(shape, &who);
                who
            }
        }
    }

    /// Shapes that lie in what is sold.
    fn priced(&self, shape: Shape) -> Option<Subscriber> {
        let flat = [("unit_amount", "4900")];
        let pro = || self.price("usd", &flat);
        Some(match shape {
            Shape::SeveralItems => {
                let second = self.price("usd", &[("unit_amount", "1000")]);
                self.subscribed(&pro(), &[("items[1][price]", &second)])
            }
            Shape::MixedIntervals => {
                let yearly = self.price("usd", &[("unit_amount", "9900"), ("recurring[interval]", "year")]);
                self.subscribed(&pro(), &[("items[1][price]", &yearly)])
            }
            Shape::Metered => {
                let used = [("recurring[usage_type]", "metered"), ("recurring[meter]", "mtr_1"), flat[0]];
                self.subscribed(&self.price("usd", &used), &[])
            }
            Shape::Tiered => self.subscribed(&self.price("usd", &TIERS), &[("items[0][quantity]", "7")]),
            Shape::QuantityAboveOne => self.subscribed(&pro(), &[("items[0][quantity]", "5")]),
            Shape::ZeroPrice => self.subscribed(&self.price("usd", &[("unit_amount", "0")]), &[]),
            Shape::Classic => self.subscribed(&pro(), &[("billing_mode[type]", "classic")]),
            Shape::Trialing => self.subscribed(&pro(), &[("trial_period_days", "14")]),
            Shape::SendInvoice => {
                let by_mail = [("collection_method", "send_invoice"), ("days_until_due", "30")];
                self.subscribed(&pro(), &by_mail)
            }
            Shape::OtherCurrency => self.subscribed(&self.price("eur", &flat), &[]),
            Shape::Incomplete => self.subscribed(&pro(), &[("default_payment_method", DECLINING)]),
            Shape::TestClock => {
                let now = self.test.sandbox.now().as_second().to_string();
                let customer = self.customer();
                let clock = [("frozen_time", now.as_str()), ("customer", &customer)];
                self.test.sandbox.call("POST", "/v1/test_helpers/test_clocks", &clock).unwrap();
                self.subscription(customer, &pro(), &[])
            }
            _ => return None,
        })
    }

    /// Shapes that come of a later change.
    fn changed(&self, shape: Shape, who: &Subscriber) {
        let now = self.test.sandbox.now().as_second();
        let at = |days: i64| (now + days * 86_400).to_string();
        match shape {
            Shape::PastDue | Shape::Unpaid => self.update(who, &[("default_payment_method", DECLINING)]),
            Shape::Paused => self.post(who, "/pause", &[]),
            Shape::PausedByUs => {
                self.update(who, &[OURS]);
                self.post(who, "/pause", &[]);
            }
            Shape::CollectionPausedByUs => self.update(who, &[("pause_collection[behavior]", "void"), OURS]),
            Shape::CollectionPausedByOthers => self.update(who, &[("pause_collection[behavior]", "void")]),
            Shape::ScheduleAttached => {
                let from = [("from_subscription", who.subscription.as_str())];
                self.test.sandbox.create("subscription_schedules", &from).unwrap();
            }
            Shape::PendingUpdate => self.held(who),
            Shape::CancelAtPeriodEnd => self.update(who, &[("cancel_at_period_end", "true")]),
            Shape::CancelAt => self.update(who, &[("cancel_at", &at(10)), ("proration_behavior", "none")]),
            Shape::CancelAtLater => {
                self.update(who, &[("cancel_at", &at(200)), ("proration_behavior", "none")])
            }
            Shape::Ended => {
                let path = format!("/v1/subscriptions/{}", who.subscription);
                self.test.sandbox.call("DELETE", &path, &[]).unwrap();
            }
            _ => {}
        }
    }

    /// An upgrade that waits for a payment that failed.
    fn held(&self, who: &Subscriber) {
        self.update(who, &[("default_payment_method", DECLINING)]);
        let item = self.test.in_stripe(who)["items"]["data"][0]["id"].as_str().unwrap().to_owned();
        let plus = self.price("usd", &[("unit_amount", "9900")]);
        let upgrade = [
            ("items[0][id]", item.as_str()),
            ("items[0][price]", &plus),
            ("proration_behavior", "always_invoice"),
            ("payment_behavior", "pending_if_incomplete"),
        ];
        self.update(who, &upgrade);
    }

    fn update(&self, who: &Subscriber, params: &[(&str, &str)]) {
        self.post(who, "", params);
    }

    fn post(&self, who: &Subscriber, action: &str, params: &[(&str, &str)]) {
        let path = format!("/v1/subscriptions/{}{action}", who.subscription);
        self.test.sandbox.call("POST", &path, params).unwrap();
    }

    fn customer(&self) -> String {
        self.test.sandbox.seed_customer("subscriber@example.com").unwrap()
    }

    fn coupon(&self, percent: &str) -> String {
        self.test.sandbox.create("coupons", &[("percent_off", percent), ("duration", "forever")]).unwrap()
    }

    /// A price; monthly unless the parameters say otherwise.
    fn price(&self, currency: &str, params: &[(&str, &str)]) -> String {
        let product = self.test.sandbox.create("products", &[("name", "Pro")]).unwrap();
        let mut all = vec![("product", product.as_str()), ("currency", currency)];
        if !params.iter().any(|(name, _)| *name == "recurring[interval]") {
            all.push(("recurring[interval]", "month"));
        }
        all.extend(params);
        self.test.sandbox.create("prices", &all).unwrap()
    }

    fn subscribed_to_pro(&self, params: &[(&str, &str)]) -> Subscriber {
        self.subscribed(&self.price("usd", &[("unit_amount", "4900")]), params)
    }

    fn subscribed(&self, price: &str, params: &[(&str, &str)]) -> Subscriber {
        self.subscription(self.customer(), price, params)
    }

    fn subscription(&self, customer: String, price: &str, params: &[(&str, &str)]) -> Subscriber {
        let mut all = vec![("customer", customer.as_str()), ("items[0][price]", price)];
        all.extend(params);
        let subscription = self.test.sandbox.create("subscriptions", &all);
        let subscription = subscription.unwrap_or_else(|refused| panic!("{} {refused:?}", json!(all)));
        Subscriber { customer, subscription }
    }
}

const TIERS: [(&str, &str); 6] = [
    ("billing_scheme", "tiered"),
    ("tiers_mode", "graduated"),
    ("tiers[0][up_to]", "5"),
    ("tiers[0][unit_amount]", "1000"),
    ("tiers[1][up_to]", "inf"),
    ("tiers[1][unit_amount]", "500"),
];
