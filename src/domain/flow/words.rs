//! What changed between two versions of a flow, in sentences.
//!
//! Rules are told by what happened to them, not by their places: one that is put before the others makes none of them
//! new. Everything else is told by its name.

use serde_json::Value as Json;
use similar::{Algorithm, DiffOp, capture_diff_slices};

use super::diff::{Change, ChangeKind, diff};
use super::document::FlowDocument;

/// Characters of a value that are told; longer ones are cut.
const MAX_VALUE_CHARS: usize = 200;

/// What changed from `old` to `new`, a sentence each, in the order of the document. Rules count from 1.
#[must_use]
pub fn in_words(old: &FlowDocument, new: &FlowDocument) -> Vec<String> {
    let by_place =
        |change: &Change| !change.pointer.starts_with("/rules/") && !change.pointer.starts_with("/reasons/");
    let mut words: Vec<String> =
        diff(old, new).iter().filter(|change| by_place(change)).map(sentence).collect();
    words.extend(reasons(old, new));
    words.extend(rules(old, new));
    words
}

fn reasons(old: &FlowDocument, new: &FlowDocument) -> Vec<String> {
    let mut words = Vec::new();
    for reason in &new.reasons {
        match old.reason(&reason.key) {
            None => words.push(format!("Reason `{}` is new.", reason.key)),
            Some(before) if before != reason => {
                words.push(format!("Reason `{}` is worded or mapped anew.", reason.key))
            }
            Some(_) => {}
        }
    }
    let gone = old.reasons.iter().filter(|reason| new.reason(&reason.key).is_none());
    words.extend(gone.map(|reason| format!("Reason `{}` is gone.", reason.key)));
    let order = |of: &FlowDocument, other: &FlowDocument| -> Vec<_> {
        of.reasons.iter().map(|reason| reason.key.clone()).filter(|key| other.reason(key).is_some()).collect()
    };
    if order(old, new) != order(new, old) {
        words.push("The reasons stand in another order.".to_owned());
    }
    words
}

fn rules(old: &FlowDocument, new: &FlowDocument) -> Vec<String> {
    let texts = |document: &FlowDocument| -> Vec<String> {
        document.rules.iter().map(|rule| rule_text(&serde_json::to_value(rule).unwrap_or_default())).collect()
    };
    let (before, after) = (texts(old), texts(new));
    let mut words = Vec::new();
    for operation in capture_diff_slices(Algorithm::Myers, &before, &after) {
        let (was, is) = match operation {
            DiffOp::Equal { .. } => continue,
            DiffOp::Delete { .. } | DiffOp::Insert { .. } | DiffOp::Replace { .. } => {
                (operation.old_range(), operation.new_range())
            }
        };
        let gone = was.filter_map(|at| before.get(at).map(|text| (at, text)));
        words.extend(gone.map(|(at, text)| format!("Rule {} is gone: {text}.", at + 1)));
        let added = is.filter_map(|at| after.get(at).map(|text| (at, text)));
        words.extend(added.map(|(at, text)| format!("Rule {} is new: {text}.", at + 1)));
    }
    words
}

/// A rule in words: `for segments loyal and reasons too_expensive, present half-off, breather`.
fn rule_text(rule: &Json) -> String {
    let list = |value: Option<&Json>| -> Option<String> {
        let names = value?.as_array()?.iter().filter_map(Json::as_str).collect::<Vec<_>>();
        (!names.is_empty()).then(|| names.join(", "))
    };
    let when = rule.get("when");
    let segments = list(when.and_then(|when| when.get("segments"))).map(|names| format!("segments {names}"));
    let reasons = list(when.and_then(|when| when.get("reasons"))).map(|names| format!("reasons {names}"));
    let whom = [segments, reasons].into_iter().flatten().collect::<Vec<_>>().join(" and ");
    let whom = if whom.is_empty() { "otherwise".to_owned() } else { format!("for {whom}") };
    match list(rule.get("present")) {
        Some(offers) => format!("{whom}, present {offers}"),
        None => format!("{whom}, present nothing"),
    }
}

/// A change of something that has a name.
fn sentence(change: &Change) -> String {
    let steps: Vec<String> = change.pointer.split('/').skip(1).map(unescaped).collect();
    let (subject, rest) = match steps.as_slice() {
        [of, name, rest @ ..] if of == "offers" => (format!("Offer `{name}`"), rest),
        [of, name, rest @ ..] if of == "segments" => (format!("Segment `{name}`"), rest),
        [of, name, rest @ ..] if of == "attributes" => (format!("Attribute `{name}`"), rest),
        [of, rest @ ..] if of == "policy" => ("The policy".to_owned(), rest),
        [of, rest @ ..] if of == "survey" => ("The survey".to_owned(), rest),
        [of, rest @ ..] => (format!("`{of}`"), rest),
        [] => ("The flow".to_owned(), [].as_slice()),
    };
    let what = if rest.is_empty() { subject } else { format!("{subject}: `{}`", rest.join(".")) };
    let value = |value: &Option<Json>| value.as_ref().map(shown).unwrap_or_default();
    match change.kind {
        ChangeKind::Added => format!("{what} is new: {}.", value(&change.new)),
        ChangeKind::Removed => format!("{what} is gone; it was {}.", value(&change.old)),
        ChangeKind::Changed => format!("{what} is {}; it was {}.", value(&change.new), value(&change.old)),
    }
}

fn unescaped(step: &str) -> String {
    step.replace("~1", "/").replace("~0", "~")
}

fn shown(value: &Json) -> String {
    let text = match value {
        Json::String(text) => format!("“{text}”"),
        other => other.to_string(),
    };
    if text.chars().count() <= MAX_VALUE_CHARS {
        return text;
    }
    text.chars().take(MAX_VALUE_CHARS).chain(['…']).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::flow::{Format, parse};

    const BEFORE: &str = r#"
key: default
reasons:
  - {key: price, label: {en: Price}, stripe_feedback: too_expensive}
  - {key: other, label: {en: Other}, stripe_feedback: other}
segments:
  loyal: {attribute: subscription.tenure_days, gte: 365}
offers:
  half-off: {type: discount, terms: {percent_off: 50, duration: once}}
  talk: {type: contact, terms: {url: "https://example.com/call"}}
rules:
  - {when: {segments: [loyal], reasons: [price]}, present: [half-off]}
  - {otherwise: true, present: [talk]}
"#;

    fn words(changes: &[(&str, &str)]) -> Vec<String> {
        let text = changes.iter().fold(BEFORE.to_owned(), |text, (old, new)| {
            assert!(text.contains(old), "{old}");
            text.replace(old, new)
        });
        in_words(&parse(BEFORE, Format::Yaml).unwrap(), &parse(&text, Format::Yaml).unwrap())
    }

    #[test]
    fn what_is_the_same_needs_no_words() {
        assert_eq!(words(&[]), Vec::<String>::new());
    }

    #[test]
    fn named_parts_are_told_by_their_names() {
        assert_eq!(
            words(&[("percent_off: 50", "percent_off: 40")]),
            ["Offer `half-off`: `terms.percent_off` is 40; it was 50."]
        );
        assert_eq!(words(&[("gte: 365", "gte: 180")]), ["Segment `loyal`: `gte` is 180; it was 365."]);
        let policy = ("rules:", "policy: {max_offers: 1}\nrules:");
        assert_eq!(words(&[policy]), ["The policy: `max_offers` is 1; it was 2."]);
    }

    #[test]
    fn a_rule_put_first_makes_no_other_new() {
        let first = ("rules:\n", "rules:\n  - {when: {reasons: [other]}, present: []}\n");
        assert_eq!(words(&[first]), ["Rule 1 is new: for reasons other, present nothing."]);
    }

    #[test]
    fn a_rule_that_changes_is_told_as_it_was_and_as_it_is() {
        let both = ("present: [talk]", "present: [talk, half-off]");
        assert_eq!(
            words(&[both]),
            ["Rule 2 is gone: otherwise, present talk.", "Rule 2 is new: otherwise, present talk, half-off."]
        );
    }

    #[test]
    fn reasons_are_told_by_their_keys() {
        let added = (
            "reasons:\n",
            "reasons:\n  - {key: quality, label: {en: Quality}, stripe_feedback: low_quality}\n",
        );
        let reworded = ("label: {en: Price}", "label: {en: Too dear}");
        assert_eq!(
            words(&[added, reworded]),
            ["Reason `quality` is new.", "Reason `price` is worded or mapped anew."]
        );
    }
}
