//! That rules name only what the document defines.

use std::collections::BTreeSet;

use crate::domain::flow::near::hint;
use crate::domain::flow::node::{At, Kind};
use crate::domain::flow::problem::Problems;

/// What a document defines.
pub(super) struct Known<'a> {
    pub(super) reasons: BTreeSet<&'a str>,
    pub(super) segments: BTreeSet<&'a str>,
    /// Tags of segments.
    pub(super) tags: BTreeSet<&'a str>,
    pub(super) offers: BTreeSet<&'a str>,
}

/// The keys of a map.
pub(super) fn map_keys<'a>(at: &Option<At<'a>>) -> BTreeSet<&'a str> {
    match at.as_ref().map(|at| &at.node.kind) {
        Some(Kind::Map(entries)) => entries.iter().map(|entry| entry.key.as_str()).collect(),
        _ => BTreeSet::new(),
    }
}

/// The `key`s of a list of maps.
pub(super) fn listed_keys<'a>(at: &Option<At<'a>>) -> BTreeSet<&'a str> {
    let Some(Kind::List(items)) = at.as_ref().map(|at| &at.node.kind) else {
        return BTreeSet::new();
    };
    let keys = items.iter().filter_map(|item| match &item.kind {
        Kind::Map(entries) => entries.iter().find(|entry| entry.key == "key"),
        _ => None,
    });
    keys.filter_map(|entry| match &entry.value.kind {
        Kind::Text(text) => Some(text.as_str()),
        _ => None,
    })
    .collect()
}

/// The tags of all segments.
pub(super) fn tags<'a>(segments: &Option<At<'a>>) -> BTreeSet<&'a str> {
    let Some(Kind::Map(entries)) = segments.as_ref().map(|at| &at.node.kind) else {
        return BTreeSet::new();
    };
    let tags = entries.iter().filter_map(|entry| match &entry.value.kind {
        Kind::Map(members) => members.iter().find(|member| member.key == "tags"),
        _ => None,
    });
    let lists = tags.filter_map(|member| match &member.value.kind {
        Kind::List(items) => Some(items),
        _ => None,
    });
    let texts = lists.flatten().filter_map(|item| match &item.kind {
        Kind::Text(text) => Some(text.as_str()),
        _ => None,
    });
    texts.collect()
}

/// Notes every key that rules name and the document does not define.
pub(super) fn check(rules: &At<'_>, known: &Known<'_>, problems: &mut Problems) {
    let Kind::List(items) = &rules.node.kind else {
        return;
    };
    for (index, item) in items.iter().enumerate() {
        let rule = rules.element(index, item);
        within(&rule, "present", |list| all(list, "offer", &known.offers, problems));
        within(&rule, "when", |when| {
            within(when, "segments", |list| all(list, "segment", &known.segments, problems));
            within(when, "segment_tags", |list| all(list, "segment tag", &known.tags, problems));
            within(when, "reasons", |list| all(list, "reason", &known.reasons, problems));
        });
    }
}

/// The same for experiments.
pub(super) fn check_experiments(experiments: &At<'_>, known: &Known<'_>, problems: &mut Problems) {
    each(experiments, |experiment| {
        within(experiment, "segments", |list| all(list, "segment", &known.segments, problems));
        within(experiment, "arms", |arms| {
            each(arms, |arm| {
                within(arm, "order", |list| all(list, "offer", &known.offers, problems));
                within(arm, "replace", |map| replacements(map, known, problems));
            });
        });
    });
}

fn replacements(map: &At<'_>, known: &Known<'_>, problems: &mut Problems) {
    let Kind::Map(entries) = &map.node.kind else { return };
    for entry in entries {
        if !known.offers.contains(entry.key.as_str()) {
            let detail = unknown("offer", &entry.key);
            problems.add_key(map, &entry.key, entry.at, "unknown_offer", detail);
        }
        let by = map.entry(entry);
        if let Kind::Text(text) = &entry.value.kind
            && !known.offers.contains(text.as_str())
        {
            problems.add(&by, "unknown_offer", unknown("offer", text));
        }
    }
}

fn each(map: &At<'_>, mut visit: impl FnMut(&At<'_>)) {
    if let Kind::Map(entries) = &map.node.kind {
        entries.iter().for_each(|entry| visit(&map.entry(entry)));
    }
}

fn unknown(what: &str, name: &str) -> String {
    format!("there is no {what} `{name}` in this flow; define it, or correct the name")
}

/// Notes every segment that signals name and the document does not define.
pub(super) fn check_signals(signals: &At<'_>, known: &Known<'_>, problems: &mut Problems) {
    each(signals, |signal| {
        within(signal, "when", |when| {
            within(when, "segments", |list| all(list, "segment", &known.segments, problems));
        });
    });
}

fn within(at: &At<'_>, name: &str, visit: impl FnOnce(&At<'_>)) {
    let Kind::Map(entries) = &at.node.kind else { return };
    if let Some(entry) = entries.iter().find(|entry| entry.key == name) {
        visit(&at.entry(entry));
    }
}

fn all(list: &At<'_>, what: &str, known: &BTreeSet<&str>, problems: &mut Problems) {
    let Kind::List(items) = &list.node.kind else {
        return;
    };
    for (index, item) in items.iter().enumerate() {
        if let Kind::Text(text) = &item.kind
            && !known.contains(text.as_str())
        {
            let code = match what {
                "offer" => "unknown_offer",
                "segment" => "unknown_segment",
                "segment tag" => "unknown_tag",
                _ => "unknown_reason",
            };
            let detail = unknown(what, text) + &hint(text, known.iter().copied());
            problems.add(&list.element(index, item), code, detail);
        }
    }
}
