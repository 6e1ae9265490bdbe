//! How conditions are written: `{all: […]}`, `{any: […]}`, `{not: …}`, `{attribute: …, <operator>: <constant>}`,
//! `{segment: …}`, `{tier: …}`.

use rust_decimal::Decimal;
use serde::ser::SerializeMap;
use serde::{Serialize, Serializer};
use serde_json::Value as Json;
use utoipa::openapi::RefOr;
use utoipa::openapi::schema::{
    AdditionalProperties, ArrayBuilder, ObjectBuilder, OneOfBuilder, Ref, Schema, Type,
};
use utoipa::{PartialSchema, ToSchema};

use super::{AgeTest, Comparison, Condition, Order, Test, TextTest, TierBound, TierTest};
use crate::domain::offer::Key;

impl Serialize for Condition {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Compare(comparison) => comparison.serialize(serializer),
            Self::All(parts) => entry(serializer, "all", parts),
            Self::Any(parts) => entry(serializer, "any", parts),
            Self::Not(part) => entry(serializer, "not", part),
            Self::Segment(key) => entry(serializer, "segment", key),
            Self::Tier(test) => entry(serializer, "tier", test),
        }
    }
}

fn entry<S: Serializer>(serializer: S, key: &str, value: &impl Serialize) -> Result<S::Ok, S::Error> {
    let mut map = serializer.serialize_map(Some(1))?;
    map.serialize_entry(key, value)?;
    map.end()
}

impl TierBound {
    /// The operator's word; none for a tier named alone.
    #[must_use]
    pub fn word(self) -> Option<&'static str> {
        match self {
            Self::Is => None,
            Self::AtLeast => Some("gte"),
            Self::AtMost => Some("lte"),
        }
    }
}

impl Serialize for TierTest {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self.bound.word() {
            Some(word) => entry(serializer, word, &self.tier),
            None => self.tier.serialize(serializer),
        }
    }
}

impl Serialize for Comparison {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(2))?;
        map.serialize_entry("attribute", &self.attribute)?;
        map.serialize_entry(self.test.word(), &self.test.constant())?;
        map.end()
    }
}

impl Test {
    /// The constant as it is written.
    #[must_use]
    pub fn constant(&self) -> Constant<'_> {
        Constant(self)
    }
}

/// The constant of a test, to be written as JSON.
#[derive(Clone, Copy, Debug)]
pub struct Constant<'a>(&'a Test);

impl Serialize for Constant<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self.0 {
            Test::Exists(flag) | Test::Boolean { to: flag, .. } => serializer.serialize_bool(*flag),
            Test::Number(order) => ordered(order, serializer, |number| number_json(*number)),
            Test::Instant(order) => ordered(order, serializer, |at| *at),
            Test::Age(AgeTest::Older(age) | AgeTest::Newer(age)) => serializer.collect_str(age),
            Test::Text(TextTest::In(texts) | TextTest::NotIn(texts)) => texts.serialize(serializer),
            Test::Text(
                TextTest::Eq(text)
                | TextTest::Ne(text)
                | TextTest::Contains(text)
                | TextTest::StartsWith(text)
                | TextTest::EndsWith(text),
            ) => text.serialize(serializer),
        }
    }
}

fn ordered<S: Serializer, T: Ord, U: Serialize>(
    order: &Order<T>,
    serializer: S,
    one: impl Fn(&T) -> U,
) -> Result<S::Ok, S::Error> {
    match order {
        Order::In(constants) | Order::NotIn(constants) => serializer.collect_seq(constants.iter().map(one)),
        Order::Between(low, high) => [one(low), one(high)].serialize(serializer),
        Order::Eq(constant)
        | Order::Ne(constant)
        | Order::Gt(constant)
        | Order::Gte(constant)
        | Order::Lt(constant)
        | Order::Lte(constant) => one(constant).serialize(serializer),
    }
}

/// A number as JSON writes it: an integer, or the nearest double. Parsing takes only numbers that this keeps exact.
#[must_use]
pub(crate) fn number_json(number: Decimal) -> Json {
    let whole = i64::try_from(number).ok().filter(|whole| Decimal::from(*whole) == number);
    whole.map_or_else(|| f64::try_from(number).map_or(Json::Null, Json::from), Json::from)
}

/// Whether a number survives being written as JSON and read again.
#[must_use]
pub(crate) fn is_exact(number: Decimal) -> bool {
    let json = number_json(number);
    let whole = json.as_i64().map(Decimal::from);
    whole.or_else(|| json.as_f64().and_then(|double| Decimal::try_from(double).ok())) == Some(number)
}

impl PartialSchema for Condition {
    fn schema() -> RefOr<Schema> {
        let itself = || RefOr::Ref(Ref::from_schema_name("Condition"));
        let list = |doc: &str| {
            ArrayBuilder::new()
                .items(itself())
                .min_items(Some(1))
                .max_items(Some(200))
                .description(Some(doc))
                .build()
        };
        let part = |name: &str, schema: RefOr<Schema>| {
            closed(ObjectBuilder::new().property(name, schema).required(name))
        };
        OneOfBuilder::new()
            .item(part("all", list("Every part holds.").into()))
            .item(part("any", list("At least one part holds.").into()))
            .item(part("not", itself()))
            .item(comparison_schema())
            .item(part("segment", Key::schema()))
            .item(part("tier", tier_schema()))
            .description(Some(
                "A tree of `all`, `any` and `not` over comparisons, other segments (`segment`) and value tiers (`tier`), at most 16 \
                 deep. A comparison whose attribute is missing is false, except `exists`; so `not` of it is true.",
            ))
            .into()
    }
}
impl ToSchema for Condition {}

fn closed(object: ObjectBuilder) -> Schema {
    object.additional_properties(Some(AdditionalProperties::FreeForm(false))).build().into()
}

fn of(types: &[Type], doc: &str) -> ObjectBuilder {
    let types = utoipa::openapi::schema::SchemaType::from_iter(types.iter().cloned());
    ObjectBuilder::new().schema_type(types).description(Some(doc))
}

fn tier_schema() -> RefOr<Schema> {
    let bound = |word: &str| closed(ObjectBuilder::new().property(word, Key::schema()).required(word));
    OneOfBuilder::new()
        .item(Key::schema())
        .item(bound("gte"))
        .item(bound("lte"))
        .description(Some("Exactly this value tier, or with `gte` or `lte` this and those above or below."))
        .into()
}

fn comparison_schema() -> Schema {
    let scalar = [Type::String, Type::Number, Type::Boolean];
    let size = [Type::String, Type::Number];
    let list = |doc: &str, least: usize, most: usize| {
        ArrayBuilder::new()
            .items(of(&size, ""))
            .min_items(Some(least))
            .max_items(Some(most))
            .description(Some(doc))
            .build()
    };
    let age = |doc: &str| of(&[Type::String], doc).pattern(Some("^[0-9]{1,5}[hdw]$"));
    let name =
        of(&[Type::String], "The attribute: one of the catalogue, or `customer.` and a name of your own.")
            .pattern(Some("^(subscription|plan|history|usage|customer)\\.[a-z0-9_.]{1,64}$"));
    let object = ObjectBuilder::new()
        .description(Some("One attribute and exactly one operator, which must fit the attribute's type."))
        .property("attribute", name)
        .required("attribute")
        .property("eq", of(&scalar, "Is this. Text, number, boolean, instant."))
        .property("ne", of(&scalar, "Is there and is not this. Text, number, boolean, instant."))
        .property(
            "in",
            list(
                "Is one of these; of a text list, has one of these. Text, number, instant, text list.",
                1,
                1_000,
            ),
        )
        .property(
            "not_in",
            list("Is there and is none of these; of a text list, has none of these.", 1, 1_000),
        )
        .property("contains", of(&[Type::String], "Has this within (text), or as an element (text list)."))
        .property("starts_with", of(&[Type::String], "Starts so. Text."))
        .property("ends_with", of(&[Type::String], "Ends so. Text."))
        .property("gt", of(&size, "Greater, later. Number, instant."))
        .property("gte", of(&size, "Greater or equal. Number, instant."))
        .property("lt", of(&size, "Less, earlier. Number, instant."))
        .property("lte", of(&size, "Less or equal. Number, instant."))
        .property("between", list("From the first to the second, both included. Number, instant.", 2, 2))
        .property("exists", of(&[Type::Boolean], "Whether there is such a fact at all. Any type."))
        .property(
            "older_than",
            age("Longer ago than so many hours, days or weeks (`36h`, `30d`, `2w`). Instant."),
        )
        .property(
            "newer_than",
            age("Less long ago than so many hours, days or weeks, or still to come. Instant."),
        );
    let mut object = match closed(object) {
        Schema::Object(object) => object,
        other => return other,
    };
    // The attribute and exactly one operator.
    object.min_properties = Some(2);
    object.max_properties = Some(2);
    object.into()
}
