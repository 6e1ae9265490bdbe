//! An example of each shape, and of each type of offer.

use jiff::Timestamp;
use serde_json::{Value, json};

use super::Shape;
use crate::domain::offer::{OfferType, Terms};
use crate::domain::price::Prices;
use crate::domain::subscription::Subscription;

/// The currency of the examples' amounts.
pub(super) const CURRENCY: &str = "usd";
/// The mode that the examples are looked at in.
pub(super) const LIVEMODE: bool = false;

const START: i64 = 1_803_000_000;

/// The examples' present: ten days into their period.
pub(super) fn now() -> Timestamp {
    at(10)
}

/// So many days after the period began.
fn at(days: i64) -> Timestamp {
    Timestamp::from_second(START.saturating_add(days.saturating_mul(86_400))).unwrap_or_default()
}

/// An example of the shape: what Stripe's defaults make of one item of 49.00 a month, but for the shape.
pub(super) fn subscription(shape: Shape) -> Result<Subscription, serde_json::Error> {
    let mut example = json!({
        "id": "sub_example", "customer": "cus_example", "livemode": LIVEMODE, "status": "active",
        "currency": CURRENCY, "items": items(shape), "discounts": discounts(shape), "customer_discount": null,
        "created": at(-400), "trial_end": null, "cancel_at_period_end": false, "cancel_at": null,
        "canceled_at": null, "ended_at": null, "pause_collection": null, "scheduled": false,
        "pending_update": false, "country": null, "billing_mode": "flexible",
    });
    if let (Value::Object(example), Value::Object(own)) = (&mut example, own(shape)) {
        example.extend(own);
    }
    serde_json::from_value(example)
}

fn item(id: &str, unit_amount: Option<i64>) -> Value {
    json!({
        "id": id, "price": format!("price_{id}"), "product": "prod_example", "name": "Pro",
        "unit_amount": unit_amount, "every": {"interval": "month", "count": 1}, "usage": "licensed",
        "quantity": 1, "current_period_start": at(0), "current_period_end": at(30),
    })
}

fn with(mut item: Value, own: Value) -> Value {
    if let (Value::Object(item), Value::Object(own)) = (&mut item, own) {
        item.extend(own);
    }
    item
}

fn items(shape: Shape) -> Vec<Value> {
    let plain = item("si_1", Some(4900));
    let yearly = json!({"every": {"interval": "year", "count": 1}, "current_period_end": at(365)});
    match shape {
        Shape::SeveralItems => vec![plain, item("si_2", Some(1000))],
        Shape::MixedIntervals => vec![plain, with(item("si_2", Some(9900)), yearly)],
        Shape::Metered => vec![with(plain, json!({"usage": "metered"}))],
        Shape::Tiered => vec![with(item("si_1", None), json!({"tiered": true}))],
        Shape::QuantityAboveOne => vec![with(plain, json!({"quantity": 5}))],
        Shape::ZeroPrice => vec![item("si_1", Some(0))],
        _ => vec![plain],
    }
}

fn discount(id: &str) -> Value {
    let value = json!({"percent_off": 10.0, "amount_off": null, "duration": "forever", "end": null});
    with(value, json!({"id": format!("di_{id}"), "coupon": format!("coupon_{id}")}))
}

fn discounts(shape: Shape) -> Vec<Value> {
    match shape {
        Shape::SubscriptionDiscount => vec![discount("1")],
        Shape::SeveralDiscounts => vec![discount("1"), discount("2")],
        Shape::PromotionCode => vec![with(discount("1"), json!({"promotion_code": "promo_1"}))],
        _ => Vec::new(),
    }
}

/// What the shape is, where it is neither in the items nor in the discounts.
fn own(shape: Shape) -> Value {
    let open = json!([{
        "id": "in_1", "amount_remaining": 4900, "created": at(0), "auto_advance": true,
    }]);
    let pause = json!({"behavior": "void", "resumes_at": at(40)});
    let ours = json!({"operation": "bop_01JAF5XT9Z4M2K7Q8W3E6R5T1Y"});
    match shape {
        Shape::Classic => json!({"billing_mode": "classic"}),
        Shape::Trialing => json!({"status": "trialing", "trial_end": at(30)}),
        Shape::PastDue => json!({"status": "past_due", "open_invoices": open}),
        Shape::Unpaid => json!({"status": "unpaid", "open_invoices": open}),
        Shape::Incomplete => json!({"status": "incomplete", "open_invoices": open}),
        Shape::Paused => json!({"status": "paused", "paused_by": "others"}),
        Shape::PausedByUs => json!({"status": "paused", "paused_by": ours}),
        Shape::CollectionPausedByUs => json!({"pause_collection": pause, "paused_by": ours}),
        Shape::CollectionPausedByOthers => json!({"pause_collection": pause, "paused_by": "others"}),
        Shape::ScheduleAttached => json!({"scheduled": true, "schedule": "sub_sched_1"}),
        Shape::PendingUpdate => json!({"pending_update": true, "open_invoices": open}),
        Shape::CancelAtPeriodEnd => json!({"cancel_at_period_end": true, "cancel_at": at(30)}),
        Shape::CancelAt => json!({"cancel_at": at(30)}),
        Shape::CancelAtLater => json!({"cancel_at": at(200)}),
        Shape::SendInvoice => json!({"collection_method": "send_invoice", "open_invoices": open}),
        Shape::CustomerDiscount => json!({"customer_discount": discount("1")}),
        Shape::OtherCurrency => json!({"currency": "eur"}),
        Shape::TestClock => json!({"test_clock": true}),
        Shape::Ended => json!({"status": "canceled", "ended_at": at(5)}),
        Shape::OtherMode => json!({"livemode": !LIVEMODE}),
        _ => json!({}),
    }
}

/// The price that the examples of a plan change name.
pub(super) fn prices() -> Prices {
    let plan = json!({
        "id": "price_lite", "product": "prod_lite", "name": "Lite", "unit_amount": 1900, "currency": CURRENCY,
        "every": {"interval": "month", "count": 1}, "usage": "licensed", "active": true, "livemode": LIVEMODE,
    });
    Prices(serde_json::from_value(plan).into_iter().collect())
}

fn plan_change(when: &str) -> Value {
    json!({"choices": [{"price": "price_lite"}], "when": when, "proration": "none"})
}

/// An example of a plan change with the end of the period.
///
/// # Errors
/// When it cannot be read, which the tests exclude.
pub(super) fn plan_change_later() -> Result<Terms, serde_json::Error> {
    serde_json::from_value(json!({"type": "plan_change", "terms": plan_change("period_end")}))
}

/// An example of the type: amounts in the examples' currency, `price_free` for the zero price, `price_lite`
/// for another plan.
///
/// # Errors
/// When it cannot be read, which the tests exclude.
pub(super) fn terms(kind: OfferType) -> Result<Terms, serde_json::Error> {
    let terms = match kind {
        OfferType::Discount => json!({
            "amount_off": 500, "currency": CURRENCY, "duration": "repeating", "duration_in_months": 3,
        }),
        OfferType::Pause => json!({"choices": [{"interval": "month", "count": 1}]}),
        OfferType::TrialExtension => json!({"days": 14}),
        OfferType::FreeFeatures => json!({"price": "price_free", "lasts": {"interval": "month", "count": 2}}),
        OfferType::PlanChange => plan_change("now"),
        OfferType::Installments => json!({"parts": 3, "every": {"interval": "month", "count": 1}}),
        OfferType::Waiver => json!({"cap": {"amount": 1_000_000, "currency": CURRENCY}}),
        OfferType::Credit => json!({"amount": 500, "currency": CURRENCY}),
        OfferType::Contact => json!({"url": "https://example.com/call"}),
        OfferType::Redirect => json!({"url": "https://example.com/tour"}),
        OfferType::Custom => json!({"gift": "mug"}),
    };
    serde_json::from_value(json!({"type": kind.as_str(), "terms": terms}))
}
