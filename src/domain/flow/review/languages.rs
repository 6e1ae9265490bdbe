//! Languages in which a flow says some things and not others.

use crate::domain::copy::Wish;
use crate::domain::flow::document::FlowDocument;
use crate::domain::flow::node::{At, Entry, Kind};
use crate::domain::flow::problem::Problems;
use crate::domain::flow::texts::languages;

/// What an offer says, but for the body, which may well be empty.
const PARTS: [&str; 3] = ["headline", "accept", "decline"];

/// Notes texts that are missing in a language which others are in, and parts of offers whose default would be in English.
pub(super) fn check(root: &At<'_>, document: &FlowDocument, found: &mut Problems) {
    let spoken: Vec<(String, Wish)> = languages(document)
        .into_iter()
        .map(|tag| {
            let wish = Wish::new(&tag);
            (tag, wish)
        })
        .collect();
    if let Some(question) = root.member("survey").as_ref().and_then(|survey| survey.member("question")) {
        translated(&question, &spoken, found);
    }
    if let Some(reasons) = root.member("reasons")
        && let Kind::List(items) = &reasons.node.kind
    {
        for (place, item) in items.iter().enumerate() {
            let reason = reasons.element(place, item);
            let texts = ["label", "follow_up"].into_iter().filter_map(|name| reason.member(name));
            texts.for_each(|texts| translated(&texts, &spoken, found));
        }
    }
    let Some(offers) = root.member("offers") else { return };
    for entry in entries(&offers) {
        let offer = offers.entry(entry);
        let Some(copy) = offer.member("copy") else { continue };
        translated(&copy, &spoken, found);
        entries(&copy).iter().for_each(|text| whole(&copy, text, found));
    }
}

fn entries<'a>(at: &At<'a>) -> &'a [Entry] {
    match &at.node.kind {
        Kind::Map(entries) => entries,
        _ => &[],
    }
}

/// Notes the languages that these texts by language are not in.
fn translated(texts: &At<'_>, spoken: &[(String, Wish)], found: &mut Problems) {
    let tags = || entries(texts).iter().map(|entry| entry.key.as_str());
    let missing = spoken.iter().filter(|(_, wish)| !wish.is_met_by(tags()));
    let missing: Vec<&str> = missing.map(|(tag, _)| tag.as_str()).collect();
    if !missing.is_empty() && tags().next().is_some() {
        let missing = missing.join("`, `");
        let detail = format!("there is no text in `{missing}`, which other texts of the flow are in; add it");
        found.add(texts, "missing_language", detail);
    }
}

/// Notes what an offer's text leaves to a default that is in another language.
fn whole(copy: &At<'_>, text: &Entry, found: &mut Problems) {
    if Wish::new("en").is_met_by(std::iter::once(text.key.as_str())) {
        return;
    }
    let said = copy.entry(text);
    let missing: Vec<&str> = PARTS.into_iter().filter(|part| said.member(part).is_none()).collect();
    if !missing.is_empty() {
        let missing = missing.join("`, `");
        found.add(
            &said,
            "default_in_english",
            format!("`{missing}` is left out, and the default is in English; add it"),
        );
    }
}
