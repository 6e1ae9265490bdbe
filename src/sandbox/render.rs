//! Objects as callers see them: computed fields, lists, and `expand`.
use super::call::Outcome;
use super::errors::ApiError;
use super::record::Record;
use super::state::{ObjectKind, State};
use serde_json::{Value, json};

/// An object as Stripe shows it, nothing expanded. Null when it does not exist.
pub(super) fn object(state: &State, kind: ObjectKind, id: &str) -> Value {
    let Some(record) = state.any(kind, id) else {
        return Value::Null;
    };
    let mut shown = Record::of(record.public());
    if shown.has("livemode") {
        shown.set("livemode", state.livemode);
    }
    match kind {
        ObjectKind::Coupon => shown.set("valid", super::coupons::is_valid(record, state.now)),
        ObjectKind::Customer => {
            let discount =
                record.text("_discount").map_or(Value::Null, |di| object(state, ObjectKind::Discount, di));
            shown.set("discount", discount);
        }
        ObjectKind::Subscription => {
            let url = format!("/v1/subscription_items?subscription={id}");
            let items = record.texts("_items");
            let items = items.iter().map(|si| object(state, ObjectKind::SubscriptionItem, si)).collect();
            shown.set("items", list_of(items, false, &url));
        }
        ObjectKind::SubscriptionItem => {
            let price = record.text_or_empty("_price");
            shown.set("price", object(state, ObjectKind::Price, &price));
            shown.set("plan", super::prices::as_plan(state, &price));
        }
        ObjectKind::ProductFeature => {
            let feature = record.text_or_empty("_feature");
            shown.set("entitlement_feature", object(state, ObjectKind::Feature, &feature));
        }
        _ => {}
    }
    Value::Object(shown.0)
}

/// The object named by a path, as Stripe shows it: 404 when there is none.
pub(super) fn found(state: &State, kind: ObjectKind, id: &str) -> Outcome {
    state.find(kind, id).ok_or_else(|| ApiError::no_such(kind.words(), id))?;
    Ok(object(state, kind, id))
}

/// Stripe's list envelope.
pub(super) fn list_of(data: Vec<Value>, has_more: bool, url: &str) -> Value {
    json!({"object": "list", "data": data, "has_more": has_more, "url": url})
}

/// A page of a list call: those that match, newest first, from the caller's cursor on.
pub(super) fn page(
    state: &State,
    kind: ObjectKind,
    params: &Record,
    url: &str,
    matches: impl Fn(&Record) -> bool,
) -> Result<Value, ApiError> {
    let limit = params.int("limit").and_then(|n| usize::try_from(n).ok()).unwrap_or(10);
    for cursor in ["starting_after", "ending_before"] {
        if let Some(id) = params.text(cursor) {
            state.get_for(kind, id, cursor)?;
        }
    }
    let created = params.value("created");
    let matching = state.all(kind).rev().filter(|r| in_range(r, "created", &created) && matches(r));
    let mut ids: Vec<&str> = matching.filter_map(|r| r.text("id")).collect();
    let has_more;
    if let Some(before) = params.text("ending_before") {
        ids = ids.into_iter().take_while(|id| *id != before).collect();
        let skipped = ids.len().saturating_sub(limit);
        has_more = skipped > 0;
        ids = ids.split_off(skipped);
    } else {
        if let Some(after) = params.text("starting_after") {
            ids = ids.into_iter().skip_while(|id| *id != after).skip(1).collect();
        }
        has_more = ids.len() > limit;
        ids.truncate(limit);
    }
    let data = ids.into_iter().map(|id| object(state, kind, id)).collect();
    Ok(list_of(data, has_more, url))
}

/// Whether a time of the object lies within the range that a list call asks for.
pub(super) fn in_range(record: &Record, field: &str, wanted: &Value) -> bool {
    if wanted.is_null() {
        return true;
    }
    let Some(time) = record.int(field) else {
        return false;
    };
    if let Some(exact) = wanted.as_i64() {
        return time == exact;
    }
    let range = Record::of(wanted.clone());
    range.int("gt").is_none_or(|t| time > t)
        && range.int("gte").is_none_or(|t| time >= t)
        && range.int("lt").is_none_or(|t| time < t)
        && range.int("lte").is_none_or(|t| time <= t)
}

/// Replaces the ids that the `expand` parameter names by their objects.
pub(super) fn expand(state: &State, value: &mut Value, params: &Record) -> Result<(), ApiError> {
    for (index, path) in params.texts("expand").iter().enumerate() {
        let steps: Vec<&str> = path.split('.').collect();
        let refused = |words: String| ApiError::invalid(words).param(format!("expand[{index}]"));
        if steps.iter().filter(|step| **step != "data").count() > 4 {
            return Err(refused("You cannot expand more than 4 levels of a property.".into()));
        }
        if !walk(state, value, &steps) {
            return Err(refused(format!("This property cannot be expanded ({path}).")));
        }
    }
    Ok(())
}

fn walk(state: &State, value: &mut Value, steps: &[&str]) -> bool {
    let Some((field, rest)) = steps.split_first() else {
        return true;
    };
    match value.get_mut(*field) {
        // A price shows its tiers only to those who ask.
        None if *field == "tiers" => {
            let id = value.get("id").and_then(Value::as_str).unwrap_or_default();
            let tiers = state.any(ObjectKind::Price, id).map(|price| price.value("_tiers"));
            if let (Some(tiers), Value::Object(price)) = (tiers, value) {
                price.insert("tiers".into(), tiers);
                return rest.is_empty();
            }
            false
        }
        None => false,
        Some(Value::Null) => true,
        Some(Value::Array(elements)) => elements.iter_mut().all(|element| open(state, field, element, rest)),
        Some(child) => open(state, field, child, rest),
    }
}

/// Expands one value if it is an id, then goes on inside it.
fn open(state: &State, field: &str, value: &mut Value, rest: &[&str]) -> bool {
    if let Value::String(id) = value {
        match kind_of(field) {
            Some(kind) => *value = object(state, kind, id),
            None => return false,
        }
    }
    value.is_object() && walk(state, value, rest)
}

/// Which objects the ids in a field name.
fn kind_of(field: &str) -> Option<ObjectKind> {
    Some(match field {
        "customer" => ObjectKind::Customer,
        "product" => ObjectKind::Product,
        "price" | "default_price" => ObjectKind::Price,
        "coupon" => ObjectKind::Coupon,
        "promotion_code" => ObjectKind::PromotionCode,
        "discount" | "discounts" => ObjectKind::Discount,
        "subscription" => ObjectKind::Subscription,
        "latest_invoice" | "invoice" => ObjectKind::Invoice,
        "credit_note" => ObjectKind::CreditNote,
        "customer_balance_transaction" => ObjectKind::BalanceTransaction,
        "schedule" => ObjectKind::Schedule,
        "test_clock" => ObjectKind::TestClock,
        "feature" => ObjectKind::Feature,
        _ => return None,
    })
}
