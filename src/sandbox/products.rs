//! Products.
use super::call::{Input, Outcome};
use super::errors::ApiError;
use super::events;
use super::params::{
    AFTER, BEFORE, EXPAND, Field, ID, IDS, Kind, LIMIT, METADATA, NEW_METADATA, TEXT, field,
};
use super::record::Record;
use super::render;
use super::state::{ObjectKind, State};
use serde_json::json;

pub(super) const CREATE: &[Field] = &[
    field("name", TEXT).required(),
    field("id", ID),
    field("active", Kind::Boolean),
    field("description", TEXT),
    field("images", IDS),
    NEW_METADATA,
    field("statement_descriptor", Kind::Text(22)),
    field("unit_label", Kind::Text(12)),
    field("url", TEXT),
    field("type", Kind::Enum(&["good", "service"])),
    field("default_price_data", Kind::Unmodelled),
    field("marketing_features", Kind::Unmodelled),
    field("package_dimensions", Kind::Unmodelled),
    field("shippable", Kind::Unmodelled),
    field("tax_code", Kind::Unmodelled),
    EXPAND,
];

pub(super) const UPDATE: &[Field] = &[
    field("name", TEXT),
    field("active", Kind::Boolean),
    field("default_price", ID),
    field("description", TEXT).clearable(),
    field("images", IDS).clearable(),
    METADATA,
    field("statement_descriptor", Kind::Text(22)),
    field("unit_label", Kind::Text(12)).clearable(),
    field("url", TEXT).clearable(),
    field("marketing_features", Kind::Unmodelled),
    field("package_dimensions", Kind::Unmodelled),
    field("shippable", Kind::Unmodelled),
    field("tax_code", Kind::Unmodelled),
    EXPAND,
];

pub(super) const LIST: &[Field] = &[
    field("active", Kind::Boolean),
    field("ids", IDS),
    field("created", Kind::TimeRange),
    field("shippable", Kind::Unmodelled),
    field("url", TEXT),
    LIMIT,
    AFTER,
    BEFORE,
    EXPAND,
];

const COPIED: &[&str] = &[
    "name",
    "active",
    "default_price",
    "description",
    "images",
    "statement_descriptor",
    "unit_label",
    "url",
    "type",
];

pub(super) fn create(state: &mut State, input: &Input) -> Outcome {
    let id = input.params.text("id").map_or_else(|| State::id_for(ObjectKind::Product), str::to_owned);
    if state.any(ObjectKind::Product, &id).is_some() {
        return Err(ApiError::invalid("Product already exists.").code("resource_already_exists").param("id"));
    }
    let mut product = Record::of(json!({
        "id": id, "object": "product", "active": true, "created": state.now, "default_price": null,
        "description": null, "images": [], "livemode": false, "marketing_features": [], "metadata": {},
        "package_dimensions": null, "shippable": null, "statement_descriptor": null, "tax_code": null,
        "type": "service", "unit_label": null, "updated": state.now, "url": null,
    }));
    product.take_given(&input.params, COPIED);
    product.merge_metadata(&input.params);
    state.put(ObjectKind::Product, product);
    events::emit(state, "product.created", ObjectKind::Product, &id, None);
    Ok(render::object(state, ObjectKind::Product, &id))
}

pub(super) fn update(state: &mut State, input: &Input) -> Outcome {
    let id = input.id();
    let mut product = state.get(ObjectKind::Product, id)?;
    if let Some(price) = input.params.text("default_price") {
        let price = state.get_for(ObjectKind::Price, price, "default_price")?;
        if price.text("product") != Some(id) {
            return Err(ApiError::invalid("The price specified does not belong to this product.")
                .param("default_price"));
        }
    }
    let before = render::object(state, ObjectKind::Product, id);
    product.take_given(&input.params, COPIED);
    if input.params.is_cleared("images") {
        product.set("images", json!([]));
    }
    product.merge_metadata(&input.params);
    product.set("updated", state.now);
    state.put(ObjectKind::Product, product);
    events::emit(state, "product.updated", ObjectKind::Product, id, Some(&before));
    Ok(render::object(state, ObjectKind::Product, id))
}

pub(super) fn retrieve(state: &mut State, input: &Input) -> Outcome {
    render::found(state, ObjectKind::Product, input.id())
}

pub(super) fn list(state: &mut State, input: &Input) -> Outcome {
    let params = &input.params;
    let ids = params.texts("ids");
    let active = params.has("active").then(|| params.flag("active"));
    render::page(state, ObjectKind::Product, params, "/v1/products", |product| {
        active.is_none_or(|wanted| product.flag("active") == wanted)
            && (ids.is_empty() || ids.contains(&product.text_or_empty("id")))
            && params.text("url").is_none_or(|url| product.text("url") == Some(url))
    })
}
