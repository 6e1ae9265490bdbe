//! A scheduled end taken back, a discount taken off: what undoes a cancellation and a discount.

use stripe_billing::subscription::DiscountsDataParam;

use super::attempt::Attempt;
use super::change::update;
use super::progress::Halt;
use crate::billing::wire::Seen;
use crate::domain::ineligible::Ineligible;
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
