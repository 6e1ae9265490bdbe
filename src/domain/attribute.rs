//! The catalogue of attributes: what a condition may ask about, with type, unit, source and meaning.
//!
//! Names outside `customer.` are fixed here. `customer.*` is the app's own: whatever its token or profile says, typed
//! by the flow's `attributes` or, undeclared, by how conditions use it.

use smol_str::{SmolStr, SmolStrBuilder};

use super::facts::{AttributeType, Source};

mod page;

pub use page::markdown;

/// One entry of the catalogue.
#[derive(Clone, Copy, Debug)]
pub struct Attribute {
    /// The name in conditions.
    pub name: &'static str,
    /// The type of its values.
    pub attribute_type: AttributeType,
    /// The unit of numbers, or empty.
    pub unit: &'static str,
    /// Where it comes from.
    pub source: Source,
    /// What it says.
    pub doc: &'static str,
    /// The values it can have, where they are few; else empty.
    pub values: &'static [&'static str],
}

use AttributeType::{Boolean, Instant, Number, Text};

const fn stripe(
    name: &'static str,
    attribute_type: AttributeType,
    unit: &'static str,
    doc: &'static str,
) -> Attribute {
    Attribute { name, attribute_type, unit, source: Source::Stripe, doc, values: &[] }
}

const fn word(name: &'static str, values: &'static [&'static str], doc: &'static str) -> Attribute {
    Attribute { name, attribute_type: Text, unit: "", source: Source::Stripe, doc, values }
}

const fn history(
    name: &'static str,
    attribute_type: AttributeType,
    unit: &'static str,
    doc: &'static str,
) -> Attribute {
    Attribute { name, attribute_type, unit, source: Source::History, doc, values: &[] }
}

const fn usage(name: &'static str, unit: &'static str, doc: &'static str) -> Attribute {
    Attribute { name, attribute_type: Number, unit, source: Source::Usage, doc, values: &[] }
}

const STATUSES: &[&str] =
    &["incomplete", "incomplete_expired", "trialing", "active", "past_due", "canceled", "unpaid", "paused"];
const INTERVALS: &[&str] = &["day", "week", "month", "year"];

/// Every attribute that is not the app's own.
pub const CATALOGUE: &[Attribute] = &[
    word("subscription.status", STATUSES, "Stripe's status of the subscription"),
    stripe("subscription.created", Instant, "", "when the subscription was created"),
    stripe("subscription.tenure_days", Number, "days", "whole days since the subscription was created"),
    stripe("subscription.past_due", Boolean, "", "whether payments are overdue (status past_due or unpaid)"),
    stripe(
        "subscription.days_past_due",
        Number,
        "days",
        "whole days since the oldest open invoice fell due; missing unless payments are overdue",
    ),
    stripe("subscription.trialing", Boolean, "", "whether it is in a trial that has not run out"),
    stripe("subscription.trial_end", Instant, "", "when the trial ends or ended; missing without one"),
    stripe(
        "subscription.trial_days_left",
        Number,
        "days",
        "days left in the running trial, begun days counted; missing outside one",
    ),
    stripe("subscription.current_period_end", Instant, "", "when the next invoice falls due"),
    stripe("subscription.currency", Text, "", "ISO 4217 code in lower case"),
    stripe("subscription.mrr", Number, "minor units per month", "monthly recurring revenue before discounts"),
    stripe("subscription.quantity", Number, "", "quantity of the plan's item"),
    stripe("subscription.cancel_scheduled", Boolean, "", "whether an end is scheduled already"),
    stripe("subscription.collection_paused", Boolean, "", "whether collection is paused"),
    stripe(
        "subscription.discounted",
        Boolean,
        "",
        "whether a discount of the subscription or its customer is in force",
    ),
    stripe("subscription.discount_count", Number, "", "how many discounts are in force"),
    stripe(
        "subscription.discount_percent",
        Number,
        "percent",
        "what the percentages in force take off together, one after another; missing without one",
    ),
    stripe("subscription.discount_ends", Instant, "", "when the next discount ends; missing where none does"),
    stripe("subscription.livemode", Boolean, "", "whether it is in Stripe's live mode"),
    stripe("subscription.country", Text, "", "the customer's country, ISO 3166-1 alpha-2 in upper case"),
    stripe("subscription.state", Text, "", "the customer's state as the billing address in Stripe has it"),
    stripe("plan.price", Text, "", "Stripe's id of the plan's price"),
    stripe("plan.product", Text, "", "Stripe's id of the plan's product"),
    stripe("plan.name", Text, "", "the plan's name; missing when Stripe has none"),
    stripe(
        "plan.amount",
        Number,
        "minor units per interval",
        "unit amount of the plan's price; missing for tiered prices",
    ),
    word("plan.interval", INTERVALS, "the unit in which the plan is billed"),
    stripe("plan.interval_count", Number, "intervals", "how many intervals lie between two bills"),
    history("history.sessions", Number, "", "earlier sessions of this customer"),
    history("history.saves", Number, "", "earlier sessions that ended with a save"),
    history("history.last_save_at", Instant, "", "when the last save was; missing without one"),
    history(
        "history.days_since_last_save",
        Number,
        "days",
        "whole days since the last save; missing without one",
    ),
    history("history.offers_accepted", Number, "", "offers accepted, the most recent 100 counted"),
    history("history.offers_declined", Number, "", "offers declined, the most recent 100 counted"),
    history("history.discounts_accepted", Number, "", "discounts accepted, among the most recent 100 offers"),
    history(
        "history.discount_received",
        Number,
        "minor units",
        "what discounts accepted in the last 365 days give at most, in the subscription's currency",
    ),
    usage("usage.active_days_7", "days", "active days among the last 7, today counted"),
    usage("usage.active_days_30", "days", "active days among the last 30, today counted"),
    usage("usage.active_days_90", "days", "active days among the last 90, today counted"),
    usage(
        "usage.stickiness",
        "percent",
        "daily over monthly activity: the share of the last 30 days that were active",
    ),
    usage("usage.days_since_seen", "days", "days since the last active one; 0 on an active day"),
    usage(
        "usage.trend",
        "percent",
        "active days of the last 30 against the 30 before: -40 for 40 % fewer; missing where those had none, or \
         activity has been told for less than 60 days",
    ),
];

/// What the names of the app's own attributes begin with.
pub const CUSTOMER_PREFIX: &str = "customer.";

/// The attribute that says what serving the customer costs, in minor units per month of the subscription's currency.
pub const COST_TO_SERVE: &str = "customer.cost_to_serve";

/// The attribute that says that the customer asked not to be contacted.
pub const DO_NOT_CONTACT: &str = "customer.do_not_contact";

/// The type of an attribute of the app's own that means something here as well, and is of that type in every flow.
#[must_use]
pub fn fixed_type(name: &str) -> Option<AttributeType> {
    match name {
        COST_TO_SERVE => Some(Number),
        DO_NOT_CONTACT => Some(Boolean),
        _ => None,
    }
}

/// The catalogue's entry for `name`.
#[must_use]
pub fn find(name: &str) -> Option<&'static Attribute> {
    CATALOGUE.iter().find(|attribute| attribute.name == name)
}

/// Whether `name` can name an attribute of the app's own: `customer.` and 1 to 64 of `a-z 0-9 _ .`, with no dot at
/// either end.
#[must_use]
pub fn is_customer_name(name: &str) -> bool {
    let Some(rest) = name.strip_prefix(CUSTOMER_PREFIX) else {
        return false;
    };
    let plain = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || matches!(b, b'_' | b'.');
    (1..=64).contains(&rest.len())
        && rest.bytes().all(plain)
        && !rest.starts_with('.')
        && !rest.ends_with('.')
}

/// `name` with the prefix `customer.`, whether it was written with or without.
#[must_use]
pub fn qualified(name: &str) -> SmolStr {
    let mut qualified = SmolStrBuilder::new();
    if !name.starts_with(CUSTOMER_PREFIX) {
        qualified.push_str(CUSTOMER_PREFIX);
    }
    qualified.push_str(name);
    qualified.finish()
}

/// A set of attribute types.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct TypeSet(u8);

impl TypeSet {
    /// Every type.
    pub const ALL: Self = Self(0b1_1111);

    /// The set of these types.
    #[must_use]
    pub fn of(types: &[AttributeType]) -> Self {
        Self(types.iter().fold(0, |bits, kind| bits | bit(*kind)))
    }

    /// The types in both.
    #[must_use]
    pub fn and(self, other: Self) -> Self {
        Self(self.0 & other.0)
    }

    /// Whether it has no type at all.
    #[must_use]
    pub fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// Whether `kind` is among them.
    #[must_use]
    pub fn has(self, kind: AttributeType) -> bool {
        self.0 & bit(kind) != 0
    }
}

impl std::fmt::Display for TypeSet {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let all = [Text, Number, Boolean, Instant, AttributeType::TextList];
        let words: Vec<_> = all.into_iter().filter(|kind| self.has(*kind)).map(type_word).collect();
        f.write_str(&words.join(" or "))
    }
}

/// The word for a type in messages and flow documents.
#[must_use]
pub fn type_word(kind: AttributeType) -> &'static str {
    kind.into()
}

const fn bit(kind: AttributeType) -> u8 {
    match kind {
        Text => 1,
        Number => 2,
        Boolean => 4,
        Instant => 8,
        AttributeType::TextList => 16,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_in_the_catalogue_are_unique_and_none_is_the_apps_own() {
        for (at, one) in CATALOGUE.iter().enumerate() {
            assert!(CATALOGUE[at + 1..].iter().all(|other| other.name != one.name), "{}", one.name);
            assert!(!one.name.starts_with(CUSTOMER_PREFIX));
        }
    }

    #[test]
    fn customer_names() {
        for good in ["customer.industry", "customer.a.b_1"] {
            assert!(is_customer_name(good), "{good}");
        }
        for bad in ["customer.", "customer.A", "plan.x", "customer..", "customer.a b", "customer.a."] {
            assert!(!is_customer_name(bad), "{bad}");
        }
    }
}
