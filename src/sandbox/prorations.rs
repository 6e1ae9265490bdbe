//! Prorations: what is owed or given back for the rest of a period, kept until the next invoice.
use super::record::Record;
use super::state::{ObjectKind, State};
use serde_json::{Value, json};

/// Gives back the unused time of an item as it is now.
pub(super) fn credit(state: &mut State, item: &str) {
    note(state, item, -1, "Unused time");
}

/// Charges the remaining time of an item as it is now.
pub(super) fn charge(state: &mut State, item: &str) {
    note(state, item, 1, "Remaining time");
}

fn note(state: &mut State, id: &str, sign: i64, words: &str) {
    let Some(item) = state.any(ObjectKind::SubscriptionItem, id).cloned() else {
        return;
    };
    let subscription = item.text_or_empty("subscription");
    let trialing =
        state.any(ObjectKind::Subscription, &subscription).and_then(|s| s.text("status")) != Some("active");
    let amount = rest_of(state, &item);
    if trialing || amount == 0 {
        return;
    }
    let line = json!({
        "item": id, "price": item.value("_price"), "amount": amount.saturating_mul(sign),
        "quantity": item.value("quantity"), "start": state.now, "end": item.value("current_period_end"),
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
    let unit = price.and_then(|p| p.int("unit_amount")).unwrap_or(0);
    unit.saturating_mul(item.int("quantity").unwrap_or(0))
}

/// `amount * part / whole`, rounded half up; `whole` above zero.
pub(super) fn share(amount: i64, part: i64, whole: i64) -> i64 {
    let product = i128::from(amount) * i128::from(part);
    let whole = i128::from(whole.max(1));
    i64::try_from((product + whole / 2).div_euclid(whole)).unwrap_or(i64::MAX)
}
