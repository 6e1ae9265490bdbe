//! Rules that are never reached, and what nothing that is reached makes use of.

use std::collections::{BTreeMap, BTreeSet};

use super::judge::Judge;
use crate::domain::flow::document::{FlowDocument, Rule};
use crate::domain::flow::node::{At, Kind};
use crate::domain::flow::problem::Problems;
use crate::domain::offer::Key;

/// A set of reasons, by their places in the flow; that no reason is given counts as one more. A flow has fewer than 64.
type Reasons = u64;

/// Notes rules that nobody reaches, offers that nobody gets, segments that nothing names, reasons that get nothing.
pub(super) fn check(root: &At<'_>, document: &FlowDocument, judge: &Judge<'_>, found: &mut Problems) {
    let empty: BTreeSet<&Key> =
        document.segments.iter().filter(|(_, one)| judge.never(&one.condition)).map(|(key, _)| key).collect();
    let reached = rules(root, document, &empty, found);
    unused_offers(root, document, &reached, found);
    unused_segments(root, document, found);
    reasons_without_rule(root, document, &reached, found);
}

/// The rules that somebody can reach; the others are noted.
fn rules<'a>(
    root: &At<'_>,
    document: &'a FlowDocument,
    empty: &BTreeSet<&Key>,
    found: &mut Problems,
) -> Vec<&'a Rule> {
    // The reasons with which an earlier rule takes everybody, and those with which one takes whoever is in a segment.
    let mut everybody: Reasons = 0;
    let mut within: BTreeMap<&Key, Reasons> = BTreeMap::new();
    let mut reached = Vec::new();
    for (index, rule) in document.rules.iter().enumerate() {
        let reasons = reasons_of(document, rule);
        let segments = rule.when.as_ref().and_then(|when| document.wanted(when));
        let left = reasons & !everybody;
        let why_not = match &segments {
            None if left == 0 => Some("everybody whom it is for is taken by the rules before it"),
            Some(segments) if segments.iter().all(|key| empty.contains(*key)) => {
                Some("none of its segments can ever hold")
            }
            Some(segments) => {
                let open = |key: &&&Key| {
                    !empty.contains(**key) && left & !within.get(**key).copied().unwrap_or(0) != 0
                };
                let closed = !segments.iter().any(|key| open(&key));
                closed.then_some("everybody whom it is for is taken by the rules before it")
            }
            None => None,
        };
        match (why_not, root.member("rules")) {
            (None, _) => reached.push(rule),
            (Some(why), Some(rules)) => {
                if let Kind::List(items) = &rules.node.kind
                    && let Some(item) = items.get(index)
                {
                    let detail = format!("this rule is never reached: {why}; move it up, or take it out");
                    found.add(&rules.element(index, item), "unreachable_rule", detail);
                }
            }
            (Some(_), None) => {}
        }
        match segments {
            None => everybody |= reasons,
            Some(segments) => segments.into_iter().for_each(|key| *within.entry(key).or_default() |= reasons),
        }
    }
    reached
}

/// The reasons that a rule is for; all, and none given, where it asks for none.
fn reasons_of(document: &FlowDocument, rule: &Rule) -> Reasons {
    let wanted = rule.when.as_ref().map(|when| when.reasons.as_slice()).unwrap_or_default();
    if wanted.is_empty() {
        return Reasons::MAX;
    }
    let place = |key: &Key| document.reasons.iter().position(|reason| reason.key == *key);
    wanted.iter().filter_map(place).filter_map(bit).fold(0, |all, one| all | one)
}

fn bit(place: usize) -> Option<Reasons> {
    u32::try_from(place).ok().and_then(|place| 1_u64.checked_shl(place))
}

fn unused_offers(root: &At<'_>, document: &FlowDocument, reached: &[&Rule], found: &mut Problems) {
    let arms = document.experiments.values().flat_map(|experiment| experiment.arms.values());
    let tried = arms.flat_map(|arm| arm.replace.values().chain(&arm.order));
    let presented: BTreeSet<&Key> = reached.iter().flat_map(|rule| &rule.present).chain(tried).collect();
    let unused = document.offers.keys().filter(|key| !presented.contains(key));
    let detail =
        "nobody gets this offer: no rule that can be reached presents it; name it in one, or take it out";
    unused.for_each(|key| entry(root, "offers", key, "unused_offer", detail, found));
}

fn unused_segments(root: &At<'_>, document: &FlowDocument, found: &mut Problems) {
    let whens = document.rules.iter().filter_map(|rule| rule.when.as_ref());
    let whens = whens.chain(document.routes.iter().map(|route| &route.when));
    let mut used: BTreeSet<&Key> = whens.filter_map(|when| document.wanted(when)).flatten().collect();
    used.extend(document.experiments.values().flat_map(|experiment| &experiment.segments));
    for segment in document.segments.values() {
        used.extend(segment.condition.named());
    }
    let unused = document.segments.keys().filter(|key| !used.contains(key));
    let detail = "nothing names this segment; name it in a rule or a route, or take it out";
    unused.for_each(|key| entry(root, "segments", key, "unused_segment", detail, found));
}

/// A reason matters where every rule is for some reasons: whoever gives another is offered nothing.
fn reasons_without_rule(root: &At<'_>, document: &FlowDocument, reached: &[&Rule], found: &mut Problems) {
    let covered = reached.iter().fold(0, |all, rule| all | reasons_of(document, rule));
    let Some(list) = root.member("reasons") else { return };
    let Kind::List(items) = &list.node.kind else { return };
    for (place, (item, reason)) in items.iter().zip(&document.reasons).enumerate() {
        if bit(place).is_some_and(|bit| covered & bit == 0) {
            let detail = format!(
                "whoever gives the reason `{}` is offered nothing: no rule is for it; name it in one, or add an `otherwise`",
                reason.key
            );
            found.add(&list.element(place, item), "reason_without_rule", detail);
        }
    }
}

/// Notes an entry of a map of the document.
fn entry(root: &At<'_>, map: &str, key: &Key, code: &'static str, detail: &str, found: &mut Problems) {
    let Some(map) = root.member(map) else { return };
    if let Kind::Map(entries) = &map.node.kind
        && let Some(entry) = entries.iter().find(|entry| entry.key == key.as_str())
    {
        found.add_key(&map, key.as_str(), entry.at, code, detail);
    }
}
