//! Prices, and the plans that older readers still see on subscription items.
use super::calendar::Interval;
use super::call::{Input, Outcome};
use super::errors::ApiError;
use super::events;
use super::params::{
    AFTER, AMOUNT, BEFORE, EXPAND, Field, ID, IDS, INTERVAL, Kind, LIMIT, METADATA, NEW_METADATA, TEXT, field,
};
use super::record::Record;
use super::render;
use super::state::{ObjectKind, State};
use super::tiers::{self, TIERS, TIERS_MODE};
use serde_json::{Value, json};

const USAGE: Kind = Kind::Enum(&["licensed", "metered"]);
const RECURRING: Kind = Kind::Object(&[
    field("interval", INTERVAL).required(),
    field("interval_count", Kind::Integer(1, 1_095)),
    field("usage_type", USAGE),
    field("trial_period_days", Kind::Unmodelled),
    field("meter", ID),
]);
const PRODUCT_DATA: Kind = Kind::Object(&[field("name", TEXT).required(), field("id", ID), NEW_METADATA]);

pub(super) const CREATE: &[Field] = &[
    field("currency", Kind::Currency).required(),
    field("active", Kind::Boolean),
    field("product", ID),
    field("product_data", PRODUCT_DATA),
    field("recurring", RECURRING),
    field("unit_amount", AMOUNT),
    field("lookup_key", Kind::Text(200)),
    field("nickname", TEXT),
    NEW_METADATA,
    field("tax_behavior", Kind::Enum(&["exclusive", "inclusive", "unspecified"])),
    field("billing_scheme", Kind::Enum(&["per_unit", "tiered"])),
    field("currency_options", Kind::Unmodelled),
    field("custom_unit_amount", Kind::Unmodelled),
    TIERS,
    TIERS_MODE,
    field("transfer_lookup_key", Kind::Boolean),
    field("transform_quantity", Kind::Unmodelled),
    field("unit_amount_decimal", Kind::Unmodelled),
    EXPAND,
];

pub(super) const UPDATE: &[Field] = &[
    field("active", Kind::Boolean),
    field("lookup_key", Kind::Text(200)),
    field("nickname", TEXT),
    METADATA,
    field("tax_behavior", Kind::Enum(&["exclusive", "inclusive", "unspecified"])),
    field("transfer_lookup_key", Kind::Boolean),
    field("currency_options", Kind::Unmodelled),
    EXPAND,
];

pub(super) const LIST: &[Field] = &[
    field("active", Kind::Boolean),
    field("currency", Kind::Currency),
    field("product", ID),
    field("type", Kind::Enum(&["one_time", "recurring"])),
    field("lookup_keys", IDS),
    field("recurring", Kind::Object(&[field("interval", INTERVAL), field("usage_type", USAGE)])),
    field("created", Kind::TimeRange),
    LIMIT,
    AFTER,
    BEFORE,
    EXPAND,
];

pub(super) fn create(state: &mut State, input: &Input) -> Outcome {
    let params = &input.params;
    let tiers = tiers::checked(params)?;
    let amount = params.int("unit_amount");
    if amount.is_none() && tiers.is_none() {
        return Err(ApiError::missing("unit_amount"));
    }
    let usage = params.inner("recurring");
    if (usage.text("usage_type") == Some("metered")) != usage.has("meter") {
        return Err(ApiError::invalid(
            "A metered price is backed by a meter, and only a metered price has one.",
        )
        .param("recurring[meter]"));
    }
    let product = product_of(state, params)?;
    let id = State::id_for(ObjectKind::Price);
    let mut price = Record::of(json!({
        "id": id, "object": "price", "active": true, "billing_scheme": params.text("billing_scheme").unwrap_or("per_unit"),
        "created": state.now,
        "currency": params.value("currency"), "custom_unit_amount": null, "livemode": false, "lookup_key": null,
        "metadata": {}, "nickname": null, "product": product, "recurring": recurring(&params.inner("recurring")),
        "tax_behavior": "unspecified", "tiers_mode": params.value("tiers_mode"), "transform_quantity": null,
        "type": if params.has("recurring") { "recurring" } else { "one_time" },
        "unit_amount": amount, "unit_amount_decimal": amount.map(|amount| amount.to_string()), "_tiers": tiers,
    }));
    write(state, &mut price, params)?;
    state.put(ObjectKind::Price, price);
    events::emit(state, "price.created", ObjectKind::Price, &id, None);
    Ok(render::object(state, ObjectKind::Price, &id))
}

fn product_of(state: &mut State, params: &Record) -> Result<String, ApiError> {
    match (params.text("product"), params.has("product_data")) {
        (Some(_), true) => Err(ApiError::exclusive("product", "product_data")),
        (Some(id), false) => state.get_for(ObjectKind::Product, id, "product").map(|p| p.text_or_empty("id")),
        (None, true) => {
            let input = Input { ids: Vec::new(), params: params.inner("product_data") };
            super::products::create(state, &input).map(|p| Record::of(p).text_or_empty("id"))
        }
        (None, false) => Err(ApiError::missing("product")),
    }
}

fn recurring(given: &Record) -> Value {
    let Some(interval) = given.text("interval") else {
        return Value::Null;
    };
    json!({
        "interval": interval,
        "interval_count": given.int("interval_count").unwrap_or(1),
        "meter": given.value("meter"),
        "trial_period_days": null,
        "usage_type": given.text("usage_type").unwrap_or("licensed"),
    })
}

/// Copies what can change. A lookup key belongs to one price, unless the caller transfers it.
fn write(state: &mut State, price: &mut Record, params: &Record) -> Result<(), ApiError> {
    if let Some(key) = params.text("lookup_key") {
        let own = price.text_or_empty("id");
        let holders = state.all(ObjectKind::Price).filter(|p| p.text("lookup_key") == Some(key));
        let holder = holders.filter(|p| p.text("id") != Some(&own)).map(Clone::clone).next();
        if let Some(mut holder) = holder {
            if !params.flag("transfer_lookup_key") {
                return Err(ApiError::invalid(format!(
                    "A price (`{}`) already uses that lookup key.",
                    holder.text_or_empty("id")
                ))
                .param("lookup_key"));
            }
            holder.set("lookup_key", Value::Null);
            state.put(ObjectKind::Price, holder);
        }
    }
    price.take_given(params, &["active", "lookup_key", "nickname", "tax_behavior"]);
    price.merge_metadata(params);
    Ok(())
}

pub(super) fn update(state: &mut State, input: &Input) -> Outcome {
    let id = input.id();
    let mut price = state.get(ObjectKind::Price, id)?;
    let before = render::object(state, ObjectKind::Price, id);
    write(state, &mut price, &input.params)?;
    state.put(ObjectKind::Price, price);
    events::emit(state, "price.updated", ObjectKind::Price, id, Some(&before));
    Ok(render::object(state, ObjectKind::Price, id))
}

pub(super) fn retrieve(state: &mut State, input: &Input) -> Outcome {
    render::found(state, ObjectKind::Price, input.id())
}

pub(super) fn list(state: &mut State, input: &Input) -> Outcome {
    let params = &input.params;
    let (keys, wanted) = (params.texts("lookup_keys"), params.inner("recurring"));
    let active = params.has("active").then(|| params.flag("active"));
    let same =
        |field: &str, of: &Record, to: &Record| to.text(field).is_none_or(|w| of.text(field) == Some(w));
    render::page(state, ObjectKind::Price, params, "/v1/prices", |price| {
        let recurring = price.inner("recurring");
        active.is_none_or(|wanted| price.flag("active") == wanted)
            && (keys.is_empty() || price.text("lookup_key").is_some_and(|k| keys.iter().any(|w| w == k)))
            && ["currency", "product", "type"].iter().all(|f| same(f, price, params))
            && ["interval", "usage_type"].iter().all(|f| same(f, &recurring, &wanted))
    })
}

/// The billing interval of a recurring price.
pub(super) fn interval(price: &Record) -> Option<Interval> {
    let recurring = price.inner("recurring");
    let unit = recurring.text("interval")?.to_owned();
    Some(Interval { unit, count: recurring.int("interval_count").unwrap_or(1) })
}

/// The price in the shape of a plan, as subscription items still carry it.
pub(super) fn as_plan(state: &State, id: &str) -> Value {
    let Some(price) = state.any(ObjectKind::Price, id) else {
        return Value::Null;
    };
    let recurring = price.inner("recurring");
    json!({
        "id": id, "object": "plan", "active": price.flag("active"), "amount": price.value("unit_amount"),
        "amount_decimal": price.value("unit_amount_decimal"), "billing_scheme": price.value("billing_scheme"),
        "created": price.value("created"), "currency": price.value("currency"),
        "interval": recurring.value("interval"), "interval_count": recurring.value("interval_count"),
        "livemode": state.livemode, "metadata": price.value("metadata"), "meter": recurring.value("meter"),
        "nickname": price.value("nickname"), "product": price.value("product"), "tiers_mode": price.value("tiers_mode"),
        "transform_usage": null, "trial_period_days": null, "usage_type": recurring.value("usage_type"),
    })
}
