//! What may be given, one schema for each type of offer.

use utoipa::openapi::RefOr;
use utoipa::openapi::schema::{ObjectBuilder, OneOfBuilder, Schema, SchemaType, Type};
use utoipa::{PartialSchema, ToSchema};

use super::parts::{LOCALE, closed, days, list, map, reference, register, text};
use crate::domain::copy::CopyTemplate;
use crate::domain::flow::care::{Ask, Depth};
use crate::domain::flow::document::OfferDefinition;
use crate::domain::flow::limits::{MAX_ASKS, MAX_LABEL_CHARS, MAX_LOCALES};
use crate::domain::ids::PriceId;
use crate::domain::money::Money;
use crate::domain::offer::{
    ContactTerms, CreditTerms, CustomTerms, DiscountWire, FreeFeaturesTerms, InstallmentsTerms, Key,
    OfferType, PauseTerms, PlanChangeWhen, Proration, RedirectTerms, TrialExtensionTerms, WaiverTerms,
};
use crate::domain::span::Span;

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

/// Terms of a change of the plan as a flow defines them: by prices alone.
#[derive(Debug)]
struct PlanChangeDefinition;

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

/// One of its choices.
#[derive(Debug)]
struct PlanChoiceDefinition;

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
