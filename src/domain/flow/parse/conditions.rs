//! Segments and their conditions, typed against the attributes they ask about.

use std::collections::{BTreeMap, BTreeSet};

use super::fields::Fields;
use super::{expansion, values};
use crate::domain::attribute::{CATALOGUE, TypeSet, find, is_customer_name};
use crate::domain::condition::{Comparison, Condition, Segment, TierBound, TierTest};
use crate::domain::facts::AttributeType;
use crate::domain::flow::limits::{MAX_CONDITION_DEPTH, MAX_PARTS, MAX_SEGMENTS};
use crate::domain::flow::near::{hint, nearest};
use crate::domain::flow::node::{At, Kind};
use crate::domain::flow::problem::Problems;
use crate::domain::offer::Key;

mod test;

/// What is known of attributes and names while conditions are read.
pub(super) struct Types<'a> {
    declared: &'a BTreeMap<String, AttributeType>,
    /// What comparisons so far leave possible for attributes that nobody declared.
    inferred: BTreeMap<String, TypeSet>,
    /// The segments, by what is written.
    segments: BTreeSet<&'a str>,
    /// The tiers, by what is written.
    tiers: BTreeSet<&'a str>,
}

impl<'a> Types<'a> {
    pub(super) fn new(
        declared: &'a BTreeMap<String, AttributeType>,
        segments: BTreeSet<&'a str>,
        tiers: BTreeSet<&'a str>,
    ) -> Self {
        Self { declared, inferred: BTreeMap::new(), segments, tiers }
    }

    /// The types `name` can have; none when there is no such attribute.
    pub(super) fn of(&self, name: &str) -> Option<TypeSet> {
        if let Some(attribute) = find(name) {
            return Some(TypeSet::of(&[attribute.attribute_type]));
        }
        if let Some(kind) = self.declared.get(name) {
            return Some(TypeSet::of(&[*kind]));
        }
        is_customer_name(name).then_some(TypeSet::ALL)
    }

    /// Takes note that a comparison takes `name` for one of `types`; answers what earlier ones took it for, if the two
    /// do not go together.
    pub(super) fn infer(&mut self, name: &str, types: TypeSet) -> Option<TypeSet> {
        let before = self.inferred.get(name).copied().unwrap_or(TypeSet::ALL);
        let both = before.and(types);
        if both.is_empty() {
            return Some(before);
        }
        self.inferred.insert(name.to_owned(), both);
        None
    }

    /// What to say of an attribute that there is not.
    pub(super) fn unknown(&self, name: &str) -> String {
        let catalogue = CATALOGUE.iter().map(|attribute| attribute.name);
        if let Some(near) = nearest(name, catalogue.clone().chain(self.declared.keys().map(String::as_str))) {
            return format!("there is no attribute `{name}`; did you mean `{near}`?");
        }
        let group = name.split('.').next().unwrap_or_default();
        let same: Vec<_> = catalogue.filter(|known| known.split('.').next() == Some(group)).collect();
        if same.is_empty() {
            return format!(
                "there is no attribute `{name}`; names begin with `subscription.`, `plan.`, `history.` or `customer.`"
            );
        }
        format!("there is no attribute `{name}`; there are `{}`", same.join("`, `"))
    }
}

/// Reads the segments.
pub(super) fn segments(
    at: &At<'_>,
    types: &mut Types<'_>,
    problems: &mut Problems,
) -> BTreeMap<Key, Segment> {
    let mut segments = BTreeMap::new();
    for entry in values::map(at, MAX_SEGMENTS, problems).unwrap_or_default() {
        let key = values::map_key(at, entry, problems);
        let segment = segment(&at.entry(entry), types, problems);
        if let (Some(key), Some(segment)) = (key, segment) {
            segments.insert(key, segment);
        }
    }
    expansion::check(at, &segments, problems);
    segments
}

/// A segment: its condition, or that beside its tags.
fn segment(at: &At<'_>, types: &mut Types<'_>, problems: &mut Problems) -> Option<Segment> {
    let with_tags = |entries: &[crate::domain::flow::node::Entry]| {
        entries.iter().any(|entry| matches!(entry.key.as_str(), "condition" | "tags"))
    };
    if !matches!(&at.node.kind, Kind::Map(entries) if with_tags(entries)) {
        let condition = condition(at, 1, types, problems)?;
        return Some(Segment { condition, tags: BTreeSet::new() });
    }
    let mut fields = Fields::of(at, problems)?;
    let condition = fields.required("condition", problems).and_then(|at| condition(&at, 1, types, problems));
    let tags = fields.optional("tags").map(|at| values::tags(&at, problems)).unwrap_or_default();
    fields.finish(problems);
    Some(Segment { condition: condition?, tags })
}

/// Reads one condition at `depth` levels, itself counted.
fn condition(at: &At<'_>, depth: usize, types: &mut Types<'_>, problems: &mut Problems) -> Option<Condition> {
    if depth > MAX_CONDITION_DEPTH {
        let detail =
            format!("a condition may be {MAX_CONDITION_DEPTH} levels deep; split it, or write it flatter");
        problems.add(at, "too_deep", detail);
        return None;
    }
    let Kind::Map(entries) = &at.node.kind else {
        let detail = format!("expected a condition (a map), found {}", at.node.kind.word());
        problems.add(at, "invalid_type", detail);
        return None;
    };
    if entries.iter().any(|entry| entry.key == "attribute") {
        return comparison(at, types, problems).map(Condition::Compare);
    }
    let [entry] = entries.as_slice() else {
        let detail = "expected exactly one of `all`, `any`, `not`, `segment` and `tier`, or `attribute` with one operator";
        problems.add(at, "invalid_condition", detail);
        return None;
    };
    let part = at.entry(entry);
    match entry.key.as_str() {
        "all" => parts(&part, depth, types, problems).map(Condition::All),
        "any" => parts(&part, depth, types, problems).map(Condition::Any),
        "not" => condition(&part, depth + 1, types, problems).map(|part| Condition::Not(Box::new(part))),
        "segment" => named_segment(&part, types, problems).map(Condition::Segment),
        "tier" => tier(&part, types, problems).map(Condition::Tier),
        other => {
            let detail = format!(
                "`{other}` is not known here; expected `all`, `any`, `not`, `attribute`, `segment` or `tier`"
            );
            problems.add_key(at, other, entry.at, "invalid_condition", detail);
            None
        }
    }
}

fn parts(
    at: &At<'_>,
    depth: usize,
    types: &mut Types<'_>,
    problems: &mut Problems,
) -> Option<Vec<Condition>> {
    let items = values::list(at, 1, MAX_PARTS, problems)?;
    let mut parts = Vec::with_capacity(items.len());
    for (index, item) in items.iter().enumerate() {
        parts.extend(condition(&at.element(index, item), depth + 1, types, problems));
    }
    Some(parts)
}

fn named_segment(at: &At<'_>, types: &Types<'_>, problems: &mut Problems) -> Option<Key> {
    let key = values::key(at, problems)?;
    if !types.segments.contains(key.as_str()) {
        let hint = hint(key.as_str(), types.segments.iter().copied());
        let detail = format!("there is no segment `{key}` in this flow{hint}");
        problems.add(at, "unknown_segment", detail);
        return None;
    }
    Some(key)
}

/// `gold`, `{gte: gold}` or `{lte: gold}`.
fn tier(at: &At<'_>, types: &Types<'_>, problems: &mut Problems) -> Option<TierTest> {
    let (bound, tier) = match &at.node.kind {
        Kind::Map(entries) => {
            let [entry] = entries.as_slice() else {
                problems.add(at, "invalid_condition", "expected a tier's key, or `gte` or `lte` with one");
                return None;
            };
            let bound = match entry.key.as_str() {
                "gte" => TierBound::AtLeast,
                "lte" => TierBound::AtMost,
                other => {
                    let detail = format!("`{other}` is not known here; expected `gte` or `lte`");
                    problems.add_key(at, other, entry.at, "invalid_condition", detail);
                    return None;
                }
            };
            (bound, known_tier(&at.entry(entry), types, problems)?)
        }
        _ => (TierBound::Is, known_tier(at, types, problems)?),
    };
    Some(TierTest { bound, tier })
}

fn known_tier(at: &At<'_>, types: &Types<'_>, problems: &mut Problems) -> Option<Key> {
    let key = values::key(at, problems)?;
    if !types.tiers.contains(key.as_str()) {
        let known: Vec<&str> = types.tiers.iter().copied().collect();
        let detail = match known.as_slice() {
            [] => "this flow has no `tiers`; define them beside `segments`".to_owned(),
            known => format!("there is no tier `{key}`; there are `{}`", known.join("`, `")),
        };
        problems.add(at, "unknown_tier", detail);
        return None;
    }
    Some(key)
}

fn comparison(at: &At<'_>, types: &mut Types<'_>, problems: &mut Problems) -> Option<Comparison> {
    let mut fields = Fields::of(at, problems)?;
    let name_at = fields.required("attribute", problems)?;
    let operators: Vec<_> =
        test::OPERATORS.into_iter().filter_map(|word| Some((word, fields.optional(word)?))).collect();
    fields.finish(problems);
    let name = values::string(&name_at, problems)?;
    let Some(allowed) = types.of(name) else {
        problems.add(&name_at, "unknown_attribute", types.unknown(name));
        return None;
    };
    let [(operator, constant)] = operators.as_slice() else {
        let words = test::OPERATORS.join("`, `");
        let detail = format!("expected exactly one operator beside `attribute`: one of `{words}`");
        problems.add(at, "invalid_condition", detail);
        return None;
    };
    let (test, taken_for) = test::test(operator, constant, name, allowed, problems)?;
    if let Some(before) = types.infer(name, taken_for) {
        let detail = format!(
            "`{name}` is taken for {taken_for} here and for {before} elsewhere; declare its type under `attributes`"
        );
        problems.add(at, "conflicting_types", detail);
        return None;
    }
    Some(Comparison { attribute: name.to_owned(), test })
}
