//! The published catalogue.

use std::fmt::Write;

use super::{Attribute, CATALOGUE, type_word};
use crate::domain::facts::Source;

const INTRODUCTION: &str = "\
# What segments can ask about

This page is generated from the code. Each attribute has a type, which says what a condition may compare it with; a unit;
and a source, which the trace of every decision names with each fact, together with the instant from which the fact is.
A fact that is not known is missing: every comparison with it is false but `exists: false`.

Names that begin with `customer.` are your own: whatever the customer token or the pushed profile says, typed by the
flow's `attributes` or by how conditions use them. What the token says goes before what the profile says. Two of them
mean something here as well: `customer.cost_to_serve` (number), minor units per month, from which margin floors are
reckoned; and `customer.do_not_contact` (boolean), whether the customer asked not to be contacted.

";

/// Where facts of a source come from, and how old they can be.
fn origin(source: Source) -> (&'static str, &'static str) {
    match source {
        Source::Stripe => (
            "From Stripe",
            "The subscription as Stripe last showed it, kept fresh by webhooks and read anew when a session begins \
             (`sessions.snapshot_max_age_seconds`). The age is that of the picture.",
        ),
        Source::History => (
            "From earlier sessions",
            "What sessions of the same customer came to, read when it is asked about.",
        ),
        Source::Usage => (
            "From usage",
            "Days on which the app told of activity (`POST /v1/customers/{id}/activity`), calendar days in UTC. All are \
             missing for a customer of whom it has told none. The age is that of the last new day.",
        ),
        Source::Profile => ("From the profile", "What the app pushed; the age is that of the push."),
        Source::Token => ("From the token", "What the customer token says, as old as the request."),
    }
}

/// The catalogue as Markdown.
#[must_use]
pub fn markdown() -> String {
    let mut page = INTRODUCTION.to_owned();
    let mut last = None;
    for attribute in CATALOGUE {
        if last != Some(attribute.source) {
            let (heading, about) = origin(attribute.source);
            let gap = if last.is_some() { "\n" } else { "" };
            page.push_str(&format!("{gap}## {heading}\n\n{about}\n\n"));
            page.push_str("| attribute | type | unit | meaning |\n| --- | --- | --- | --- |\n");
            last = Some(attribute.source);
        }
        row(&mut page, attribute);
    }
    page
}

fn row(page: &mut String, attribute: &Attribute) {
    let Attribute { name, attribute_type, unit, doc, values, .. } = attribute;
    let words: Vec<String> = values.iter().map(|value| format!("`{value}`")).collect();
    let values = if words.is_empty() { String::new() } else { format!(": {}", words.join(", ")) };
    let kind = type_word(*attribute_type);
    let _infallible = writeln!(page, "| `{name}` | {kind} | {unit} | {doc}{values} |");
}
