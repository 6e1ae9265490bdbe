//! What subscription items do, whichever call asked for it: being added, changed, removed, with their prorations.
use super::discounts::{self, DISCOUNTS, Owner};
use super::errors::ApiError;
use super::features;
use super::params::{Field, ID, Kind, METADATA, NEW_METADATA, QUANTITY, field};
use super::prices;
use super::prorations;
use super::record::Record;
use super::state::{ObjectKind, State};
use serde_json::json;

/// An item in `items` of a new subscription.
pub(super) const NEW_ITEM: Kind = Kind::Object(&[
    field("price", ID),
    field("quantity", QUANTITY),
    NEW_METADATA,
    DISCOUNTS,
    field("billing_thresholds", Kind::Unmodelled),
    field("plan", Kind::Unmodelled),
    field("price_data", Kind::Unmodelled),
    field("tax_rates", Kind::Unmodelled),
]);

/// An item in `items` of an update.
pub(super) const CHANGED_ITEM: Kind = Kind::Object(&[
    field("id", ID),
    field("deleted", Kind::Boolean),
    field("clear_usage", Kind::Boolean),
    field("price", ID),
    field("quantity", QUANTITY),
    METADATA,
    DISCOUNTS,
    field("billing_thresholds", Kind::Unmodelled),
    field("plan", Kind::Unmodelled),
    field("price_data", Kind::Unmodelled),
    field("tax_rates", Kind::Unmodelled),
]);

/// The `items` parameter of an update; previews take it too.
pub(super) const CHANGED_ITEMS: Field = field("items", Kind::List(&CHANGED_ITEM));

/// The most items a subscription holds.
const MOST: usize = 20;

/// The path of a parameter inside the parameter of an item; items' own calls have no prefix.
fn inside(prefix: &str, name: &str) -> String {
    if prefix.is_empty() { name.to_owned() } else { format!("{prefix}[{name}]") }
}

/// The price an item asks for, if a subscription in this currency can have it.
pub(super) fn usable_price(
    state: &State,
    params: &Record,
    currency: Option<&str>,
    prefix: &str,
) -> Result<Record, ApiError> {
    let param = inside(prefix, "price");
    let id = params.text("price").ok_or_else(|| ApiError::missing(&param))?;
    let price = state.get_for(ObjectKind::Price, id, &param)?;
    let refuse = |words: String| Err(ApiError::invalid(words).param(param.clone()));
    if !price.flag("active") {
        return refuse("The price specified is inactive. This field only accepts active prices.".into());
    }
    if price.text("type") != Some("recurring") {
        return refuse(
            "The price specified is set to `type=one_time` but this field only accepts prices with \
             `type=recurring`."
                .into(),
        );
    }
    let own = price.text_or_empty("currency");
    if let Some(currency) = currency.filter(|c| *c != own) {
        return refuse(format!(
            "The price specified only supports `{own}`. This doesn't match the expected currency: `{currency}`."
        ));
    }
    if price.inner("recurring").text("usage_type") == Some("metered") && params.has("quantity") {
        return Err(ApiError::invalid(
            "The price specified is metered: quantity cannot be given for it.".to_owned(),
        )
        .param(inside(prefix, "quantity")));
    }
    Ok(price)
}

/// Adds an item to a stored subscription and answers its id.
pub(super) fn add(
    state: &mut State,
    subscription: &str,
    params: &Record,
    prefix: &str,
) -> Result<String, ApiError> {
    let owner = state.get(ObjectKind::Subscription, subscription)?;
    let price = usable_price(state, params, owner.text("currency"), prefix)?;
    let price_id = price.text_or_empty("id");
    let present = owner.texts("_items");
    let twice = present.iter().any(|i| price_of(state, i) == price_id);
    if twice {
        return Err(ApiError::invalid(format!(
            "Cannot add multiple subscription items with the same plan: {price_id}"
        ))
        .param(inside(prefix, "price")));
    }
    if present.len() >= MOST {
        return Err(ApiError::invalid(format!("A subscription holds at most {MOST} items.")).param("items"));
    }
    let id = State::id_for(ObjectKind::SubscriptionItem);
    let metered = price.inner("recurring").text("usage_type") == Some("metered");
    let quantity = (!metered).then(|| params.int("quantity").unwrap_or(1));
    let (start, end) = period(state, &owner, &price);
    let mut item = Record::of(json!({
        "id": id, "object": "subscription_item", "billed_until": null, "billing_thresholds": null,
        "created": state.now, "current_period_end": end, "current_period_start": start, "discounts": [],
        "metadata": {}, "quantity": quantity, "subscription": subscription, "tax_rates": [],
        "_price": price_id, "_features": features::features_of(state, &price.text_or_empty("product")),
    }));
    item.merge_metadata(params);
    state.put(ObjectKind::SubscriptionItem, item);
    state.edit(ObjectKind::Subscription, subscription, |s| s.push("_items", &id));
    set_discounts(state, &id, params, prefix)?;
    Ok(id)
}

/// The id of the price that an item has.
pub(super) fn price_of(state: &State, item: &str) -> String {
    state.any(ObjectKind::SubscriptionItem, item).map(|i| i.text_or_empty("_price")).unwrap_or_default()
}

/// The current period that a price would have on this subscription.
fn period(state: &State, subscription: &Record, price: &Record) -> (i64, i64) {
    let now = state.now;
    let anchor = subscription.int("billing_cycle_anchor").unwrap_or(now);
    match subscription.int("trial_end").filter(|_| subscription.text("status") == Some("trialing")) {
        Some(end) => (now, end),
        None => (now, prices::interval(price).map_or(now, |interval| interval.next_after(anchor, now))),
    }
}

fn set_discounts(state: &mut State, id: &str, params: &Record, prefix: &str) -> Result<(), ApiError> {
    if !params.has("discounts") {
        return Ok(());
    }
    let item = state.get(ObjectKind::SubscriptionItem, id)?;
    let subscription = state.get(ObjectKind::Subscription, &item.text_or_empty("subscription"))?;
    let owner = Owner {
        customer: &subscription.text_or_empty("customer"),
        subscription: subscription.text("id"),
        item: Some(id),
        currency: &subscription.text_or_empty("currency"),
        existing: &item.texts("discounts"),
    };
    let ids = discounts::overwrite(state, params, owner, &inside(prefix, "discounts"))?;
    state.edit(ObjectKind::SubscriptionItem, id, |i| i.set("discounts", ids));
    Ok(())
}

/// Items of different intervals need the flexible billing mode.
pub(super) fn check_intervals(state: &State, subscription: &str) -> Result<(), ApiError> {
    let owner = state.get(ObjectKind::Subscription, subscription)?;
    if owner.inner("billing_mode").text("type") == Some("flexible") {
        return Ok(());
    }
    let prices = owner.texts("_items");
    let mut intervals = prices
        .iter()
        .map(|item| state.any(ObjectKind::Price, &price_of(state, item)).and_then(prices::interval));
    let first = intervals.next();
    if intervals.all(|interval| Some(&interval) == first.as_ref()) {
        return Ok(());
    }
    Err(ApiError::invalid(
        "Items with different billing intervals need a subscription whose billing_mode is `flexible`.",
    )
    .param("items"))
}

/// Changes an item. A new price without a quantity has the quantity 1, as at Stripe. Answers whether the billing
/// interval changed, which starts a new period.
pub(super) fn change(
    state: &mut State,
    id: &str,
    params: &Record,
    prefix: &str,
    prorate: bool,
) -> Result<bool, ApiError> {
    let mut item = state.get(ObjectKind::SubscriptionItem, id)?;
    let subscription = state.get(ObjectKind::Subscription, &item.text_or_empty("subscription"))?;
    let old_price = item.text_or_empty("_price");
    let mut restarts = false;
    let changes_amount = params.has("price") || params.has("quantity");
    if changes_amount && prorate {
        prorations::credit(state, id);
    }
    if params.has("price") {
        let price = usable_price(state, params, subscription.text("currency"), prefix)?;
        let old = state.any(ObjectKind::Price, &old_price).cloned().unwrap_or_default();
        restarts = prices::interval(&old) != prices::interval(&price);
        let metered = price.inner("recurring").text("usage_type") == Some("metered");
        let quantity = (!metered).then(|| params.int("quantity").unwrap_or(1));
        item.set("quantity", quantity);
        item.set("_price", price.text_or_empty("id"));
        item.set("_features", features::features_of(state, &price.text_or_empty("product")));
    } else if let Some(quantity) = params.int("quantity") {
        item.set("quantity", quantity);
    }
    item.merge_metadata(params);
    state.put(ObjectKind::SubscriptionItem, item);
    if changes_amount && prorate && !restarts {
        prorations::charge(state, id);
    }
    set_discounts(state, id, params, prefix)?;
    Ok(restarts)
}

/// Removes an item; a subscription keeps at least one.
pub(super) fn remove(state: &mut State, id: &str, prorate: bool, param: &str) -> Result<(), ApiError> {
    let item = state.get(ObjectKind::SubscriptionItem, id)?;
    let subscription = item.text_or_empty("subscription");
    let items = state.get(ObjectKind::Subscription, &subscription)?.texts("_items");
    if items.len() < 2 {
        return Err(ApiError::invalid(
            "A subscription must have at least one active plan. To cancel the subscription, please use the cancel \
             API endpoint on the subscription.",
        )
        .param(param));
    }
    if prorate {
        prorations::credit(state, id);
    }
    state.edit(ObjectKind::Subscription, &subscription, |s| s.remove_from("_items", id));
    state.delete(ObjectKind::SubscriptionItem, id);
    Ok(())
}

/// Starts a period for every item of the subscription: until the trial's end, or one interval from the anchor.
pub(super) fn restart_periods(state: &mut State, subscription: &str) {
    let Some(owner) = state.any(ObjectKind::Subscription, subscription).cloned() else {
        return;
    };
    for id in owner.texts("_items") {
        let price = state.any(ObjectKind::Price, &price_of(state, &id)).cloned().unwrap_or_default();
        let (start, end) = period(state, &owner, &price);
        state.edit(ObjectKind::SubscriptionItem, &id, |item| {
            item.set("current_period_start", start);
            item.set("current_period_end", end);
        });
    }
}
