//! A scheduled end taken back, a discount taken off, a pause ended: what undoes a cancellation, a discount and a pause.

use std::collections::BTreeMap;

use stripe_billing::subscription::DiscountsDataParam;
use stripe_client_core::{RequestBuilder, StripeMethod};

use super::change::update;
use super::{Attempt, Halt};
use crate::billing::wire::Seen;
use crate::domain::eligibility::Ineligible;
use crate::domain::operation::StepRecord;

pub(super) const KEEP: &str = "keep";
pub(super) const REMOVE: &str = "remove_discount";

/// Whether the subscription goes on.
pub(super) fn goes_on(seen: &Seen) -> bool {
    !seen.subscription.status.is_ended() && !seen.subscription.is_canceling()
}

pub(super) async fn keep(attempt: Attempt<'_>, seen: &Seen, generation: u32) -> Result<StepRecord, Halt> {
    if seen.subscription.status.is_ended() {
        return Err(Ineligible::SubscriptionEnded.into());
    }
    update(attempt, KEEP, generation, |request| request.cancel_at_period_end(false)).await
}

/// Whether no discount of the coupon is left.
pub(super) fn is_removed(seen: &Seen, coupon: &str) -> bool {
    !seen.subscription.discounts.iter().any(|discount| discount.coupon.as_str() == coupon)
}

/// Stripe replaces the whole list: the others are sent again, and an empty one clears it.
pub(super) async fn remove(
    attempt: Attempt<'_>,
    seen: &Seen,
    coupon: &str,
    generation: u32,
) -> Result<StepRecord, Halt> {
    let others = seen.subscription.discounts.iter().filter(|discount| discount.coupon.as_str() != coupon);
    let others: Vec<DiscountsDataParam> = others
        .map(|discount| {
            let mut kept = DiscountsDataParam::new();
            kept.discount = Some(discount.id.to_string());
            kept
        })
        .collect();
    update(attempt, REMOVE, generation, |request| request.discounts(others)).await
}

pub(super) const END_PAUSE: &str = "end_pause";

/// Lets collection go on. The crate's own builder cannot say that there is to be no pause.
pub(super) async fn end_pause(attempt: Attempt<'_>, generation: u32) -> Result<StepRecord, Halt> {
    let path = format!("/subscriptions/{}", attempt.operation.subscription);
    let request =
        RequestBuilder::new(StripeMethod::Post, path).form(&BTreeMap::from([("pause_collection", "")]));
    let answer =
        attempt.gateway.transport.exchange(request, Some(attempt.key(END_PAUSE, generation))).await?;
    Ok(attempt.record(END_PAUSE, None, answer.request_id))
}
