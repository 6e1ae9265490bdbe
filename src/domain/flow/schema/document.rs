//! The document as a whole.

use serde_json::json;
use utoipa::openapi::RefOr;
use utoipa::openapi::schema::{ObjectBuilder, Schema, Type};
use utoipa::{PartialSchema, ToSchema};

use super::maps::LocalizedText;
use super::parts::{LOCALE, closed, list, map, reference, register, text};
use crate::domain::condition::{Condition, Segment, Tiers};
use crate::domain::facts::AttributeType;
use crate::domain::flow::document::{
    FlowDocument, OfferDefinition, Reason, Route, Rule, Signal, SignalWhen, Survey,
};
use crate::domain::flow::experiment::{Experiment, Holdout};
use crate::domain::flow::limits::{
    MAX_ATTRIBUTES, MAX_EXPERIMENTS, MAX_OFFERS, MAX_REASONS, MAX_ROUTES, MAX_RULES, MAX_SEGMENTS,
    MAX_SIGNALS,
};
use crate::domain::flow::policy::Policy;
use crate::domain::offer::Key;

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
