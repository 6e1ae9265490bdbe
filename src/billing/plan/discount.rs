//! A discount: a coupon of the operation's own, then the subscription's discounts with it.

use std::collections::HashMap;

use rust_decimal::prelude::ToPrimitive;
use stripe_billing::subscription::DiscountsDataParam;
use stripe_client_core::StripeRequest;
use stripe_product::coupon::{CreateCoupon, DeleteCoupon, RetrieveCoupon};
use stripe_shared::CouponDuration;

use super::attempt::Attempt;
use super::change::update;
use super::progress::Halt;
use super::words::currency;
use crate::billing::error::StripeError;
use crate::billing::wire::{Coupon, MARK, Seen};
use crate::domain::money::{Money, Percent};
use crate::domain::offer::{DiscountDuration, DiscountTerms, DiscountValue};
use crate::domain::operation::{Operation, StepRecord};

pub(super) const COUPON: &str = "coupon";
pub(super) const DISCOUNT: &str = "discount";

/// The discount that was made of the operation's coupon.
pub(super) fn found(operation: &Operation, seen: &Seen) -> Option<String> {
    let coupon = operation.coupon();
    let ours = seen.subscription.discounts.iter().find(|discount| discount.coupon.as_str() == coupon);
    ours.map(|discount| discount.id.to_string())
}

/// Whether a discount has been made of the coupon, which allows for one only, even if it is over by now.
pub(super) async fn is_redeemed(attempt: Attempt<'_>) -> Result<bool, StripeError> {
    Ok(made(attempt).await?.is_some_and(|coupon| coupon.times_redeemed > 0))
}

/// The coupon that the operation made, where it is there.
pub(super) async fn made(attempt: Attempt<'_>) -> Result<Option<Coupon>, StripeError> {
    attempt.gateway.find(RetrieveCoupon::new(attempt.operation.coupon()).build()).await
}

/// The next of the two steps.
pub(super) async fn act(
    attempt: Attempt<'_>,
    seen: &Seen,
    terms: DiscountTerms,
    generation: u32,
) -> Result<StepRecord, Halt> {
    if attempt.has_done(COUPON) {
        attach(attempt, seen, generation).await
    } else {
        make_coupon(attempt, terms, generation).await
    }
}

async fn make_coupon(
    attempt: Attempt<'_>,
    terms: DiscountTerms,
    generation: u32,
) -> Result<StepRecord, Halt> {
    let request = coupon(attempt.operation, terms)?.build();
    let key = attempt.key(COUPON, generation);
    let id = attempt.operation.coupon();
    let request_id = match attempt.gateway.transport.exchange(request, Some(key)).await {
        Ok(answer) => answer.request_id,
        // Nobody else makes coupons with our operations' ids.
        Err(error) if error.code == "resource_already_exists" => error.request_id,
        Err(error) => return Err(error.into()),
    };
    Ok(attempt.record(COUPON, Some(id), request_id))
}

fn coupon(operation: &Operation, terms: DiscountTerms) -> Result<CreateCoupon, StripeError> {
    let mark = HashMap::from([(MARK.to_owned(), operation.id.to_string())]);
    let coupon = CreateCoupon::new().id(operation.coupon()).max_redemptions(1).metadata(mark);
    let coupon = match terms.duration {
        DiscountDuration::Once => coupon.duration(CouponDuration::Once),
        DiscountDuration::Repeating { months } => {
            coupon.duration(CouponDuration::Repeating).duration_in_months(i64::from(months))
        }
        DiscountDuration::Forever => coupon.duration(CouponDuration::Forever),
    };
    match terms.value {
        DiscountValue::Percent(percent) => Ok(by_percent(coupon, percent)),
        DiscountValue::Amount(money) => by_amount(coupon, money),
    }
}

/// The name is what the customer reads on the invoice.
fn by_percent(coupon: CreateCoupon, percent: Percent) -> CreateCoupon {
    let share = percent.as_decimal().to_f64().unwrap_or_default();
    coupon.percent_off(share).name(format!("{percent}% off"))
}

fn by_amount(coupon: CreateCoupon, money: Money) -> Result<CreateCoupon, StripeError> {
    Ok(coupon.amount_off(money.amount).currency(currency(money.currency)?).name("Discount"))
}

async fn attach(attempt: Attempt<'_>, seen: &Seen, generation: u32) -> Result<StepRecord, Halt> {
    let discounts = with_ours(seen, attempt.operation.coupon());
    update(attempt, DISCOUNT, generation, |request| request.discounts(discounts)).await
}

/// What is there, and ours: Stripe replaces the whole list. The customer's discount counts only as long as the
/// subscription has none of its own, so it is sent along as the subscription's where it is in force.
fn with_ours(seen: &Seen, coupon: String) -> Vec<DiscountsDataParam> {
    let own = &seen.subscription.discounts;
    let customers = seen.subscription.customer_discount.iter().filter(|_| own.is_empty());
    let kept = own.iter().chain(customers).map(|discount| {
        let mut kept = DiscountsDataParam::new();
        kept.discount = Some(discount.id.to_string());
        kept
    });
    let mut ours = DiscountsDataParam::new();
    ours.coupon = Some(coupon);
    kept.chain([ours]).collect()
}

/// Takes an unused coupon away. If that fails it stays, and does no harm: it was good for one discount, and nobody
/// knows its id.
pub(super) async fn discard_coupon(attempt: Attempt<'_>) {
    let request = DeleteCoupon::new(attempt.operation.coupon()).build();
    if let Err(error) = attempt.gateway.transport.exchange(request, None).await {
        tracing::warn!(operation = %attempt.operation.id, %error, "an unused coupon stays behind");
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::billing::wire;

    #[test]
    fn sends_along_the_discounts_that_are_there() {
        let coupon = json!({"id": "spring", "percent_off": 10, "duration": "forever"});
        let subscription = json!({
            "id": "sub_1", "customer": "cus_1", "livemode": false, "status": "active", "currency": "usd", "created": 0,
            "items": {"data": []}, "discounts": [{"id": "di_1", "source": {"coupon": coupon}}],
        });
        let read: wire::Subscription = serde_json::from_value(subscription).unwrap();
        let sent = with_ours(&read.into_seen(None).unwrap(), "co_1".to_owned());
        let sent = serde_json::to_value(sent).unwrap();
        assert_eq!(sent, json!([{"discount": "di_1"}, {"coupon": "co_1"}]));
    }

    #[test]
    fn sends_along_the_customers_discount_where_it_is_in_force() {
        let discount = |id: &str| json!({"id": id, "source": {"coupon": {"id": "c", "percent_off": 10, "duration": "forever"}}});
        let sent = |own: serde_json::Value| {
            let customer = json!({"id": "cus_1", "discount": discount("di_customer")});
            let subscription = json!({
                "id": "sub_1", "customer": customer, "livemode": false, "status": "active", "currency": "usd",
                "created": 0, "items": {"data": []}, "discounts": own,
            });
            let read: wire::Subscription = serde_json::from_value(subscription).unwrap();
            serde_json::to_value(with_ours(&read.into_seen(None).unwrap(), "co_1".to_owned())).unwrap()
        };
        assert_eq!(sent(json!([])), json!([{"discount": "di_customer"}, {"coupon": "co_1"}]));
        assert_eq!(sent(json!([discount("di_own")])), json!([{"discount": "di_own"}, {"coupon": "co_1"}]));
    }
}
