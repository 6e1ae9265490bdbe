//! From the plain tree to the document, noting every problem on the way.
//!
//! Each reader takes a value with its place, notes what is wrong with it and answers none only when nothing can be
//! made of it. Readers go on after a problem, so that a document is mended in one go.

mod care;
mod conditions;
mod expansion;
mod experiments;
mod fields;
mod jurisdictions;
mod offers;
mod policy;
mod references;
mod rules;
mod signals;
mod terms;
mod tiers;
mod values;

use std::collections::{BTreeMap, BTreeSet};

use super::document::{FlowDocument, Reason, Survey};
use super::limits::{MAX_ATTRIBUTES, MAX_NESTING, MAX_REASONS};
use super::node::{At, Kind};
use super::policy::Policy;
use super::problem::Problems;
use crate::domain::attribute::{CUSTOMER_PREFIX, find, fixed_type, is_customer_name, type_word};
use crate::domain::facts::AttributeType;
use conditions::Types;
use fields::Fields;
pub(super) use jurisdictions::preset;

/// Reads the document; none when it is not even a map.
pub(super) fn document(root: &At<'_>, problems: &mut Problems) -> Option<FlowDocument> {
    if !bounded(root, 0, problems) {
        return None;
    }
    let mut fields = Fields::of(root, problems)?;
    let key = fields.required("key", problems).and_then(|at| values::key(&at, problems));
    let default_locale = fields.optional("default_locale").and_then(|at| values::locale(&at, problems));
    let survey = fields.optional("survey").and_then(|at| survey(&at, problems));
    let reasons = fields.optional("reasons").map(|at| reasons(&at, problems)).unwrap_or_default();
    let attributes = fields.optional("attributes").map(|at| attributes(&at, problems)).unwrap_or_default();
    let (tiers_at, segments_at) = (fields.optional("tiers"), fields.optional("segments"));
    let bands = tiers_at.as_ref().and_then(|at| at.member("bands"));
    let segment_keys = references::map_keys(&segments_at);
    let mut types = Types::new(&attributes, segment_keys.clone(), references::listed_keys(&bands));
    let tiers = tiers_at.and_then(|at| tiers::tiers(&at, &mut types, problems));
    let segments = segments_at.map(|at| conditions::segments(&at, &mut types, problems)).unwrap_or_default();
    let offers = fields.optional("offers").map(|at| offers::offers(&at, problems)).unwrap_or_default();
    let routes_at = fields.optional("routes");
    let routes = routes_at.as_ref().map(|at| rules::routes(at, key.as_ref(), problems)).unwrap_or_default();
    let rules_at = fields.required("rules", problems);
    let rules = rules_at.as_ref().map(|at| rules::rules(at, problems)).unwrap_or_default();
    let policy = fields.optional("policy").map_or_else(Policy::default, |at| policy::policy(&at, problems));
    let holdout = fields.optional("holdout").and_then(|at| experiments::holdout(&at, problems));
    let experiments_at = fields.optional("experiments");
    let experiments =
        experiments_at.as_ref().map(|at| experiments::experiments(at, problems)).unwrap_or_default();
    let signals_at = fields.optional("signals");
    let signals = signals_at.as_ref().map(|at| signals::signals(at, problems)).unwrap_or_default();
    let goodbye = fields.optional("goodbye").and_then(|at| values::texts(&at, problems));
    // By what is written rather than by what could be read: a broken offer is not an unknown one as well.
    let known = references::Known {
        reasons: references::listed_keys(&fields.optional("reasons")),
        segments: segment_keys,
        tags: references::tags(&segments_at),
        offers: references::map_keys(&fields.optional("offers")),
    };
    for list in routes_at.iter().chain(&rules_at) {
        references::check(list, &known, problems);
    }
    if let Some(at) = &experiments_at {
        references::check_experiments(at, &known, problems);
    }
    if let Some(at) = &signals_at {
        references::check_signals(at, &known, problems);
    }
    references::check_care(&fields.optional("offers"), &fields.optional("policy"), &known, problems);
    fields.finish(problems);
    Some(FlowDocument {
        key: key?,
        default_locale,
        survey,
        reasons,
        attributes,
        tiers,
        segments,
        offers,
        routes,
        rules,
        policy,
        holdout,
        experiments,
        signals,
        goodbye,
    })
}

/// Refuses what is nested too deep and keys that occur twice in one map.
fn bounded(at: &At<'_>, depth: usize, problems: &mut Problems) -> bool {
    if depth >= MAX_NESTING {
        problems.add(at, "too_deep", format!("nested deeper than {MAX_NESTING} levels"));
        return false;
    }
    match &at.node.kind {
        Kind::List(items) => {
            // No short circuit: every problem is to be noted.
            let deep = items
                .iter()
                .enumerate()
                .filter(|(index, item)| !bounded(&at.element(*index, item), depth + 1, problems));
            deep.count() == 0
        }
        Kind::Map(entries) => {
            let mut seen = BTreeSet::new();
            let mut good = true;
            for entry in entries {
                if !seen.insert(entry.key.as_str()) {
                    let detail = format!("`{}` is given twice; keep one", entry.key);
                    problems.add_key(at, &entry.key, entry.at, "duplicate_key", detail);
                }
                good &= bounded(&at.entry(entry), depth + 1, problems);
            }
            good
        }
        _ => true,
    }
}

fn survey(at: &At<'_>, problems: &mut Problems) -> Option<Survey> {
    let mut fields = Fields::of(at, problems)?;
    let question = fields.required("question", problems).and_then(|at| values::texts(&at, problems));
    fields.finish(problems);
    Some(Survey { question: question? })
}

fn reasons(at: &At<'_>, problems: &mut Problems) -> Vec<Reason> {
    let mut seen = BTreeSet::new();
    let items = values::list(at, 0, MAX_REASONS, problems).unwrap_or_default();
    let mut reasons = Vec::with_capacity(items.len());
    for (index, item) in items.iter().enumerate() {
        let at = at.element(index, item);
        let Some(mut fields) = Fields::of(&at, problems) else {
            continue;
        };
        let key_at = fields.required("key", problems);
        let key = key_at.as_ref().and_then(|at| values::key(at, problems));
        if let (Some(at), Some(key)) = (key_at, &key)
            && !seen.insert(key.clone())
        {
            problems.add(
                &at,
                "duplicate_reason",
                format!("there is another reason `{key}`; give each its own key"),
            );
        }
        let label = fields.required("label", problems).and_then(|at| values::texts(&at, problems));
        let feedback =
            fields.required("stripe_feedback", problems).and_then(|at| values::feedback(&at, problems));
        let follow_up = fields.optional("follow_up").and_then(|at| values::texts(&at, problems));
        let feature_tags = fields.optional("feature_tags").and_then(|at| values::flag(&at, problems));
        fields.finish(problems);
        if let (Some(key), Some(label), Some(stripe_feedback)) = (key, label, feedback) {
            let feature_tags = feature_tags.unwrap_or_default();
            reasons.push(Reason { key, label, stripe_feedback, follow_up, feature_tags });
        }
    }
    reasons
}

fn attributes(at: &At<'_>, problems: &mut Problems) -> BTreeMap<String, AttributeType> {
    let entries = values::map(at, MAX_ATTRIBUTES, problems).unwrap_or_default();
    let mut attributes = BTreeMap::new();
    for entry in entries {
        let value = at.entry(entry);
        if find(&entry.key).is_some() {
            let detail = format!("`{}` is in the catalogue and has its type; remove it here", entry.key);
            problems.add_key(at, &entry.key, entry.at, "attribute_of_catalogue", detail);
        } else if !is_customer_name(&entry.key) {
            let detail =
                format!("an attribute of your own is `{CUSTOMER_PREFIX}` and 1 to 64 of `a-z 0-9 _ .`");
            problems.add_key(at, &entry.key, entry.at, "invalid_attribute", detail);
        }
        if let Some(kind) = values::attribute_type(&value, problems) {
            if let Some(fixed) = fixed_type(&entry.key).filter(|fixed| *fixed != kind) {
                let detail =
                    format!("`{}` is always {}; declare it so or not at all", entry.key, type_word(fixed));
                problems.add(&value, "conflicting_types", detail);
            }
            attributes.insert(entry.key.clone(), kind);
        }
    }
    attributes
}
