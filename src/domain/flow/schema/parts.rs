//! The parts that schemas are made of.

use utoipa::ToSchema;
use utoipa::openapi::RefOr;
use utoipa::openapi::schema::{AdditionalProperties, ArrayBuilder, Object, ObjectBuilder, Ref, Schema, Type};

/// A language, as a BCP 47 tag.
pub(super) const LOCALE: &str = "^[a-z]{2,3}(-[A-Za-z0-9]{2,8})*$";

/// A reference to a type; whoever makes one registers it.
pub(in crate::domain::flow) fn reference<T: ToSchema>() -> RefOr<Schema> {
    RefOr::Ref(Ref::from_schema_name(T::name()))
}

/// Adds a type that is referred to, with all that it refers to itself.
pub(in crate::domain::flow) fn register<T: ToSchema>(schemas: &mut Vec<(String, RefOr<Schema>)>) {
    schemas.push((T::name().into_owned(), T::schema()));
    T::schemas(schemas);
}

/// A map with names of a kind.
pub(in crate::domain::flow) fn map(
    names: RefOr<Schema>,
    values: RefOr<Schema>,
    least: usize,
    most: usize,
    doc: &str,
) -> Object {
    let mut object = ObjectBuilder::new()
        .property_names(Some(names))
        .additional_properties(Some(AdditionalProperties::RefOr(values)))
        .description(Some(doc))
        .build();
    object.min_properties = (least > 0).then_some(least);
    object.max_properties = Some(most);
    object
}

/// A text of a pattern.
pub(in crate::domain::flow) fn text(pattern: &str) -> RefOr<Schema> {
    ObjectBuilder::new().schema_type(Type::String).pattern(Some(pattern)).into()
}

/// A list of values of a type.
pub(super) fn list<T: ToSchema>(least: usize, most: usize, doc: &str) -> RefOr<Schema> {
    ArrayBuilder::new()
        .items(reference::<T>())
        .min_items(Some(least))
        .max_items(Some(most))
        .description(Some(doc))
        .into()
}

/// An object without other members.
pub(super) fn closed(object: ObjectBuilder, doc: &str) -> RefOr<Schema> {
    object.additional_properties(Some(AdditionalProperties::FreeForm(false))).description(Some(doc)).into()
}

/// A number of days, ten years at most.
pub(super) fn days(least: u16) -> ObjectBuilder {
    ObjectBuilder::new().schema_type(Type::Integer).minimum(Some(least)).maximum(Some(3_650))
}
