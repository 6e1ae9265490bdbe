//! Who gets what, and who runs another flow.

use utoipa::openapi::RefOr;
use utoipa::openapi::schema::{AdditionalProperties, ObjectBuilder, OneOfBuilder, Schema, Type};
use utoipa::{PartialSchema, ToSchema};

use super::parts::{closed, list, reference, register};
use crate::domain::flow::document::{Route, Rule, When};
use crate::domain::flow::limits::{MAX_PRESENT, MAX_RULE_KEYS};
use crate::domain::offer::Key;

impl PartialSchema for Route {
    fn schema() -> RefOr<Schema> {
        let keys = |doc: &str| list::<Key>(1, MAX_RULE_KEYS, doc);
        let mut when = ObjectBuilder::new()
            .property("segments", keys("Segments of which at least one must hold."))
            .property("segment_tags", keys("Tags of segments of which at least one must hold."))
            .additional_properties(Some(AdditionalProperties::FreeForm(false)))
            .build();
        when.min_properties = Some(1);
        let object = ObjectBuilder::new()
            .property("when", when)
            .required("when")
            .property("flow", reference::<Key>())
            .required("flow");
        closed(
            object,
            "For these segments, run another flow, which must be published; its own routes are not followed.",
        )
    }
}
impl ToSchema for Route {
    fn name() -> std::borrow::Cow<'static, str> {
        "FlowRoute".into()
    }
}

impl PartialSchema for Rule {
    fn schema() -> RefOr<Schema> {
        let present = || list::<Key>(0, MAX_PRESENT, "The offers by rank; empty to let go without one.");
        let always = ObjectBuilder::new().schema_type(Type::Boolean).enum_values(Some([true]));
        let when = ObjectBuilder::new().property("when", reference::<When>()).required("when");
        let otherwise = ObjectBuilder::new().property("otherwise", always).required("otherwise");
        let with = |object: ObjectBuilder, doc: &str| {
            closed(object.property("present", present()).required("present"), doc)
        };
        OneOfBuilder::new()
            .item(with(when, "For some."))
            .item(with(otherwise, "For everybody whom no rule before is for; the last rule."))
            .description(Some("For these segments and reasons, present these offers."))
            .into()
    }
}
impl ToSchema for Rule {
    fn name() -> std::borrow::Cow<'static, str> {
        "FlowRule".into()
    }

    fn schemas(schemas: &mut Vec<(String, RefOr<Schema>)>) {
        register::<When>(schemas);
        register::<Key>(schemas);
    }
}
