//! That rules, depths and caps name only what the document defines.

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
            let (code, detail) = unknown("offer", &entry.key);
            problems.add_key(map, &entry.key, entry.at, code, detail);
        }
        one(&map.entry(entry), "offer", &known.offers, problems);
    }
}

fn each(map: &At<'_>, mut visit: impl FnMut(&At<'_>)) {
    if let Kind::Map(entries) = &map.node.kind {
        entries.iter().for_each(|entry| visit(&map.entry(entry)));
    }
}

/// Notes every segment that a depth names, and every offer and campaign that a cap names, and the document does not
/// define. A campaign is defined by the offers that belong to it.
pub(super) fn check_care(
    offers: &Option<At<'_>>,
    policy: &Option<At<'_>>,
    known: &Known<'_>,
    problems: &mut Problems,
) {
    let mut campaigns = BTreeSet::new();
    if let Some(offers) = offers
        && let Kind::Map(entries) = &offers.node.kind
    {
        for entry in entries {
            let offer = offers.entry(entry);
            within(&offer, "campaign", |name| campaigns.extend(text(name).map(str::to_owned)));
            within(&offer, "depth", |depth| {
                within(depth, "segments", |segments| {
                    let Kind::Map(entries) = &segments.node.kind else { return };
                    for entry in entries.iter().filter(|entry| !known.segments.contains(entry.key.as_str())) {
                        let (code, detail) = unknown("segment", &entry.key);
                        problems.add_key(segments, &entry.key, entry.at, code, detail);
                    }
                });
            });
        }
    }
    let campaigns = campaigns.iter().map(String::as_str).collect();
    let Some(policy) = policy else { return };
    within(policy, "caps", |caps| {
        let Kind::List(items) = &caps.node.kind else { return };
        for (index, item) in items.iter().enumerate() {
            let cap = caps.element(index, item);
            within(&cap, "offer", |name| one(name, "offer", &known.offers, problems));
            within(&cap, "campaign", |name| one(name, "campaign", &campaigns, problems));
        }
    });
}

fn text<'a>(at: &At<'a>) -> Option<&'a str> {
    match &at.node.kind {
        Kind::Text(text) => Some(text.as_str()),
        _ => None,
    }
}

fn one(at: &At<'_>, what: &str, known: &BTreeSet<&str>, problems: &mut Problems) {
    if let Some(text) = text(at)
        && !known.contains(text)
    {
        let (code, detail) = unknown(what, text);
        problems.add(at, code, detail + &hint(text, known.iter().copied()));
    }
}

fn unknown(what: &str, text: &str) -> (&'static str, String) {
    let code = match what {
        "offer" => "unknown_offer",
        "segment" => "unknown_segment",
        "segment tag" => "unknown_tag",
        "campaign" => "unknown_campaign",
        _ => "unknown_reason",
    };
    (code, format!("there is no {what} `{text}` in this flow; define it, or correct the name"))
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
        one(&list.element(index, item), what, known, problems);
    }
}
