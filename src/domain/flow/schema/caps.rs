//! How often offers may be accepted.

use utoipa::openapi::RefOr;
use utoipa::openapi::schema::{ObjectBuilder, OneOfBuilder, Schema, SchemaType, Type};
use utoipa::{PartialSchema, ToSchema};

use super::parts::{closed, days, list, reference, register};
use crate::domain::flow::care::AcceptCap;
use crate::domain::offer::{Key, OfferType};

impl PartialSchema for AcceptCap {
    fn schema() -> RefOr<Schema> {
        let of = |per: &str, most: u32, doc: &str| {
            let word =
                ObjectBuilder::new().schema_type(SchemaType::new(Type::String)).enum_values(Some([per]));
            let max = ObjectBuilder::new().schema_type(Type::Integer).minimum(Some(1)).maximum(Some(most));
            let object = ObjectBuilder::new()
                .property("per", word)
                .required("per")
                .property("max", max)
                .required("max")
                .property("within_days", days(1));
            let object = match per {
                "customer" => object.property(
                    "offer_types",
                    list::<OfferType>(
                        1,
                        OfferType::ALL.len(),
                        "Of these types; of all where it is left out.",
                    ),
                ),
                other => object.property(other, reference::<Key>()).required(other),
            };
            closed(object, doc)
        };
        OneOfBuilder::new()
            .item(of("customer", 100, "What one customer accepts, on whatever subscription."))
            .item(of("offer", 1_000_000_000, "How often one offer is accepted, by whomever."))
            .item(of(
                "campaign",
                1_000_000_000,
                "How often the offers of one campaign are accepted, by whomever.",
            ))
            .description(Some("How often offers may be accepted, in so many days or in all."))
            .into()
    }
}
impl ToSchema for AcceptCap {
    fn name() -> std::borrow::Cow<'static, str> {
        "FlowCap".into()
    }

    fn schemas(schemas: &mut Vec<(String, RefOr<Schema>)>) {
        register::<Key>(schemas);
        register::<OfferType>(schemas);
    }
}
