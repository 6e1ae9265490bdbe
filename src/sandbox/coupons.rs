//! Coupons.
use super::call::{Input, Outcome};
use super::errors::ApiError;
use super::events;
use super::params::{AFTER, BEFORE, COUNT, EXPAND, Field, IDS, Kind, LIMIT, METADATA, field};
use super::record::Record;
use super::render;
use super::state::{ObjectKind, State};
use serde_json::{Value, json};

pub(super) const CREATE: &[Field] = &[
    field("id", Kind::Text(200)),
    field("amount_off", COUNT),
    field("applies_to", Kind::Object(&[field("products", IDS)])),
    field("currency", Kind::Currency),
    field("duration", Kind::Enum(&["forever", "once", "repeating"])),
    field("duration_in_months", COUNT),
    field("max_redemptions", COUNT),
    METADATA,
    field("name", Kind::Text(40)),
    field("percent_off", Kind::Decimal),
    field("redeem_by", Kind::Time),
    field("currency_options", Kind::Unmodelled),
    EXPAND,
];

pub(super) const UPDATE: &[Field] =
    &[METADATA, field("name", Kind::Text(40)), field("currency_options", Kind::Unmodelled), EXPAND];

pub(super) const LIST: &[Field] = &[field("created", Kind::TimeRange), LIMIT, AFTER, BEFORE, EXPAND];

pub(super) fn create(state: &mut State, input: &Input) -> Outcome {
    let params = &input.params;
    check(state, params)?;
    let id = params
        .text("id")
        .map_or_else(|| super::state::new_id("coupon").replace("coupon_", ""), str::to_owned);
    if state.find(ObjectKind::Coupon, &id).is_some() {
        return Err(ApiError::invalid("Coupon already exists.").code("resource_already_exists").param("id"));
    }
    let mut coupon = Record::of(json!({
        "id": id, "object": "coupon", "amount_off": null, "created": state.now, "currency": null,
        "duration": params.text("duration").unwrap_or("once"), "duration_in_months": null, "livemode": false,
        "max_redemptions": null, "metadata": {}, "name": null, "percent_off": null, "redeem_by": null,
        "times_redeemed": 0, "valid": true,
    }));
    coupon.take_given(
        params,
        &[
            "amount_off",
            "currency",
            "duration_in_months",
            "max_redemptions",
            "name",
            "percent_off",
            "redeem_by",
        ],
    );
    coupon.set("_products", params.inner("applies_to").texts("products"));
    coupon.merge_metadata(params);
    state.put(ObjectKind::Coupon, coupon);
    events::emit(state, "coupon.created", ObjectKind::Coupon, &id, None);
    Ok(render::object(state, ObjectKind::Coupon, &id))
}

fn check(state: &State, params: &Record) -> Result<(), ApiError> {
    let (amount, percent) = (params.has("amount_off"), params.has("percent_off"));
    if !amount && !percent {
        return Err(ApiError::invalid("Must provide percent_off or amount_off when creating a coupon."));
    }
    if amount && percent {
        return Err(ApiError::exclusive("percent_off", "amount_off"));
    }
    if amount && !params.has("currency") {
        return Err(ApiError::invalid("You must pass currency when passing amount_off.")
            .code("parameter_missing")
            .param("currency"));
    }
    if percent && hundredths_of_percent(params).is_none() {
        return Err(ApiError::invalid(
            "Invalid decimal: must be greater than 0 and at most 100, with at most two \
             decimal places",
        )
        .param("percent_off"));
    }
    let duration = params.text("duration").unwrap_or("once");
    if amount && duration == "forever" {
        return Err(ApiError::invalid("You can't create a coupon with amount_off and duration forever.")
            .param("duration"));
    }
    match (duration, params.has("duration_in_months")) {
        ("repeating", false) => {
            return Err(ApiError::invalid("You must pass duration_in_months when duration is repeating.")
                .code("parameter_missing")
                .param("duration_in_months"));
        }
        ("once" | "forever", true) => {
            return Err(ApiError::invalid(
                "duration_in_months can only be passed when duration is repeating.",
            )
            .param("duration_in_months"));
        }
        _ => {}
    }
    for (index, product) in params.inner("applies_to").texts("products").iter().enumerate() {
        state.get_for(ObjectKind::Product, product, &format!("applies_to[products][{index}]"))?;
    }
    match params.int("redeem_by") {
        Some(by) if by <= state.now => {
            Err(ApiError::invalid("redeem_by must be in the future.").param("redeem_by"))
        }
        _ => Ok(()),
    }
}

/// `percent_off` as 1 to 10,000 hundredths of a percent; nothing outside (0, 100] or with more than two decimals.
pub(super) fn hundredths_of_percent(coupon: &Record) -> Option<i64> {
    let text = coupon.value("percent_off").to_string();
    let (whole, fraction) = text.split_once('.').unwrap_or((&text, ""));
    if fraction.len() > 2 {
        return None;
    }
    let hundredths = format!("{whole}{fraction:0<2}").parse::<i64>().ok()?;
    (1..=10_000).contains(&hundredths).then_some(hundredths)
}

/// Whether the coupon can still be redeemed.
pub(super) fn is_valid(coupon: &Record, now: i64) -> bool {
    let redeemed = coupon.int("times_redeemed").unwrap_or(0);
    !coupon.flag("_deleted")
        && coupon.int("max_redemptions").is_none_or(|most| redeemed < most)
        && coupon.int("redeem_by").is_none_or(|by| now < by)
}

pub(super) fn update(state: &mut State, input: &Input) -> Outcome {
    let id = input.id();
    let mut coupon = state.get(ObjectKind::Coupon, id)?;
    let before = render::object(state, ObjectKind::Coupon, id);
    coupon.take_given(&input.params, &["name"]);
    coupon.merge_metadata(&input.params);
    state.put(ObjectKind::Coupon, coupon);
    events::emit(state, "coupon.updated", ObjectKind::Coupon, id, Some(&before));
    Ok(render::object(state, ObjectKind::Coupon, id))
}

pub(super) fn retrieve(state: &mut State, input: &Input) -> Outcome {
    let coupon = state.get(ObjectKind::Coupon, input.id())?;
    let mut shown = Record::of(render::object(state, ObjectKind::Coupon, input.id()));
    if input.params.texts("expand").iter().any(|path| path == "applies_to") {
        let products = coupon.texts("_products");
        let applies = if products.is_empty() { Value::Null } else { json!({"products": products}) };
        shown.set("applies_to", applies);
    }
    Ok(shown.public())
}

pub(super) fn list(state: &mut State, input: &Input) -> Outcome {
    render::page(state, ObjectKind::Coupon, &input.params, "/v1/coupons", |_| true)
}

/// Discounts already given keep working after their coupon is gone.
pub(super) fn delete(state: &mut State, input: &Input) -> Outcome {
    let id = input.id();
    state.get(ObjectKind::Coupon, id)?;
    state.delete(ObjectKind::Coupon, id);
    events::emit(state, "coupon.deleted", ObjectKind::Coupon, id, None);
    Ok(json!({"id": id, "object": "coupon", "deleted": true}))
}
