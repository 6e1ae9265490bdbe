//! Prorations: what is owed or given back for the rest of a period, kept until the next invoice.
use super::prices;
use super::record::Record;
use super::state::{ObjectKind, State};
use super::tiers;
use serde_json::{Value, json};

/// Gives back the unused time of an item as it is now.
pub(super) fn credit(state: &mut State, item: &str) {
    note(state, item, -1, "Unused time");
}

/// Charges the remaining time of an item as it is now.
pub(super) fn charge(state: &mut State, item: &str) {
    note(state, item, 1, "Remaining time");
}

/// Gives back the whole current period of an item.
pub(super) fn credit_whole(state: &mut State, item: &str) {
    if let Some(record) = state.any(ObjectKind::SubscriptionItem, item).cloned() {
        let amount = full_amount(state, &record).saturating_neg();
        let start = record.int("current_period_start").unwrap_or(state.now);
        put(state, &record, amount, start, "Unused period");
    }
}

/// Charges the rest of the period that an item was given when its subscription resumed: from now to its end, as a
/// share of a whole interval.
pub(super) fn charge_rest(state: &mut State, item: &str) {
    let Some(record) = state.any(ObjectKind::SubscriptionItem, item).cloned() else {
        return;
    };
    let price = state.any(ObjectKind::Price, record.text("_price").unwrap_or_default());
    let (now, end) = (state.now, record.int("current_period_end").unwrap_or(0));
    let whole = price.and_then(prices::interval).map_or(0, |i| i.next_after(now, now).saturating_sub(now));
    if whole > 0 {
        let rest = end.saturating_sub(now).clamp(0, whole);
        let amount = share(full_amount(state, &record), rest, whole);
        put(state, &record, amount, now, "Remaining time");
    }
}

fn note(state: &mut State, id: &str, sign: i64, words: &str) {
    let Some(item) = state.any(ObjectKind::SubscriptionItem, id).cloned() else {
        return;
    };
    let subscription = item.text_or_empty("subscription");
    let status = state.any(ObjectKind::Subscription, &subscription).map(|s| s.text_or_empty("status"));
    if matches!(status.as_deref(), Some("active" | "past_due")) {
        let amount = rest_of(state, &item).saturating_mul(sign);
        put(state, &item, amount, state.now, words);
    }
}

fn put(state: &mut State, item: &Record, amount: i64, start: i64, words: &str) {
    if amount == 0 {
        return;
    }
    let subscription = item.text_or_empty("subscription");
    let line = json!({
        "item": item.value("id"), "price": item.value("_price"), "amount": amount,
        "quantity": item.value("quantity"), "start": start, "end": item.value("current_period_end"),
        "description": words, "proration": true,
    });
    state.edit(ObjectKind::Subscription, &subscription, |s| {
        let mut lines = s.list("_prorations").to_vec();
        lines.push(line);
        s.set("_prorations", Value::Array(lines));
    });
}

/// What the rest of the item's period costs, in minor units, rounded half up.
fn rest_of(state: &State, item: &Record) -> i64 {
    let (start, end) =
        (item.int("current_period_start").unwrap_or(0), item.int("current_period_end").unwrap_or(0));
    let (rest, length) = (end.saturating_sub(state.now).max(0), end.saturating_sub(start));
    if length <= 0 {
        return 0;
    }
    share(full_amount(state, item), rest, length)
}

/// What a whole period of the item costs, in minor units. Metered usage is not modelled and costs nothing.
pub(super) fn full_amount(state: &State, item: &Record) -> i64 {
    let price = state.any(ObjectKind::Price, item.text("_price").unwrap_or_default());
    let Some((price, quantity)) = price.zip(item.int("quantity")) else {
        return 0;
    };
    if price.text("billing_scheme") == Some("tiered") {
        return tiers::amount(price, quantity);
    }
    price.int("unit_amount").unwrap_or(0).saturating_mul(quantity)
}

/// `amount * part / whole`, rounded half up; `whole` above zero.
pub(super) fn share(amount: i64, part: i64, whole: i64) -> i64 {
    let product = i128::from(amount) * i128::from(part);
    let whole = i128::from(whole.max(1));
    i64::try_from((product + whole / 2).div_euclid(whole)).unwrap_or(i64::MAX)
}
