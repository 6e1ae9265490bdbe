//! Readers of single values.

use std::collections::BTreeSet;
use std::str::FromStr;

use rust_decimal::Decimal;
use strum::VariantArray;

use crate::domain::condition::is_exact;
use crate::domain::copy::is_unsafe;
use crate::domain::facts::AttributeType;
use crate::domain::flow::document::Texts;
use crate::domain::flow::limits::{MAX_LABEL_CHARS, MAX_LOCALES, MAX_TAGS};
use crate::domain::flow::node::{At, Entry, Kind, Node};
use crate::domain::flow::problem::Problems;
use crate::domain::money::{Currency, Money, Percent};
use crate::domain::offer::{Key, MAX_AMOUNT, OfferType};
use crate::domain::operation::StripeFeedback;
use crate::domain::span::{Interval, Span};

fn wrong(at: &At<'_>, expected: &str, problems: &mut Problems) {
    let detail = format!("expected {expected}, found {}", at.node.kind.word());
    problems.add(at, "invalid_type", detail);
}

/// Any text.
pub(super) fn string<'a>(at: &At<'a>, problems: &mut Problems) -> Option<&'a str> {
    match &at.node.kind {
        Kind::Text(text) => Some(text),
        Kind::Number(_) | Kind::Bool(_) => {
            wrong(at, "a text (put it in quotes)", problems);
            None
        }
        _ => {
            wrong(at, "a text", problems);
            None
        }
    }
}

/// A text of 1 to `most` characters for people to read.
pub(super) fn line(at: &At<'_>, most: usize, problems: &mut Problems) -> Option<String> {
    let text = string(at, problems)?;
    if text.trim().is_empty() || text.chars().count() > most {
        problems.add(at, "invalid_length", format!("expected 1 to {most} characters"));
        return None;
    }
    if let Some(found) = text.chars().find(|c| is_unsafe(*c)) {
        let detail = format!(
            "the character U+{:04X} is not taken in a text that is shown: it controls what stands beside it",
            u32::from(found)
        );
        problems.add(at, "unsafe_character", detail);
        return None;
    }
    Some(text.to_owned())
}

/// True or false.
pub(super) fn flag(at: &At<'_>, problems: &mut Problems) -> Option<bool> {
    if let Kind::Bool(flag) = at.node.kind {
        return Some(flag);
    }
    wrong(at, "true or false", problems);
    None
}

/// Any number.
pub(super) fn number(at: &At<'_>, problems: &mut Problems) -> Option<Decimal> {
    if let Kind::Number(number) = at.node.kind {
        return Some(number);
    }
    wrong(at, "a number", problems);
    None
}

/// A whole number from `least` to `most`.
pub(super) fn whole(at: &At<'_>, least: i64, most: i64, problems: &mut Problems) -> Option<i64> {
    let number = number(at, problems)?;
    let whole = i64::try_from(number).ok().filter(|whole| Decimal::from(*whole) == number);
    let good = whole.filter(|whole| (least..=most).contains(whole));
    if good.is_none() {
        problems.add(at, "out_of_range", format!("expected a whole number from {least} to {most}"));
    }
    good
}

/// A whole number from `least` to `most`, where both fit.
pub(super) fn small(at: &At<'_>, least: u16, most: u16, problems: &mut Problems) -> Option<u16> {
    whole(at, least.into(), most.into(), problems).and_then(|whole| u16::try_from(whole).ok())
}

/// A text that parses, its own error saying what was expected.
pub(super) fn parsed<T: FromStr<Err: std::fmt::Display>>(
    at: &At<'_>,
    code: &'static str,
    problems: &mut Problems,
) -> Option<T> {
    let text = string(at, problems)?;
    text.parse().map_err(|error: T::Err| problems.add(at, code, error.to_string())).ok()
}

/// A key.
pub(super) fn key(at: &At<'_>, problems: &mut Problems) -> Option<Key> {
    parsed(at, "invalid_key", problems)
}

/// A key of a map.
pub(super) fn map_key(map: &At<'_>, entry: &Entry, problems: &mut Problems) -> Option<Key> {
    let parsed: Result<Key, _> = entry.key.parse();
    parsed.map_err(|error| problems.add_key(map, &entry.key, entry.at, "invalid_key", error.to_string())).ok()
}

/// A number that survives being written as JSON.
pub(super) fn exact(at: &At<'_>, problems: &mut Problems) -> Option<Decimal> {
    let number = number(at, problems)?;
    if !is_exact(number) {
        problems.add(at, "out_of_range", "expected a number of at most 15 digits");
        return None;
    }
    Some(number.normalize())
}

/// A currency.
pub(super) fn currency(at: &At<'_>, problems: &mut Problems) -> Option<Currency> {
    parsed(at, "invalid_currency", problems)
}

/// A percentage.
pub(super) fn percent(at: &At<'_>, problems: &mut Problems) -> Option<Percent> {
    let number = number(at, problems)?;
    Percent::try_from(number).map_err(|error| problems.add(at, "invalid_percent", error.to_string())).ok()
}

/// An amount of money, zero or more, as a map of `amount` and `currency`.
pub(super) fn money(at: &At<'_>, problems: &mut Problems) -> Option<Money> {
    let mut fields = super::fields::Fields::of(at, problems)?;
    let amount = fields.required("amount", problems);
    let amount = amount.and_then(|at| whole(&at, 0, MAX_AMOUNT, problems));
    let currency = fields.required("currency", problems).and_then(|at| currency(&at, problems));
    fields.finish(problems);
    Some(Money { amount: amount?, currency: currency? })
}

/// One of a few words.
pub(super) fn word<T>(at: &At<'_>, problems: &mut Problems) -> Option<T>
where
    T: Copy + Into<&'static str> + VariantArray,
{
    let text = string(at, problems)?;
    let found = T::VARIANTS.iter().copied().find(|one| (*one).into() == text);
    if found.is_none() {
        let words: Vec<&str> = T::VARIANTS.iter().map(|one| (*one).into()).collect();
        problems.add(at, "unknown_value", format!("expected one of `{}`", words.join("`, `")));
    }
    found
}

/// Stripe's feedback.
pub(super) fn feedback(at: &At<'_>, problems: &mut Problems) -> Option<StripeFeedback> {
    word(at, problems)
}

/// An offer type.
pub(super) fn offer_type(at: &At<'_>, problems: &mut Problems) -> Option<OfferType> {
    word(at, problems)
}

/// A list of different offer types, at least one.
pub(super) fn offer_types(at: &At<'_>, problems: &mut Problems) -> Option<Vec<OfferType>> {
    let items = list(at, 1, OfferType::ALL.len(), problems)?;
    let mut types = Vec::new();
    for (index, item) in items.iter().enumerate() {
        let at = at.element(index, item);
        let Some(offer_type) = offer_type(&at, problems) else {
            continue;
        };
        if types.contains(&offer_type) {
            problems.add(&at, "duplicate_value", "this type is named already; remove one");
        }
        types.push(offer_type);
    }
    Some(types)
}

/// An attribute type.
pub(super) fn attribute_type(at: &At<'_>, problems: &mut Problems) -> Option<AttributeType> {
    word(at, problems)
}

/// A list of `least` to `most` items.
pub(super) fn list<'a>(
    at: &At<'a>,
    least: usize,
    most: usize,
    problems: &mut Problems,
) -> Option<&'a [Node]> {
    let Kind::List(items) = &at.node.kind else {
        wrong(at, "a list", problems);
        return None;
    };
    if items.len() < least || items.len() > most {
        let detail = format!("has {} items; expected {least} to {most}", items.len());
        problems.add(at, "invalid_length", detail);
        return None;
    }
    Some(items)
}

/// A map of at most `most` entries; of a key that is given twice the first entry.
pub(super) fn map<'a>(at: &At<'a>, most: usize, problems: &mut Problems) -> Option<&'a [Entry]> {
    let Kind::Map(entries) = &at.node.kind else {
        wrong(at, "a map", problems);
        return None;
    };
    if entries.len() > most {
        problems.add(
            at,
            "invalid_length",
            format!("has {} entries; at most {most} are taken", entries.len()),
        );
        return None;
    }
    Some(entries)
}

/// Tags: different keys.
pub(super) fn tags(at: &At<'_>, problems: &mut Problems) -> BTreeSet<Key> {
    let mut tags = BTreeSet::new();
    for (index, item) in list(at, 0, MAX_TAGS, problems).unwrap_or_default().iter().enumerate() {
        tags.extend(key(&at.element(index, item), problems));
    }
    tags
}

/// A language tag.
pub(super) fn locale(at: &At<'_>, problems: &mut Problems) -> Option<String> {
    let tag = string(at, problems)?;
    if !is_locale(tag) {
        problems.add(at, "invalid_locale", "expected a language tag such as `en` or `pt-BR`");
        return None;
    }
    Some(tag.to_owned())
}

/// Entries by language.
pub(super) fn locales<'a>(at: &At<'a>, problems: &mut Problems) -> Option<&'a [Entry]> {
    let entries = map(at, MAX_LOCALES, problems)?;
    for entry in entries {
        if !is_locale(&entry.key) {
            let detail = "expected a language tag such as `en` or `pt-BR`";
            problems.add_key(at, &entry.key, entry.at, "invalid_locale", detail);
        }
    }
    Some(entries)
}

/// A text by language, in at least one.
pub(super) fn texts(at: &At<'_>, problems: &mut Problems) -> Option<Texts> {
    let entries = locales(at, problems)?;
    if entries.is_empty() {
        problems.add(at, "invalid_length", "expected the text in at least one language, such as `en`");
    }
    let mut texts = Texts::new();
    for entry in entries {
        if let Some(text) = line(&at.entry(entry), MAX_LABEL_CHARS, problems) {
            texts.insert(entry.key.clone(), text);
        }
    }
    Some(texts)
}

/// A span, at most `most_days` long (a month taken as 30 days, a year as 365, so that 36 months and 3 years are 1095 days).
pub(super) fn span(at: &At<'_>, most_days: u16, problems: &mut Problems) -> Option<Span> {
    let mut fields = super::fields::Fields::of(at, problems)?;
    let interval = fields.required("interval", problems).and_then(|at| word(&at, problems));
    let count = fields.required("count", problems);
    let count = count.and_then(|at| small(&at, 1, u16::MAX, problems));
    fields.finish(problems);
    let (interval, count) = (interval?, count?);
    let most = match interval {
        Interval::Day => most_days,
        Interval::Week => most_days / 7,
        Interval::Month => most_days / 30,
        Interval::Year => most_days / 365,
    };
    if count > most {
        problems.add(at, "too_long", format!("at most {most_days} days are taken"));
        return None;
    }
    Some(Span { interval, count })
}

/// A language tag: a language of 2 or 3 letters, then parts of 2 to 8 letters and digits.
fn is_locale(tag: &str) -> bool {
    let mut parts = tag.split('-');
    let language = parts.next().unwrap_or_default();
    let good = |part: &str| (2..=8).contains(&part.len()) && part.bytes().all(|b| b.is_ascii_alphanumeric());
    let lower = language.bytes().all(|b| b.is_ascii_lowercase());
    (2..=3).contains(&language.len()) && lower && tag.len() <= 35 && parts.all(good)
}
