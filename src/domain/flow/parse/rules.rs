//! Rules: who gets what. Routes: who runs another flow.

use super::fields::Fields;
use super::values;
use crate::domain::flow::document::{Route, Rule, When};
use crate::domain::flow::limits::{MAX_PRESENT, MAX_ROUTES, MAX_RULE_KEYS, MAX_RULES};
use crate::domain::flow::node::At;
use crate::domain::flow::problem::Problems;
use crate::domain::offer::Key;

/// Reads the rules.
pub(super) fn rules(at: &At<'_>, problems: &mut Problems) -> Vec<Rule> {
    let items = values::list(at, 1, MAX_RULES, problems).unwrap_or_default();
    let last = items.len().saturating_sub(1);
    let mut rules = Vec::with_capacity(items.len());
    for (index, item) in items.iter().enumerate() {
        let at = at.element(index, item);
        let Some(rule) = rule(&at, problems) else { continue };
        if rule.when.is_none() && index < last {
            let detail = "the rules after an `otherwise` are never reached; move it to the end";
            problems.add(&at, "unreachable_rules", detail);
        }
        rules.push(rule);
    }
    rules
}

fn rule(at: &At<'_>, problems: &mut Problems) -> Option<Rule> {
    let mut fields = Fields::of(at, problems)?;
    let when_at = fields.optional("when");
    let otherwise_at = fields.optional("otherwise");
    let present = fields.required("present", problems).map(|at| keys(&at, 0, MAX_PRESENT, problems));
    fields.finish(problems);
    let otherwise = otherwise_at.as_ref().and_then(|at| values::flag(at, problems));
    if let (Some(at), Some(false)) = (&otherwise_at, otherwise) {
        problems.add(at, "invalid_rule", "`otherwise` is `true` or left out");
    }
    match (when_at, otherwise_at) {
        (Some(when), None) => Some(Rule { when: Some(self::when(&when, problems)?), present: present? }),
        (None, Some(_)) => Some(Rule { when: None, present: present? }),
        _ => {
            problems.add(at, "invalid_rule", "expected exactly one of `when` and `otherwise: true`");
            None
        }
    }
}

/// Reads the routes of the flow of that key.
pub(super) fn routes(at: &At<'_>, own: Option<&Key>, problems: &mut Problems) -> Vec<Route> {
    let items = values::list(at, 0, MAX_ROUTES, problems).unwrap_or_default();
    let mut routes = Vec::with_capacity(items.len());
    for (index, item) in items.iter().enumerate() {
        routes.extend(route(&at.element(index, item), own, problems));
    }
    routes
}

fn route(at: &At<'_>, own: Option<&Key>, problems: &mut Problems) -> Option<Route> {
    let mut fields = Fields::of(at, problems)?;
    let when = fields.required("when", problems).and_then(|at| route_when(&at, problems));
    let flow_at = fields.required("flow", problems);
    let flow = flow_at.as_ref().and_then(|at| values::key(at, problems));
    fields.finish(problems);
    if let (Some(at), Some(flow)) = (&flow_at, &flow)
        && own == Some(flow)
    {
        problems.add(at, "route_to_itself", "this is the flow itself; name another, or take the route out");
    }
    Some(Route { when: when?, flow: flow? })
}

fn route_when(at: &At<'_>, problems: &mut Problems) -> Option<When> {
    let mut fields = Fields::of(at, problems)?;
    let segments = fields.optional("segments").map(|at| keys(&at, 1, MAX_RULE_KEYS, problems));
    let tags = fields.optional("segment_tags").map(|at| keys(&at, 1, MAX_RULE_KEYS, problems));
    fields.finish(problems);
    if segments.is_none() && tags.is_none() {
        problems.add(at, "invalid_rule", "expected `segments` or `segment_tags`");
    }
    Some(When {
        segments: segments.unwrap_or_default(),
        segment_tags: tags.unwrap_or_default(),
        reasons: Vec::new(),
    })
}

fn when(at: &At<'_>, problems: &mut Problems) -> Option<When> {
    let mut fields = Fields::of(at, problems)?;
    let segments = fields.optional("segments").map(|at| keys(&at, 1, MAX_RULE_KEYS, problems));
    let tags = fields.optional("segment_tags").map(|at| keys(&at, 1, MAX_RULE_KEYS, problems));
    let reasons = fields.optional("reasons").map(|at| keys(&at, 1, MAX_RULE_KEYS, problems));
    fields.finish(problems);
    if segments.is_none() && tags.is_none() && reasons.is_none() {
        problems.add(
            at,
            "invalid_rule",
            "expected `segments`, `segment_tags` or `reasons`; for everybody use `otherwise: true`",
        );
    }
    Some(When {
        segments: segments.unwrap_or_default(),
        segment_tags: tags.unwrap_or_default(),
        reasons: reasons.unwrap_or_default(),
    })
}

/// A list of different keys.
pub(super) fn keys(at: &At<'_>, least: usize, most: usize, problems: &mut Problems) -> Vec<Key> {
    let mut keys = Vec::new();
    for (index, item) in values::list(at, least, most, problems).unwrap_or_default().iter().enumerate() {
        let at = at.element(index, item);
        let Some(key) = values::key(&at, problems) else {
            continue;
        };
        if keys.contains(&key) {
            problems.add(&at, "duplicate_value", format!("`{key}` is named already; remove one"));
        }
        keys.push(key);
    }
    keys
}
