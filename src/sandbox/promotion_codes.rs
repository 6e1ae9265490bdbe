//! Promotion codes: names under which customers redeem coupons.
use super::call::{Input, Outcome};
use super::errors::ApiError;
use super::params::{AFTER, BEFORE, COUNT, EXPAND, Field, ID, Kind, LIMIT, METADATA, NEW_METADATA, field};
use super::record::Record;
use super::render;
use super::state::{ObjectKind, State, new_id};
use serde_json::json;

pub(super) const CREATE: &[Field] = &[
    field(
        "promotion",
        Kind::Object(&[field("type", Kind::Enum(&["coupon"])).required(), field("coupon", ID)]),
    )
    .required(),
    field("code", Kind::Text(500)),
    field("active", Kind::Boolean),
    field("customer", ID),
    field("expires_at", Kind::Time),
    field("max_redemptions", COUNT),
    NEW_METADATA,
    field("restrictions", Kind::Unmodelled),
    EXPAND,
];

pub(super) const UPDATE: &[Field] =
    &[field("active", Kind::Boolean), METADATA, field("restrictions", Kind::Unmodelled), EXPAND];

pub(super) const LIST: &[Field] = &[
    field("active", Kind::Boolean),
    field("code", Kind::Text(500)),
    field("coupon", ID),
    field("created", Kind::TimeRange),
    field("customer", ID),
    LIMIT,
    AFTER,
    BEFORE,
    EXPAND,
];

pub(super) fn create(state: &mut State, input: &Input) -> Outcome {
    let params = &input.params;
    let promotion = params.inner("promotion");
    let coupon = promotion.text("coupon").ok_or_else(|| ApiError::missing("promotion[coupon]"))?;
    state.get_for(ObjectKind::Coupon, coupon, "promotion[coupon]")?;
    if let Some(customer) = params.text("customer") {
        state.get_for(ObjectKind::Customer, customer, "customer")?;
    }
    let id = State::id_for(ObjectKind::PromotionCode);
    let code = params.text("code").map_or_else(|| new_id("P").chars().take(10).collect(), str::to_owned);
    let mut promotion_code = Record::of(json!({
        "id": id, "object": "promotion_code", "active": true, "code": code, "created": state.now,
        "customer": null, "customer_account": null, "expires_at": null, "livemode": false,
        "max_redemptions": null, "metadata": {}, "promotion": promotion.public(),
        "restrictions": {"first_time_transaction": false, "minimum_amount": null,
            "minimum_amount_currency": null},
        "times_redeemed": 0,
    }));
    promotion_code.take_given(params, &["active", "customer", "expires_at", "max_redemptions"]);
    promotion_code.merge_metadata(params);
    state.put(ObjectKind::PromotionCode, promotion_code);
    Ok(render::object(state, ObjectKind::PromotionCode, &id))
}

pub(super) fn update(state: &mut State, input: &Input) -> Outcome {
    let mut code = state.get(ObjectKind::PromotionCode, input.id())?;
    code.take_given(&input.params, &["active"]);
    code.merge_metadata(&input.params);
    state.put(ObjectKind::PromotionCode, code);
    Ok(render::object(state, ObjectKind::PromotionCode, input.id()))
}

pub(super) fn list(state: &mut State, input: &Input) -> Outcome {
    let params = &input.params;
    let active = params.has("active").then(|| params.flag("active"));
    render::page(state, ObjectKind::PromotionCode, params, "/v1/promotion_codes", |code| {
        ["code", "customer"].iter().all(|f| params.text(f).is_none_or(|v| code.text(f) == Some(v)))
            && params.text("coupon").is_none_or(|c| code.inner("promotion").text("coupon") == Some(c))
            && active.is_none_or(|wanted| code.flag("active") == wanted)
    })
}

pub(super) fn retrieve(state: &mut State, input: &Input) -> Outcome {
    render::found(state, ObjectKind::PromotionCode, input.id())
}

/// The coupon behind a code that this customer may redeem now.
pub(super) fn coupon_for(state: &State, id: &str, customer: &str, param: &str) -> Result<String, ApiError> {
    let code = state.get_for(ObjectKind::PromotionCode, id, param)?;
    let redeemed = code.int("times_redeemed").unwrap_or(0);
    let open = code.flag("active")
        && code.int("expires_at").is_none_or(|at| state.now < at)
        && code.int("max_redemptions").is_none_or(|most| redeemed < most)
        && code.text("customer").is_none_or(|only| only == customer);
    if !open {
        return Err(ApiError::invalid(
            "This promotion code cannot be redeemed because it is no longer valid.",
        )
        .param(param));
    }
    Ok(code.inner("promotion").text_or_empty("coupon"))
}
