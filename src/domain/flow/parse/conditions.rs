//! Segments and their conditions, typed against the attributes they ask about.

use std::collections::BTreeMap;

use super::fields::Fields;
use super::values;
use crate::domain::attribute::{TypeSet, find, is_customer_name};
use crate::domain::condition::{Comparison, Condition};
use crate::domain::facts::AttributeType;
use crate::domain::flow::limits::{MAX_CONDITION_DEPTH, MAX_PARTS, MAX_SEGMENTS};
use crate::domain::flow::node::{At, Kind};
use crate::domain::flow::problem::Problems;
use crate::domain::offer::Key;

mod test;

/// What is known of the attributes while conditions are read.
struct Types<'a> {
    declared: &'a BTreeMap<String, AttributeType>,
    /// What comparisons so far leave possible for attributes that nobody declared.
    inferred: BTreeMap<String, TypeSet>,
}

impl Types<'_> {
    /// The types `name` can have; none when there is no such attribute.
    fn of(&self, name: &str) -> Option<TypeSet> {
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
    fn infer(&mut self, name: &str, types: TypeSet) -> Option<TypeSet> {
        let before = self.inferred.get(name).copied().unwrap_or(TypeSet::ALL);
        let both = before.and(types);
        if both.is_empty() {
            return Some(before);
        }
        self.inferred.insert(name.to_owned(), both);
        None
    }
}

/// Reads the segments.
pub(super) fn segments(
    at: &At<'_>,
    declared: &BTreeMap<String, AttributeType>,
    problems: &mut Problems,
) -> BTreeMap<Key, Condition> {
    let mut types = Types { declared, inferred: BTreeMap::new() };
    let mut segments = BTreeMap::new();
    for entry in values::map(at, MAX_SEGMENTS, problems).unwrap_or_default() {
        let key = values::map_key(at, entry, problems);
        let condition = condition(&at.entry(entry), 1, &mut types, problems);
        if let (Some(key), Some(condition)) = (key, condition) {
            segments.insert(key, condition);
        }
    }
    segments
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
        let detail = "expected exactly one of `all`, `any` and `not`, or `attribute` with one operator";
        problems.add(at, "invalid_condition", detail);
        return None;
    };
    let part = at.entry(entry);
    match entry.key.as_str() {
        "all" => parts(&part, depth, types, problems).map(Condition::All),
        "any" => parts(&part, depth, types, problems).map(Condition::Any),
        "not" => condition(&part, depth + 1, types, problems).map(|part| Condition::Not(Box::new(part))),
        other => {
            let detail = format!("`{other}` is not known here; expected `all`, `any`, `not` or `attribute`");
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

fn comparison(at: &At<'_>, types: &mut Types<'_>, problems: &mut Problems) -> Option<Comparison> {
    let mut fields = Fields::of(at, problems)?;
    let name_at = fields.required("attribute", problems)?;
    let operators: Vec<_> =
        test::OPERATORS.into_iter().filter_map(|word| Some((word, fields.optional(word)?))).collect();
    fields.finish(problems);
    let name = values::string(&name_at, problems)?;
    let Some(allowed) = types.of(name) else {
        problems.add(&name_at, "unknown_attribute", unknown(name));
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

fn unknown(name: &str) -> String {
    let group = name.split('.').next().unwrap_or_default();
    let near: Vec<_> = crate::domain::attribute::CATALOGUE
        .iter()
        .map(|attribute| attribute.name)
        .filter(|known| known.split('.').next() == Some(group))
        .collect();
    if near.is_empty() {
        format!(
            "there is no attribute `{name}`; names begin with `subscription.`, `plan.`, `history.` or `customer.`"
        )
    } else {
        format!("there is no attribute `{name}`; there are `{}`", near.join("`, `"))
    }
}
