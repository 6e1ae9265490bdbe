//! Conditions that never hold, parts that always do, and attributes that are most likely misspelt.

use std::collections::BTreeSet;

use super::judge::Judge;
use crate::domain::attribute::CUSTOMER_PREFIX;
use crate::domain::condition::Condition;
use crate::domain::flow::document::FlowDocument;
use crate::domain::flow::near::nearest;
use crate::domain::flow::node::{At, Kind};
use crate::domain::flow::problem::Problems;

/// Notes what is odd in the segments' conditions.
pub(super) fn check(root: &At<'_>, document: &FlowDocument, judge: &Judge<'_>, found: &mut Problems) {
    let Some(segments) = root.member("segments") else { return };
    let mut seen = BTreeSet::new();
    for (key, segment) in &document.segments {
        let Some(at) = segments.member(key.as_str()) else { continue };
        let inner = at.member("condition");
        let at = inner.as_ref().unwrap_or(&at);
        walk(at, &segment.condition, judge, found);
        undeclared(at, &segment.condition, document, &mut seen, found);
    }
}

/// Looks at a condition and, where it is not settled by itself, at its parts.
fn walk(at: &At<'_>, condition: &Condition, judge: &Judge<'_>, found: &mut Problems) {
    // What a name stands for is looked at where it is defined.
    if matches!(condition, Condition::Segment(_) | Condition::Tier(_)) {
        return;
    }
    if judge.never(condition) {
        let guilty: Vec<_> = match condition {
            Condition::All(parts) => parts.iter().map(|part| judge.never(part)).collect(),
            _ => Vec::new(),
        };
        if guilty.contains(&true) {
            parts(at, condition, &mut |at, index, part| {
                if guilty.get(index) == Some(&true) {
                    walk(at, part, judge, found);
                }
            });
            return;
        }
        let detail = match judge.torn(condition) {
            Some(name) => format!(
                "this never holds: no value of `{name}` meets all that is asked of it; correct it, or take it out"
            ),
            None => "this never holds, whatever the facts; correct it, or take it out".to_owned(),
        };
        found.add(at, "never_holds", detail);
    } else if judge.always(condition) {
        found.add(at, "always_holds", "this always holds, whatever the facts; correct it, or take it out");
    } else {
        parts(at, condition, &mut |at, _, part| walk(at, part, judge, found));
    }
}

/// Visits the parts of a condition with their places.
fn parts(at: &At<'_>, condition: &Condition, visit: &mut dyn FnMut(&At<'_>, usize, &Condition)) {
    let (word, parts) = match condition {
        Condition::All(parts) => ("all", parts.as_slice()),
        Condition::Any(parts) => ("any", parts.as_slice()),
        Condition::Not(part) => ("not", std::slice::from_ref(part.as_ref())),
        Condition::Compare(_) | Condition::Segment(_) | Condition::Tier(_) => return,
    };
    let Some(list) = at.member(word) else { return };
    match &list.node.kind {
        Kind::List(items) => {
            for (index, (item, part)) in items.iter().zip(parts).enumerate() {
                visit(&list.element(index, item), index, part);
            }
        }
        _ => parts.iter().for_each(|part| visit(&list, 0, part)),
    }
}

/// Notes attributes of the app's own that are not declared, and nearly spelt like one that is.
fn undeclared(
    at: &At<'_>,
    condition: &Condition,
    document: &FlowDocument,
    seen: &mut BTreeSet<String>,
    found: &mut Problems,
) {
    if let Condition::Compare(comparison) = condition {
        let name = &comparison.attribute;
        if !name.starts_with(CUSTOMER_PREFIX) || document.attributes.contains_key(name) || seen.contains(name)
        {
            return;
        }
        seen.insert(name.clone());
        if let Some(near) = nearest(name, document.attributes.keys().map(String::as_str)) {
            let detail = format!(
                "`{name}` is not declared under `attributes`; did you mean `{near}`? If not, declare it there"
            );
            let place = at.member("attribute");
            found.add(place.as_ref().unwrap_or(at), "undeclared_attribute", detail);
        }
        return;
    }
    parts(at, condition, &mut |at, _, part| undeclared(at, part, document, seen, found));
}
