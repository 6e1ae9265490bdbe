//! Free features: a zero-price item that comes, and goes when its time is over.

use stripe_billing::subscription_item::{
    CreateSubscriptionItem, CreateSubscriptionItemProrationBehavior, DeleteSubscriptionItem,
    DeleteSubscriptionItemProrationBehavior,
};
use stripe_client_core::StripeRequest;
use stripe_product::price::RetrievePrice;

use super::attempt::Attempt;
use super::progress::{Halt, problem};
use crate::billing::wire::{Named, OurItem, Price, Seen};
use crate::domain::aftermath::ITEM_SEEN;
use crate::domain::ids::PriceId;
use crate::domain::ineligible::Ineligible;
use crate::domain::operation::{Operation, StepRecord};
use crate::domain::subscription::Usage;

pub(super) const ATTACH: &str = "attach";
pub(super) const DETACH: &str = "detach";

/// The item that this very operation made.
pub(super) fn attached(operation: &Operation, seen: &Seen) -> Option<String> {
    let id = operation.id.to_string();
    seen.ours.iter().find(|item| item.operation == id).map(|item| item.id.to_string())
}

/// Whether no item of this price is left that we made. One that somebody else added is not ours to take away.
pub(super) fn is_detached(seen: &Seen, price: &PriceId) -> bool {
    seen.subscription.status.is_ended() || made_by_us(seen, price).is_none()
}

fn made_by_us<'a>(seen: &'a Seen, price: &PriceId) -> Option<&'a OurItem> {
    seen.ours.iter().find(|item| item.price == *price)
}

pub(super) async fn attach(
    attempt: Attempt<'_>,
    seen: &Seen,
    price: &PriceId,
    generation: u32,
) -> Result<StepRecord, Halt> {
    let transport = &attempt.gateway.transport;
    let answer = transport.exchange(RetrievePrice::new(price.as_str()).build(), None).await?;
    fits(&answer.parse()?, seen)?;
    let request = CreateSubscriptionItem::new(attempt.operation.subscription.as_str())
        .price(price.as_str())
        .quantity(1_u64)
        .proration_behavior(CreateSubscriptionItemProrationBehavior::None)
        .metadata(attempt.mark())
        .build();
    let answer = transport.exchange(request, Some(attempt.key(ATTACH, generation))).await?;
    let item: Named = answer.parse()?;
    Ok(attempt.record(ATTACH, Some(item.id), answer.request_id))
}

/// Whether the price costs nothing and can stand beside the items that are there.
fn fits(price: &Price, seen: &Seen) -> Result<(), Halt> {
    if price.unit_amount != Some(0) {
        let why = "the price of the free features is not zero; use a flat price of zero";
        return Err(Halt::Ineligible(problem("price_not_free", why)));
    }
    let items = &seen.subscription.items;
    let fits = price.recurs().is_some_and(|(every, usage)| {
        usage == Usage::Licensed && items.iter().any(|item| item.every == every)
    });
    if fits && price.currency == seen.subscription.currency {
        Ok(())
    } else {
        Err(Ineligible::PriceMismatch.into())
    }
}

/// `DELETE` knows no idempotency keys; the look before it is what keeps it to one. What was seen is recorded first, so
/// that after a lost answer it is known who took the item away.
pub(super) async fn detach(attempt: Attempt<'_>, seen: &Seen, price: &PriceId) -> Result<StepRecord, Halt> {
    let Some(item) = made_by_us(seen, price) else {
        return Ok(attempt.record(DETACH, None, None));
    };
    if !attempt.has_done(ITEM_SEEN) {
        return Ok(attempt.record(ITEM_SEEN, Some(item.id.to_string()), seen.request_id.clone()));
    }
    let request = DeleteSubscriptionItem::new(item.id.as_str())
        .proration_behavior(DeleteSubscriptionItemProrationBehavior::None)
        .build();
    let answer = attempt.gateway.transport.exchange(request, None).await?;
    Ok(attempt.record(DETACH, Some(item.id.to_string()), answer.request_id))
}
