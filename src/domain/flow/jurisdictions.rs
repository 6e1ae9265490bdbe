//! Which place has which rules, as a flow says it.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use strum::{IntoStaticStr, VariantArray};
use utoipa::openapi::RefOr;
use utoipa::openapi::schema::{ObjectBuilder, OneOfBuilder, Schema, Type};
use utoipa::{PartialSchema, ToSchema};

use super::limits::MAX_PLACES;
use super::presets::presets;
use super::schema::parts::{map, reference, register, text};
use crate::domain::jurisdiction::{JurisdictionPolicy, Place, PlaceName};

/// The rules by place.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = FlowJurisdictions)]
pub struct Jurisdictions {
    /// The rules of every place that is not named; the preset `none` unless said otherwise.
    #[schema(required = false, default = "none")]
    pub default: PolicyChoice,
    /// What governs where the place is not known, or a country is known whose states differ and the state is not.
    #[schema(required = false, default = "default")]
    pub unknown_place: UnknownPlace,
    /// The rules by place: a country (`DE`), a country's state (`US-CA`), or `EU` for all its member states that are
    /// not named themselves.
    #[schema(required = false, value_type = PoliciesByPlace)]
    pub places: BTreeMap<PlaceName, PolicyChoice>,
}

/// Rules: those of a preset, or the flow's own. As JSON, the key of the one or the whole of the other.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PolicyChoice {
    /// A preset.
    Preset(&'static JurisdictionPolicy),
    /// The flow's own.
    Own(Box<JurisdictionPolicy>),
}

/// What governs where the place is not known.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
#[derive(IntoStaticStr, VariantArray)]
#[strum(serialize_all = "snake_case")]
#[schema(as = FlowUnknownPlace)]
pub enum UnknownPlace {
    /// The default, or the rules of the country.
    #[default]
    Default,
    /// All rules that could apply, together.
    Strictest,
}

impl PolicyChoice {
    /// The rules.
    #[must_use]
    pub fn policy(&self) -> &JurisdictionPolicy {
        match self {
            Self::Preset(preset) => preset,
            Self::Own(own) => own,
        }
    }
}

impl Serialize for PolicyChoice {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Preset(preset) => preset.key.serialize(serializer),
            Self::Own(own) => own.serialize(serializer),
        }
    }
}

impl Jurisdictions {
    /// The rules that govern a subscriber in this place.
    #[must_use]
    pub fn governing(&self, place: &Place) -> JurisdictionPolicy {
        let mut names = place.names();
        let found = names.find_map(|name| self.places.get(&name)).unwrap_or(&self.default);
        let strictest = self.unknown_place == UnknownPlace::Strictest;
        let others: Vec<&PolicyChoice> = match (&place.country, &place.state) {
            (None, _) if strictest => self.places.values().collect(),
            (Some(country), None) if strictest => {
                let states = self.places.iter().filter(|(name, _)| name.is_state_of(country));
                states.map(|(_, choice)| choice).collect()
            }
            _ => Vec::new(),
        };
        let mut policy = found.policy().clone();
        for other in others.into_iter().map(PolicyChoice::policy) {
            // One rule for all of them keeps its own name.
            if *other != policy {
                policy = policy.and(other);
            }
        }
        policy
    }
}

impl PartialSchema for PolicyChoice {
    fn schema() -> RefOr<Schema> {
        let keys = presets().iter().map(|preset| preset.policy.key.as_str().to_owned());
        let key = ObjectBuilder::new()
            .schema_type(Type::String)
            .enum_values(Some(keys.collect::<Vec<_>>()))
            .description(Some("A preset."));
        OneOfBuilder::new()
            .item(key)
            .item(reference::<JurisdictionPolicy>())
            .description(Some("The rules of a preset, or your own."))
            .into()
    }
}
impl ToSchema for PolicyChoice {
    fn name() -> std::borrow::Cow<'static, str> {
        "FlowJurisdictionPolicy".into()
    }

    fn schemas(schemas: &mut Vec<(String, RefOr<Schema>)>) {
        register::<JurisdictionPolicy>(schemas);
    }
}

/// The schema of the rules by place.
#[derive(Debug)]
struct PoliciesByPlace;

impl PartialSchema for PoliciesByPlace {
    fn schema() -> RefOr<Schema> {
        let doc = "Rules by place: a country (`DE`), a state (`US-CA`), or `EU`.";
        map(text("^([A-Z]{2}(-[A-Z0-9]{1,3})?)$"), reference::<PolicyChoice>(), 0, MAX_PLACES, doc).into()
    }
}
impl ToSchema for PoliciesByPlace {
    fn schemas(schemas: &mut Vec<(String, RefOr<Schema>)>) {
        register::<PolicyChoice>(schemas);
    }
}
