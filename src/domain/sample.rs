//! A subscriber for tests.

use jiff::Timestamp;
use serde_json::json;

use super::subscription::Subscription;

/// The present: two weeks into a month that ends on 18 March 2027.
pub(crate) fn now() -> Timestamp {
    "2027-03-04T12:00:00Z".parse().unwrap()
}

/// `pro`, 49.00 USD a month, two of them, since 400 days.
pub(crate) fn subscription() -> Subscription {
    let item = json!({
        "id": "si_1", "price": "price_pro", "product": "prod_pro", "name": "Pro", "unit_amount": 4900,
        "every": {"interval": "month", "count": 1}, "usage": "licensed", "quantity": 2,
        "current_period_start": "2027-02-18T00:00:00Z", "current_period_end": "2027-03-18T00:00:00Z",
    });
    serde_json::from_value(json!({
        "id": "sub_1", "customer": "cus_1", "livemode": false, "status": "active", "currency": "usd",
        "items": [item], "discounts": [], "customer_discount": null, "created": "2026-01-28T12:00:00Z",
        "trial_end": null, "cancel_at_period_end": false, "cancel_at": null, "canceled_at": null, "ended_at": null,
        "pause_collection": null, "scheduled": false, "pending_update": false, "country": "US", "state": "CA",
    }))
    .unwrap()
}
