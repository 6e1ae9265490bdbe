//! Maps by language, by key and by type of offer.

use utoipa::openapi::RefOr;
use utoipa::openapi::schema::{ObjectBuilder, Schema, Type};
use utoipa::{PartialSchema, ToSchema};

use super::parts::{LOCALE, closed, days, map, reference, register, text};
use crate::domain::experiment::Arm;
use crate::domain::flow::limits::{MAX_ARMS, MAX_LABEL_CHARS, MAX_LOCALES, MAX_SEGMENTS};
use crate::domain::money::Percent;
use crate::domain::offer::{Key, OfferType};

/// A text by language.
#[derive(Debug)]
pub(in crate::domain::flow) struct LocalizedText;

impl PartialSchema for LocalizedText {
    fn schema() -> RefOr<Schema> {
        let value = ObjectBuilder::new()
            .schema_type(Type::String)
            .min_length(Some(1))
            .max_length(Some(MAX_LABEL_CHARS));
        let doc = "The text by language (BCP 47). Tried in turn: the subscriber's (`pt-BR`, then `pt`), the flow's `default_locale`, English, any.";
        map(text(LOCALE), value.into(), 1, MAX_LOCALES, doc).into()
    }
}
impl ToSchema for LocalizedText {}

fn days_by_type(word: &str, doc: &str) -> RefOr<Schema> {
    let all = OfferType::ALL.iter().map(|of| of.as_str()).chain([word]);
    closed(all.fold(ObjectBuilder::new(), |object, name| object.property(name, days(0))), doc)
}

/// Days by offer type, after accepted offers.
#[derive(Debug)]
pub(in crate::domain::flow) struct CooldownDays;

impl PartialSchema for CooldownDays {
    fn schema() -> RefOr<Schema> {
        let doc = "Days by offer type, or for `any` offer after any; what is left out has no cooldown.";
        days_by_type("any", doc)
    }
}
impl ToSchema for CooldownDays {}

/// Arms by key.
#[derive(Debug)]
pub(in crate::domain::flow) struct Arms;

impl PartialSchema for Arms {
    fn schema() -> RefOr<Schema> {
        let doc = "`control`, which sees what the rules say, and at least one more; `holdout` sees no offer.";
        let mut arms = map(Key::schema(), reference::<Arm>(), 2, MAX_ARMS, doc);
        arms.properties.insert("control".to_owned(), reference::<Arm>());
        arms.required.push("control".to_owned());
        arms.into()
    }
}
impl ToSchema for Arms {
    fn schemas(schemas: &mut Vec<(String, RefOr<Schema>)>) {
        register::<Arm>(schemas);
    }
}

/// Days by offer type, after declined offers.
#[derive(Debug)]
pub(in crate::domain::flow) struct DeclinedCooldownDays;

impl PartialSchema for DeclinedCooldownDays {
    fn schema() -> RefOr<Schema> {
        let doc =
            "Days by offer type, or for the same `offer`; what is left out may be presented again at once.";
        days_by_type("offer", doc)
    }
}
impl ToSchema for DeclinedCooldownDays {}

/// Percent off by segment.
#[derive(Debug)]
pub(in crate::domain::flow) struct DepthSegments;

impl PartialSchema for DepthSegments {
    fn schema() -> RefOr<Schema> {
        map(Key::schema(), reference::<Percent>(), 0, MAX_SEGMENTS, "Percent off by segment.").into()
    }
}
impl ToSchema for DepthSegments {}
