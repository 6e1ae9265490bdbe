//! Whom things are for: segments and tiers.

use serde_json::json;
use utoipa::openapi::RefOr;
use utoipa::openapi::schema::{ArrayBuilder, ObjectBuilder, OneOfBuilder, Schema, Type};
use utoipa::{PartialSchema, ToSchema};

use super::parts::{closed, list, reference};
use crate::domain::condition::{Condition, Segment, Tiers};
use crate::domain::flow::limits::{MAX_TAGS, MAX_TIERS};
use crate::domain::offer::Key;

impl PartialSchema for Segment {
    fn schema() -> RefOr<Schema> {
        let tags = list::<Key>(0, MAX_TAGS, "By what else rules may name it (`segment_tags`).");
        let tagged = ObjectBuilder::new()
            .property("condition", reference::<Condition>())
            .required("condition")
            .property("tags", tags);
        OneOfBuilder::new()
            .item(reference::<Condition>())
            .item(closed(tagged, "A condition with tags."))
            .description(Some("Whom it is for: a condition, or a condition with tags."))
            .into()
    }
}
impl ToSchema for Segment {
    fn name() -> std::borrow::Cow<'static, str> {
        "FlowSegment".into()
    }
}

impl PartialSchema for Tiers {
    fn schema() -> RefOr<Schema> {
        let from = ObjectBuilder::new()
            .schema_type(Type::Number)
            .description(Some("Where it begins, itself included; more than the one before."));
        let band = ObjectBuilder::new()
            .property("key", reference::<Key>())
            .required("key")
            .property("from", from)
            .required("from");
        let bands = ArrayBuilder::new()
            .items(closed(band, "A tier: from its bound up to that of the next."))
            .min_items(Some(1))
            .max_items(Some(MAX_TIERS))
            .description(Some("From the lowest up."));
        let attribute = ObjectBuilder::new()
            .schema_type(Type::String)
            .description(Some("A number of the catalogue, or of your own attributes."))
            .examples([json!("subscription.mrr")]);
        let object = ObjectBuilder::new()
            .property("attribute", attribute)
            .required("attribute")
            .property("bands", bands)
            .required("bands");
        closed(
            object,
            "Bands of what a subscriber is worth, for conditions: `{tier: gold}`, `{tier: {gte: silver}}`. Whoever is below the \
             first, or whose number is missing, is in none.",
        )
    }
}
impl ToSchema for Tiers {
    fn name() -> std::borrow::Cow<'static, str> {
        "FlowTiers".into()
    }
}
