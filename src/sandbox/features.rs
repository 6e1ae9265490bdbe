//! Entitlement features, and which products carry them.
use super::call::{Input, Outcome};
use super::errors::ApiError;
use super::params::{AFTER, BEFORE, EXPAND, Field, ID, Kind, LIMIT, NEW_METADATA, field};
use super::record::Record;
use super::render;
use super::state::{ObjectKind, State};
use serde_json::json;

pub(super) const CREATE: &[Field] = &[
    field("lookup_key", Kind::Text(80)).required(),
    field("name", Kind::Text(80)).required(),
    NEW_METADATA,
    EXPAND,
];
pub(super) const LIST: &[Field] =
    &[field("archived", Kind::Boolean), field("lookup_key", ID), LIMIT, AFTER, BEFORE, EXPAND];
pub(super) const ATTACH: &[Field] = &[field("entitlement_feature", ID).required(), EXPAND];
pub(super) const LIST_ATTACHED: &[Field] = &[LIMIT, AFTER, BEFORE, EXPAND];

pub(super) fn create(state: &mut State, input: &Input) -> Outcome {
    let key = input.params.text_or_empty("lookup_key");
    if state.all(ObjectKind::Feature).any(|f| f.text("lookup_key") == Some(&key)) {
        return Err(ApiError::invalid(format!("A feature with the lookup key `{key}` already exists."))
            .code("resource_already_exists")
            .param("lookup_key"));
    }
    let id = State::id_for(ObjectKind::Feature);
    let mut feature = Record::of(json!({
        "id": id, "object": "entitlements.feature", "active": true, "livemode": false, "lookup_key": key,
        "metadata": {}, "name": input.params.value("name"),
    }));
    feature.merge_metadata(&input.params);
    state.put(ObjectKind::Feature, feature);
    Ok(render::object(state, ObjectKind::Feature, &id))
}

pub(super) fn retrieve(state: &mut State, input: &Input) -> Outcome {
    render::found(state, ObjectKind::Feature, input.id())
}

pub(super) fn list(state: &mut State, input: &Input) -> Outcome {
    let params = &input.params;
    let archived = params.has("archived").then(|| params.flag("archived"));
    render::page(state, ObjectKind::Feature, params, "/v1/entitlements/features", |feature| {
        params.text("lookup_key").is_none_or(|key| feature.text("lookup_key") == Some(key))
            && archived.is_none_or(|wanted| feature.flag("active") != wanted)
    })
}

/// Whoever already pays for the product gets the feature with their next period; new subscribers at once.
pub(super) fn attach(state: &mut State, input: &Input) -> Outcome {
    let product = input.id();
    state.get(ObjectKind::Product, product)?;
    let feature = input.params.text_or_empty("entitlement_feature");
    state.get_for(ObjectKind::Feature, &feature, "entitlement_feature")?;
    if features_of(state, product).contains(&feature) {
        return Err(ApiError::invalid("This feature is already attached to this product.")
            .param("entitlement_feature"));
    }
    let id = State::id_for(ObjectKind::ProductFeature);
    state.put(
        ObjectKind::ProductFeature,
        Record::of(json!({
            "id": id, "object": "product_feature", "livemode": false, "_product": product, "_feature": feature,
        })),
    );
    Ok(render::object(state, ObjectKind::ProductFeature, &id))
}

pub(super) fn list_attached(state: &mut State, input: &Input) -> Outcome {
    let product = input.id();
    state.get(ObjectKind::Product, product)?;
    let url = format!("/v1/products/{product}/features");
    render::page(state, ObjectKind::ProductFeature, &input.params, &url, |f| {
        f.text("_product") == Some(product)
    })
}

pub(super) fn detach(state: &mut State, input: &Input) -> Outcome {
    let id = input.ids.get(1).map_or("", String::as_str);
    let attached = state.get(ObjectKind::ProductFeature, id)?;
    if attached.text("_product") != Some(input.id()) {
        return Err(ApiError::no_such("product feature", id));
    }
    state.delete(ObjectKind::ProductFeature, id);
    Ok(json!({"id": id, "object": "product_feature", "deleted": true}))
}

/// The features that a product carries now.
pub(super) fn features_of(state: &State, product: &str) -> Vec<String> {
    let attached = state.all(ObjectKind::ProductFeature).filter(|f| f.text("_product") == Some(product));
    attached.map(|f| f.text_or_empty("_feature")).collect()
}
