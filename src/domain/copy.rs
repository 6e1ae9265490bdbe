//! The texts of offers: templates with variables, checked when a flow is validated and filled in when an offer is
//! presented.
//!
//! A template is plain text with `{{ variable }}` and `{% if variable %}…{% endif %}`, nothing more: no loops, no
//! filters, no functions, so that no template can run long or grow large. The outcome is plain text; whoever puts it
//! into a page escapes it.

use std::collections::BTreeMap;

use jiff::Timestamp;
use jiff::tz::TimeZone;
use minijinja::value::Serde;
use minijinja::{Environment, UndefinedBehavior};
use serde::Serialize;
use utoipa::ToSchema;

use super::money::Money;
use super::offer::{Copy, DiscountDuration, DiscountValue, OfferType, Terms};
use super::preview::preview;
use super::subscription::Subscription;

/// Characters of a template.
pub const MAX_TEMPLATE_CHARS: usize = 2_000;
/// Steps a template may take; a text of that size needs far fewer.
const FUEL: u64 = 20_000;

/// The texts of an offer in one language, as templates. What is left out gets a default in English.
///
/// Variables: `plan.name`, `plan.amount`, `current_period_end`; `percent_off` or `amount_off` of a discount, and
/// `discount_ends` of one that repeats; `resumes_at` of a pause with one choice; `trial_end` of a trial extension;
/// `features_end` of free features; `changes_at` of a plan change, and `new_plan.name` and `new_plan.amount` of one with a
/// single choice;
/// `credit_amount` of a credit; `waived_amount` of a waiver; `parts`, `part_amount`, `first_part_at` and `last_part_at`
/// of installments.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct CopyTemplate {
    /// One line.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(min_length = 1, max_length = 2000)]
    pub headline: Option<String>,
    /// A paragraph.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(min_length = 1, max_length = 2000)]
    pub body: Option<String>,
    /// The label of the button that accepts.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(min_length = 1, max_length = 2000)]
    pub accept: Option<String>,
    /// The label of the button that declines.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(min_length = 1, max_length = 2000)]
    pub decline: Option<String>,
}

/// The values of a template's variables.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Variables {
    plan: PlanVariables,
    #[serde(skip_serializing_if = "Option::is_none")]
    new_plan: Option<PlanVariables>,
    #[serde(skip_serializing_if = "Option::is_none")]
    changes_at: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    current_period_end: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    percent_off: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    amount_off: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    discount_ends: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    resumes_at: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    trial_end: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    features_end: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    credit_amount: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    waived_amount: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    parts: Option<usize>,
    #[serde(skip_serializing_if = "Option::is_none")]
    part_amount: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    first_part_at: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    last_part_at: Option<String>,
}

#[derive(Clone, Debug, Default, Serialize)]
struct PlanVariables {
    #[serde(skip_serializing_if = "Option::is_none")]
    name: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    amount: Option<String>,
}

impl Variables {
    /// The values for an offer of these terms to this subscription at `now`.
    #[must_use]
    pub fn new(terms: &Terms, subscription: &Subscription, now: Timestamp) -> Self {
        let preview = preview(terms, subscription, now);
        let item = subscription.main_item();
        let (percent_off, amount_off) = match terms {
            Terms::Discount(discount) => match discount.value {
                DiscountValue::Percent(percent) => (Some(percent.to_string()), None),
                DiscountValue::Amount(money) => (None, Some(money_text(money))),
            },
            _ => (None, None),
        };
        let day = |at: Option<Timestamp>| at.map(date_text);
        let first = preview.parts.first();
        let waived = (!preview.waived.is_empty())
            .then(|| preview.waived.iter().map(|one| one.amount).fold(0, i64::saturating_add));
        let money = |amount: Option<i64>| {
            amount.map(|amount| money_text(Money { amount, currency: subscription.currency }))
        };
        Self {
            plan: PlanVariables {
                name: item.map(|item| item.name.clone()).filter(|name| !name.is_empty()),
                amount: money(item.and_then(|item| item.unit_amount)),
            },
            current_period_end: day(subscription.current_period_end()),
            percent_off,
            amount_off,
            discount_ends: day(preview.discount_ends),
            resumes_at: day(preview.resumes_at.first().copied()),
            trial_end: day(preview.trial_end),
            features_end: day(preview.features_end),
            changes_at: day(preview.plans.first().map(|plan| plan.effective_at)),
            new_plan: preview.plans.first().map(|plan| PlanVariables {
                name: Some(plan.name.clone()).filter(|name| !name.is_empty()),
                amount: money(plan.amount),
            }),
            credit_amount: money(preview.credit_amount),
            waived_amount: money(waived),
            parts: first.map(|_| preview.parts.len()),
            part_amount: money(first.map(|part| part.amount)),
            first_part_at: day(first.map(|part| part.due_at)),
            last_part_at: day(preview.parts.last().map(|part| part.due_at)),
        }
    }
}

/// The texts of an offer, filled in: in `locale`, or its language, or English, or whatever there is; what is left
/// out, or cannot be filled in, gets the default of the offer's type.
#[must_use]
pub fn render(
    copy: &BTreeMap<String, CopyTemplate>,
    offer_type: OfferType,
    variables: &Variables,
    locale: &str,
) -> Copy {
    let defaults = defaults(offer_type);
    let template = localized(copy, locale);
    let environment = environment();
    let fill = |part: Option<&String>, default: &str| {
        let filled = part.and_then(|text| environment.render_str(text, Serde(variables)).ok());
        filled
            .map(|text| text.trim().to_owned())
            .filter(|text| !text.is_empty())
            .unwrap_or_else(|| default.to_owned())
    };
    Copy {
        headline: fill(template.and_then(|copy| copy.headline.as_ref()), defaults.headline),
        body: fill(template.and_then(|copy| copy.body.as_ref()), defaults.body),
        accept: fill(template.and_then(|copy| copy.accept.as_ref()), defaults.accept),
        decline: fill(template.and_then(|copy| copy.decline.as_ref()), defaults.decline),
    }
}

/// The entry for `locale`: itself, then its language, then `en`, then the first.
#[must_use]
pub fn localized<'a, T>(texts: &'a BTreeMap<String, T>, locale: &str) -> Option<&'a T> {
    let language = locale.split('-').next().unwrap_or(locale);
    texts
        .get(locale)
        .or_else(|| texts.get(language))
        .or_else(|| texts.get("en"))
        .or_else(|| texts.values().next())
}

/// What is wrong with a template, as code and words, if anything is; `terms` say which variables there are.
pub(super) fn check(template: &str, terms: &Terms) -> Vec<(&'static str, String)> {
    if let Some(problem) = beyond_plain(template) {
        return vec![("invalid_template", problem)];
    }
    let environment = environment();
    let parsed = match environment.template_from_str(template) {
        Ok(parsed) => parsed,
        Err(error) => {
            let detail = error.detail().unwrap_or("cannot be read").to_owned();
            return vec![("invalid_template", format!("the template cannot be read: {detail}"))];
        }
    };
    let known = known_variables(terms);
    let mut used: Vec<String> = parsed.undeclared_variables(true).into_iter().collect();
    used.sort_unstable();
    let unknown = used.into_iter().filter(|name| !known.contains(&name.as_str()));
    let known = known.join("`, `");
    unknown
        .map(|name| {
            let detail = format!("`{name}` is no variable of this offer; there are `{known}`");
            ("unknown_variable", detail)
        })
        .collect()
}

/// The variables that an offer of these terms has.
fn known_variables(terms: &Terms) -> Vec<&'static str> {
    let mut known = vec!["plan.name", "plan.amount", "current_period_end"];
    match terms {
        Terms::Discount(discount) => {
            known.push(match discount.value {
                DiscountValue::Percent(_) => "percent_off",
                DiscountValue::Amount(_) => "amount_off",
            });
            if matches!(discount.duration, DiscountDuration::Repeating { .. }) {
                known.push("discount_ends");
            }
        }
        // With several choices it is not known when the text is shown which of them it would be.
        Terms::Pause(pause) if pause.choices.len() == 1 => known.push("resumes_at"),
        Terms::TrialExtension(_) => known.push("trial_end"),
        Terms::FreeFeatures(_) => known.push("features_end"),
        Terms::PlanChange(change) => {
            known.push("changes_at");
            if change.choices.len() == 1 {
                known.extend(["new_plan.name", "new_plan.amount"]);
            }
        }
        Terms::Credit(_) => known.push("credit_amount"),
        Terms::Waiver(_) => known.push("waived_amount"),
        Terms::Installments(_) => known.extend(["parts", "part_amount", "first_part_at", "last_part_at"]),
        Terms::Pause(_) | Terms::Contact(_) | Terms::Redirect(_) | Terms::Custom(_) => {}
    }
    known
}

/// Says what in a template goes beyond variables and `if`, if anything does.
fn beyond_plain(template: &str) -> Option<String> {
    let mut rest = template;
    while let Some(start) = rest.find('{') {
        let tag = rest.get(start..)?;
        let Some(inside) = tag.strip_prefix("{{").or_else(|| tag.strip_prefix("{%")) else {
            rest = tag.get(1..)?;
            continue;
        };
        let end = if tag.starts_with("{{") { "}}" } else { "%}" };
        let code = inside.split(end).next().unwrap_or(inside);
        if let Some(found) =
            code.chars().find(|c| !(c.is_alphanumeric() || c.is_whitespace() || matches!(c, '.' | '_' | '-')))
        {
            return Some(format!("`{found}` is not taken inside a tag; use variables and `if` alone"));
        }
        let word = code.trim_matches(['-', ' ']).split_whitespace().next().unwrap_or_default();
        if tag.starts_with("{%") && !matches!(word, "if" | "elif" | "else" | "endif") {
            return Some(format!("`{word}` is not taken; use `if`, `elif`, `else` and `endif` alone"));
        }
        rest = inside;
    }
    None
}

fn environment() -> Environment<'static> {
    let mut environment = Environment::empty();
    environment.set_undefined_behavior(UndefinedBehavior::Chainable);
    environment.set_fuel(Some(FUEL));
    environment
}

struct Defaults {
    headline: &'static str,
    body: &'static str,
    accept: &'static str,
    decline: &'static str,
}

fn defaults(offer_type: OfferType) -> Defaults {
    let (headline, accept) = match offer_type {
        OfferType::Discount => ("Stay for less", "Apply the discount"),
        OfferType::Pause => ("Take a break instead", "Pause"),
        OfferType::TrialExtension => ("Take more time to decide", "Extend"),
        OfferType::FreeFeatures => ("Try more of it for free", "Unlock"),
        OfferType::PlanChange => ("A plan that fits you better", "Change the plan"),
        OfferType::Installments => ("Pay in parts", "Pay in parts"),
        OfferType::Waiver => ("What you owe, forgiven", "Accept"),
        OfferType::Credit => ("A credit towards your next invoice", "Take the credit"),
        OfferType::Contact => ("Talk to us", "Get in touch"),
        OfferType::Redirect => ("See what else there is", "Have a look"),
        OfferType::Custom => ("Before you go", "Accept"),
    };
    Defaults { headline, body: "", accept, decline: "No, thanks" }
}

/// An amount in words: `49.00 USD`, `500 JPY`.
fn money_text(money: Money) -> String {
    let digits = minor_digits(money.currency.as_str());
    let code = money.currency.as_str().to_ascii_uppercase();
    format!("{} {code}", rust_decimal::Decimal::new(money.amount, digits))
}

/// How many digits of Stripe's amounts are behind the point.
fn minor_digits(currency: &str) -> u32 {
    match currency {
        "bif" | "clp" | "djf" | "gnf" | "jpy" | "kmf" | "krw" | "mga" | "pyg" | "rwf" | "vnd" | "vuv"
        | "xaf" | "xof" | "xpf" => 0,
        "bhd" | "jod" | "kwd" | "omr" | "tnd" => 3,
        _ => 2,
    }
}

/// A day on the UTC calendar: `4 March 2027`.
fn date_text(at: Timestamp) -> String {
    at.to_zoned(TimeZone::UTC).strftime("%-d %B %Y").to_string()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::sample::{now, subscription};

    fn terms(json: serde_json::Value) -> Terms {
        serde_json::from_value(json).unwrap()
    }

    fn copies(locale: &str, headline: &str) -> BTreeMap<String, CopyTemplate> {
        let copy = CopyTemplate { headline: Some(headline.to_owned()), ..CopyTemplate::default() };
        BTreeMap::from([(locale.to_owned(), copy)])
    }

    fn headline(terms: &Terms, template: &str) -> String {
        let variables = Variables::new(terms, &subscription(), now());
        render(&copies("en", template), terms.offer_type(), &variables, "en").headline
    }

    #[test]
    fn variables_are_filled_in() {
        let discount = terms(
            serde_json::json!({"type": "discount", "terms": {"percent_off": 12.5, "duration": "repeating", "duration_in_months": 3}}),
        );
        assert_eq!(
            headline(&discount, "{{ percent_off }} % off until {{ discount_ends }}"),
            "12.5 % off until 4 June 2027"
        );
        assert_eq!(
            headline(&discount, "{{plan.name}}: {{plan.amount}}, {{ current_period_end }}"),
            "Pro: 49.00 USD, 18 March 2027"
        );
        let pause = terms(
            serde_json::json!({"type": "pause", "terms": {"choices": [{"interval": "month", "count": 1}]}}),
        );
        assert_eq!(headline(&pause, "Back on {{ resumes_at }}"), "Back on 4 April 2027");
        let trial = terms(serde_json::json!({"type": "trial_extension", "terms": {"days": 14}}));
        assert_eq!(headline(&trial, "{{ trial_end }}"), "1 April 2027");
        let credit =
            terms(serde_json::json!({"type": "credit", "terms": {"amount": 1500, "currency": "usd"}}));
        assert_eq!(headline(&credit, "{{ credit_amount }} for you"), "15.00 USD for you");
    }

    #[test]
    fn what_cannot_be_filled_in_gets_the_default_and_markup_stays_text() {
        let custom = terms(serde_json::json!({"type": "custom", "terms": {}}));
        assert_eq!(headline(&custom, "{{ broken"), "Before you go");
        assert_eq!(headline(&custom, "{{ trial_end }}"), "Before you go");
        assert_eq!(headline(&custom, "<b>{{ plan.name }}</b>"), "<b>Pro</b>");
    }

    #[test]
    fn a_language_falls_back() {
        let texts: BTreeMap<String, i32> =
            [("de", 1), ("en", 2), ("pt-BR", 3)].map(|(l, n)| (l.to_owned(), n)).into();
        for (locale, expected) in [("de-AT", 1), ("pt-BR", 3), ("pt", 2), ("ja", 2), ("", 2)] {
            assert_eq!(localized(&texts, locale), Some(&expected), "{locale}");
        }
        let only: BTreeMap<String, i32> = [("fr".to_owned(), 1)].into();
        assert_eq!(localized(&only, "ja"), Some(&1));
    }

    #[test]
    fn amounts_have_the_digits_of_their_currency() {
        for (amount, currency, text) in
            [(4900, "usd", "49.00 USD"), (500, "jpy", "500 JPY"), (1234, "kwd", "1.234 KWD")]
        {
            assert_eq!(money_text(Money { amount, currency: currency.parse().unwrap() }), text);
        }
    }
}
