//! What an arm does to the offers that a rule presents.

use std::collections::BTreeMap;

use serde::Serialize;
use utoipa::openapi::RefOr;
use utoipa::openapi::schema::{AdditionalProperties, ObjectBuilder, Ref, Schema};
use utoipa::{PartialSchema, ToSchema};

use super::HOLDOUT;
use crate::domain::offer::Key;

/// One way to do it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = FlowArm)]
pub struct Arm {
    /// How many customers it takes, against the weights of the others; 1 unless said otherwise, 0 for none that are new.
    #[schema(required = false, minimum = 0, maximum = 10000, default = 1)]
    pub weight: u16,
    /// Offers by the offers that stand in their place: other ones, or the same with other terms or texts.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    #[schema(required = false, schema_with = replacements)]
    pub replace: BTreeMap<Key, Key>,
    /// Offers that come first, in this order, where the rule presents them.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schema(required = false, max_items = 20)]
    pub order: Vec<Key>,
}

fn replacements() -> RefOr<Schema> {
    let key = RefOr::Ref(Ref::from_schema_name(Key::name()));
    let mut map = ObjectBuilder::new()
        .property_names(Some(Key::schema()))
        .additional_properties(Some(AdditionalProperties::RefOr(key)))
        .description(Some(
            "Offers by the offers that stand in their place: other ones, or the same with other terms or texts.",
        ))
        .build();
    map.max_properties = Some(20);
    map.into()
}

/// Whether an arm makes any difference to these offers, whatever becomes of each of them later.
#[must_use]
pub fn changes(key: &Key, arm: &Arm, present: &[Key]) -> bool {
    if key.as_str() == HOLDOUT {
        return !present.is_empty();
    }
    rearranged(arm, present) != present
}

/// The offers as an arm has them: some replaced, some put first. An offer stands once, at its first place.
#[must_use]
pub fn rearranged(arm: &Arm, present: &[Key]) -> Vec<Key> {
    let mut all: Vec<Key> = Vec::with_capacity(present.len());
    for key in present.iter().map(|key| arm.replace.get(key).unwrap_or(key)) {
        if !all.contains(key) {
            all.push(key.clone());
        }
    }
    // Stable: those that the arm does not name stay in their order, behind.
    all.sort_by_key(|key| arm.order.iter().position(|named| named == key).unwrap_or(usize::MAX));
    all
}
