//! The JSON Schema of a flow document, for editors and for the API's description. Its bounds are those that parsing
//! enforces; what only parsing knows (references, types of attributes, variables) it leaves to parsing.

use serde_json::{Map, Value as Json, json};
use utoipa::openapi::RefOr;
use utoipa::openapi::schema::{
    AdditionalProperties, ArrayBuilder, Object, ObjectBuilder, OneOfBuilder, Ref, Schema, SchemaType, Type,
};
use utoipa::{PartialSchema, ToSchema};

use super::care::{AcceptCap, Ask, Depth};
use super::document::{
    FlowDocument, OfferDefinition, Policy, Reason, Route, Rule, Signal, SignalWhen, Survey, When,
};
use super::experiment::{Experiment, Holdout};
use super::jurisdictions::PolicyChoice;
use super::limits::{
    MAX_ARMS, MAX_ASKS, MAX_ATTRIBUTES, MAX_EXPERIMENTS, MAX_LABEL_CHARS, MAX_LOCALES, MAX_OFFERS,
    MAX_PLACES, MAX_PRESENT, MAX_REASONS, MAX_ROUTES, MAX_RULE_KEYS, MAX_RULES, MAX_SEGMENTS, MAX_SIGNALS,
    MAX_TAGS, MAX_TIERS,
};
use super::presets::presets;
use crate::domain::condition::{Condition, Segment, Tiers};
use crate::domain::copy::CopyTemplate;
use crate::domain::experiment::Arm;
use crate::domain::facts::AttributeType;
use crate::domain::ids::PriceId;
use crate::domain::jurisdiction::JurisdictionPolicy;
use crate::domain::money::{Money, Percent};
use crate::domain::offer::{
    ContactTerms, CreditTerms, CustomTerms, DiscountWire, FreeFeaturesTerms, InstallmentsTerms, Key,
    OfferType, PauseTerms, PlanChangeWhen, Proration, RedirectTerms, TrialExtensionTerms, WaiverTerms,
};
use crate::domain::span::Span;

const LOCALE: &str = "^[a-z]{2,3}(-[A-Za-z0-9]{2,8})*$";

/// A text by language.
#[derive(Debug)]
pub(super) struct LocalizedText;

/// Days by offer type, after accepted offers.
#[derive(Debug)]
pub(super) struct CooldownDays;

/// Arms by key.
#[derive(Debug)]
pub(super) struct Arms;
/// Rules by place.
#[derive(Debug)]
pub(super) struct PoliciesByPlace;

/// Terms of a change of the plan as a flow defines them: by prices alone.
#[derive(Debug)]
struct PlanChangeDefinition;

/// One of its choices.
#[derive(Debug)]
struct PlanChoiceDefinition;

impl PartialSchema for PlanChangeDefinition {
    fn schema() -> RefOr<Schema> {
        let doc = "The plans to choose from.";
        let object = ObjectBuilder::new()
            .property("choices", list::<PlanChoiceDefinition>(1, 10, doc))
            .required("choices")
            .property("when", reference::<PlanChangeWhen>())
            .required("when")
            .property("proration", reference::<Proration>());
        let doc = "Terms of a change of the plan. `proration` is required with `when: now`, and `none` with `period_end`.";
        closed(object, doc)
    }
}
impl ToSchema for PlanChangeDefinition {
    fn name() -> std::borrow::Cow<'static, str> {
        "FlowPlanChangeTerms".into()
    }

    fn schemas(schemas: &mut Vec<(String, RefOr<Schema>)>) {
        register::<PlanChoiceDefinition>(schemas);
        register::<PlanChangeWhen>(schemas);
        register::<Proration>(schemas);
    }
}

impl PartialSchema for PlanChoiceDefinition {
    fn schema() -> RefOr<Schema> {
        let label = ObjectBuilder::new()
            .schema_type(Type::String)
            .min_length(Some(1))
            .max_length(Some(MAX_LABEL_CHARS))
            .description(Some("What to call it; the product's name where it is left out."));
        let object = ObjectBuilder::new()
            .property("price", reference::<PriceId>())
            .required("price")
            .property("label", label);
        closed(object, "A plan to change to.")
    }
}
impl ToSchema for PlanChoiceDefinition {
    fn name() -> std::borrow::Cow<'static, str> {
        "FlowPlanChoice".into()
    }

    fn schemas(schemas: &mut Vec<(String, RefOr<Schema>)>) {
        register::<PriceId>(schemas);
    }
}

/// Days by offer type, after declined offers.
#[derive(Debug)]
pub(super) struct DeclinedCooldownDays;

/// Percent off by segment.
#[derive(Debug)]
pub(super) struct DepthSegments;

/// The JSON Schema (2020-12) of a flow document, as one document of its own.
#[must_use]
pub fn json_schema() -> Json {
    let mut found = Vec::new();
    FlowDocument::schemas(&mut found);
    let plain = |schema: &RefOr<Schema>| own_references(serde_json::to_value(schema).unwrap_or_default());
    let definitions: Map<String, Json> =
        found.iter().map(|(name, schema)| (name.clone(), plain(schema))).collect();
    let mut root = plain(&FlowDocument::schema());
    if let Some(root) = root.as_object_mut() {
        root.insert("$schema".into(), json!("https://json-schema.org/draft/2020-12/schema"));
        root.insert("title".into(), json!("Counteroffer flow document"));
        root.insert("$defs".into(), Json::Object(definitions));
    }
    root
}

/// References of the API's description turned into those of a document of its own.
fn own_references(schema: Json) -> Json {
    match schema {
        Json::String(text) => match text.strip_prefix("#/components/schemas/") {
            Some(name) => Json::String(format!("#/$defs/{name}")),
            None => Json::String(text),
        },
        Json::Array(items) => Json::Array(items.into_iter().map(own_references).collect()),
        Json::Object(members) => {
            Json::Object(members.into_iter().map(|(name, value)| (name, own_references(value))).collect())
        }
        other => other,
    }
}

fn reference<T: ToSchema>() -> RefOr<Schema> {
    RefOr::Ref(Ref::from_schema_name(T::name()))
}

/// Adds a type that is referred to, with all that it refers to itself.
fn register<T: ToSchema>(schemas: &mut Vec<(String, RefOr<Schema>)>) {
    schemas.push((T::name().into_owned(), T::schema()));
    T::schemas(schemas);
}

/// A map with names of a kind.
fn map(names: RefOr<Schema>, values: RefOr<Schema>, least: usize, most: usize, doc: &str) -> Object {
    let mut object = ObjectBuilder::new()
        .property_names(Some(names))
        .additional_properties(Some(AdditionalProperties::RefOr(values)))
        .description(Some(doc))
        .build();
    object.min_properties = (least > 0).then_some(least);
    object.max_properties = Some(most);
    object
}

fn text(pattern: &str) -> RefOr<Schema> {
    ObjectBuilder::new().schema_type(Type::String).pattern(Some(pattern)).into()
}

fn list<T: ToSchema>(least: usize, most: usize, doc: &str) -> RefOr<Schema> {
    ArrayBuilder::new()
        .items(reference::<T>())
        .min_items(Some(least))
        .max_items(Some(most))
        .description(Some(doc))
        .into()
}

fn closed(object: ObjectBuilder, doc: &str) -> RefOr<Schema> {
    object.additional_properties(Some(AdditionalProperties::FreeForm(false))).description(Some(doc)).into()
}

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

fn days(least: u16) -> ObjectBuilder {
    ObjectBuilder::new().schema_type(Type::Integer).minimum(Some(least)).maximum(Some(3_650))
}

fn days_by_type(word: &str, doc: &str) -> RefOr<Schema> {
    let all = OfferType::ALL.iter().map(|of| of.as_str()).chain([word]);
    closed(all.fold(ObjectBuilder::new(), |object, name| object.property(name, days(0))), doc)
}

impl PartialSchema for CooldownDays {
    fn schema() -> RefOr<Schema> {
        let doc = "Days by offer type, or for `any` offer after any; what is left out has no cooldown.";
        days_by_type("any", doc)
    }
}
impl ToSchema for CooldownDays {}

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

impl PartialSchema for DeclinedCooldownDays {
    fn schema() -> RefOr<Schema> {
        let doc =
            "Days by offer type, or for the same `offer`; what is left out may be presented again at once.";
        days_by_type("offer", doc)
    }
}
impl ToSchema for DeclinedCooldownDays {}

impl PartialSchema for DepthSegments {
    fn schema() -> RefOr<Schema> {
        map(Key::schema(), reference::<Percent>(), 0, MAX_SEGMENTS, "Percent off by segment.").into()
    }
}
impl ToSchema for DepthSegments {}

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

impl PartialSchema for FlowDocument {
    fn schema() -> RefOr<Schema> {
        let rules = list::<Rule>(1, MAX_RULES, "Who gets what; the first rule that matches counts.");
        let default_locale = ObjectBuilder::new()
            .schema_type(Type::String)
            .pattern(Some(LOCALE))
            .description(Some("The language of whoever asks for none, or for one without texts."))
            .examples([json!("en")]);
        let routes = list::<Route>(
            0,
            MAX_ROUTES,
            "Who runs another flow instead; the first that fits counts. Looked at once, when a session begins.",
        );
        let reasons =
            list::<Reason>(0, MAX_REASONS, "Why somebody may leave, in the order in which they are shown.");
        let attribute = text("^customer\\.[a-z0-9_]([a-z0-9_.]{0,62}[a-z0-9_])?$");
        let doc = "Types of your own attributes. Undeclared ones are typed by how conditions use them.";
        let attributes = map(attribute, reference::<AttributeType>(), 0, MAX_ATTRIBUTES, doc);
        let segments = map(Key::schema(), reference::<Segment>(), 0, MAX_SEGMENTS, "Named conditions.");
        let offers = map(Key::schema(), reference::<OfferDefinition>(), 0, MAX_OFFERS, "What may be given.");
        let doc = "What is tried against what; `holdout` is no key of an experiment.";
        let experiments = map(Key::schema(), reference::<Experiment>(), 0, MAX_EXPERIMENTS, doc);
        let doc = "What the app is told of before anybody begins to cancel.";
        let signals = map(Key::schema(), reference::<Signal>(), 0, MAX_SIGNALS, doc);
        let object = ObjectBuilder::new()
            .property("key", reference::<Key>())
            .required("key")
            .property("default_locale", default_locale)
            .property("survey", reference::<Survey>())
            .property("reasons", reasons)
            .property("attributes", attributes)
            .property("tiers", reference::<Tiers>())
            .property("segments", segments)
            .property("offers", offers)
            .property("routes", routes)
            .property("rules", rules)
            .required("rules")
            .property("policy", reference::<Policy>())
            .property("holdout", reference::<Holdout>())
            .property("experiments", experiments)
            .property("signals", signals)
            .property("goodbye", reference::<LocalizedText>());
        closed(
            object,
            "What happens when somebody cancels: reasons, segments, offers, rules, policy, experiments.",
        )
    }
}
impl ToSchema for FlowDocument {
    fn schemas(schemas: &mut Vec<(String, RefOr<Schema>)>) {
        register::<Key>(schemas);
        register::<Survey>(schemas);
        register::<Reason>(schemas);
        register::<AttributeType>(schemas);
        register::<Tiers>(schemas);
        register::<Condition>(schemas);
        register::<Segment>(schemas);
        register::<OfferDefinition>(schemas);
        register::<Route>(schemas);
        register::<Rule>(schemas);
        register::<Policy>(schemas);
        register::<Holdout>(schemas);
        register::<Experiment>(schemas);
        register::<SignalWhen>(schemas);
        register::<Signal>(schemas);
    }
}

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

impl PartialSchema for OfferDefinition {
    fn schema() -> RefOr<Schema> {
        let of = |offer_type: OfferType, terms: RefOr<Schema>| {
            let word = ObjectBuilder::new()
                .schema_type(SchemaType::new(Type::String))
                .enum_values(Some([offer_type.as_str()]));
            let copy =
                map(text(LOCALE), reference::<CopyTemplate>(), 0, MAX_LOCALES, "The texts by language.");
            let object = ObjectBuilder::new()
                .property("type", word)
                .required("type")
                .property("terms", terms)
                .property("copy", copy)
                .property("expires_after", reference::<Span>())
                .property("cooldown_days", days(0))
                .property("campaign", reference::<Key>())
                .property("monthly_cost", reference::<Money>())
                .property("asks", list::<Ask>(0, MAX_ASKS, "What it asks in return."));
            let object = if offer_type == OfferType::Discount {
                let stacking = ObjectBuilder::new().schema_type(Type::Boolean);
                object.property("depth", reference::<Depth>()).property("stacking", stacking)
            } else {
                object
            };
            // A custom offer may hand on nothing but its key.
            let object = if offer_type == OfferType::Custom { object } else { object.required("terms") };
            closed(
                object,
                "An offer with its terms, its texts, and how long it stays open once presented (at most 90 days; a day unless said otherwise).",
            )
        };
        let all = OfferType::ALL
            .iter()
            .fold(OneOfBuilder::new(), |all, offer_type| all.item(of(*offer_type, terms(*offer_type))));
        all.description(Some("What may be given.")).into()
    }
}
impl ToSchema for OfferDefinition {
    fn name() -> std::borrow::Cow<'static, str> {
        "FlowOffer".into()
    }

    fn schemas(schemas: &mut Vec<(String, RefOr<Schema>)>) {
        register::<DiscountWire>(schemas);
        register::<PauseTerms>(schemas);
        register::<TrialExtensionTerms>(schemas);
        register::<FreeFeaturesTerms>(schemas);
        register::<PlanChangeDefinition>(schemas);
        register::<InstallmentsTerms>(schemas);
        register::<WaiverTerms>(schemas);
        register::<CreditTerms>(schemas);
        register::<ContactTerms>(schemas);
        register::<RedirectTerms>(schemas);
        register::<CustomTerms>(schemas);
        register::<CopyTemplate>(schemas);
        register::<Span>(schemas);
        register::<Key>(schemas);
        register::<Money>(schemas);
        register::<Ask>(schemas);
        register::<Depth>(schemas);
    }
}

fn terms(offer_type: OfferType) -> RefOr<Schema> {
    match offer_type {
        OfferType::Discount => reference::<DiscountWire>(),
        OfferType::Pause => reference::<PauseTerms>(),
        OfferType::TrialExtension => reference::<TrialExtensionTerms>(),
        OfferType::FreeFeatures => reference::<FreeFeaturesTerms>(),
        OfferType::PlanChange => reference::<PlanChangeDefinition>(),
        OfferType::Installments => reference::<InstallmentsTerms>(),
        OfferType::Waiver => reference::<WaiverTerms>(),
        OfferType::Credit => reference::<CreditTerms>(),
        OfferType::Contact => reference::<ContactTerms>(),
        OfferType::Redirect => reference::<RedirectTerms>(),
        OfferType::Custom => reference::<CustomTerms>(),
    }
}

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
