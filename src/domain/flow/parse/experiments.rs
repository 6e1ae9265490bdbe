//! Experiments and the holdout.

use std::collections::BTreeMap;

use super::fields::Fields;
use super::rules::keys;
use super::values;
use crate::domain::experiment::{Arm, CONTROL, HOLDOUT};
use crate::domain::flow::experiment::{Allocation, Experiment, Holdout, Traffic};
use crate::domain::flow::limits::{MAX_ARMS, MAX_EXPERIMENTS, MAX_PRESENT, MAX_RULE_KEYS};
use crate::domain::flow::node::{At, Entry};
use crate::domain::flow::problem::Problems;
use crate::domain::offer::Key;

/// What a bandit leaves each arm at least, in percent.
const FLOOR_PERCENT: u16 = 10;
/// The greatest weight of an arm.
const MAX_WEIGHT: u16 = 10_000;

/// Reads the flow's holdout.
pub(super) fn holdout(at: &At<'_>, problems: &mut Problems) -> Option<Holdout> {
    let mut fields = Fields::of(at, problems)?;
    let percent = fields.required("percent", problems).and_then(|at| values::percent(&at, problems));
    fields.finish(problems);
    Some(Holdout { percent: percent? })
}

/// Reads the experiments.
pub(super) fn experiments(at: &At<'_>, problems: &mut Problems) -> BTreeMap<Key, Experiment> {
    let mut experiments = BTreeMap::new();
    let entries = values::map(at, MAX_EXPERIMENTS, problems).unwrap_or_default();
    for entry in entries {
        let key = values::map_key(at, entry, problems);
        if entry.key == HOLDOUT {
            let detail = "the flow's own holdout goes by this name; choose another";
            problems.add_key(at, &entry.key, entry.at, "reserved_key", detail);
        }
        let experiment = experiment(&at.entry(entry), key.as_ref(), problems);
        if let (Some(key), Some(experiment)) = (key, experiment) {
            experiments.insert(key, experiment);
        }
    }
    keep_apart(at, entries, &experiments, problems);
    experiments
}

/// Notes experiments that share a part of a layer.
fn keep_apart(
    at: &At<'_>,
    entries: &[Entry],
    experiments: &BTreeMap<Key, Experiment>,
    problems: &mut Problems,
) {
    let read = |entry: &Entry| {
        let key: Key = entry.key.parse().ok()?;
        experiments.get(&key)
    };
    for (index, entry) in entries.iter().enumerate() {
        let Some(one) = read(entry) else { continue };
        let meets = |earlier: &&Entry| {
            read(earlier).is_some_and(|other| other.layer == one.layer && other.traffic.meets(one.traffic))
        };
        if let Some(other) = entries.iter().take(index).find(meets) {
            let detail = format!(
                "takes a part of the layer `{}` that `{}` takes too; give each a `traffic` of its own, or another `layer`",
                one.layer, other.key
            );
            problems.add_key(at, &entry.key, entry.at, "overlapping_traffic", detail);
        }
    }
}

fn experiment(at: &At<'_>, key: Option<&Key>, problems: &mut Problems) -> Option<Experiment> {
    let mut fields = Fields::of(at, problems)?;
    let layer = match fields.optional("layer") {
        Some(at) => values::key(&at, problems),
        None => key.cloned(),
    };
    let segments = fields.optional("segments").map(|at| keys(&at, 1, MAX_RULE_KEYS, problems));
    let traffic = fields.optional("traffic").map_or(Some(Traffic::ALL), |at| traffic(&at, problems));
    let allocation =
        fields.optional("allocation").map_or(Some(Allocation::Weights), |at| values::word(&at, problems));
    let arms = fields.required("arms", problems).map(|at| arms(&at, problems)).unwrap_or_default();
    let floor_percent = floor(fields.optional("floor_percent"), allocation, arms.len(), problems);
    fields.finish(problems);
    Some(Experiment {
        layer: layer?,
        segments: segments.unwrap_or_default(),
        traffic: traffic?,
        allocation: allocation?,
        floor_percent,
        arms,
    })
}

fn floor(
    at: Option<At<'_>>,
    allocation: Option<Allocation>,
    arms: usize,
    problems: &mut Problems,
) -> Option<u16> {
    if allocation != Some(Allocation::Bandit) {
        if let Some(at) = at {
            problems.add(&at, "not_a_bandit", "`floor_percent` is for `allocation: bandit`; leave it out");
        }
        return None;
    }
    let most = u16::try_from(arms).ok().and_then(|arms| 100_u16.checked_div(arms)).unwrap_or(100);
    match at {
        Some(at) => values::small(&at, 1, most.min(50), problems),
        None => Some(FLOOR_PERCENT.min(most)),
    }
}

fn traffic(at: &At<'_>, problems: &mut Problems) -> Option<Traffic> {
    let mut fields = Fields::of(at, problems)?;
    let from = fields.optional("from").map_or(Some(0), |at| values::small(&at, 0, 99, problems));
    let to = fields.optional("to").map_or(Some(100), |at| values::small(&at, 1, 100, problems));
    fields.finish(problems);
    let (from, to) = (from?, to?);
    if from >= to {
        problems.add(at, "out_of_range", "`from` must be below `to`");
        return None;
    }
    Some(Traffic { from, to })
}

fn arms(at: &At<'_>, problems: &mut Problems) -> BTreeMap<Key, Arm> {
    let mut arms = BTreeMap::new();
    let entries = values::map(at, MAX_ARMS, problems).unwrap_or_default();
    for entry in entries {
        let key = values::map_key(at, entry, problems);
        let arm = arm(&at.entry(entry), &entry.key, problems);
        if let (Some(key), Some(arm)) = (key, arm) {
            arms.insert(key, arm);
        }
    }
    if !entries.iter().any(|entry| entry.key == CONTROL) || entries.len() < 2 {
        let detail =
            format!("expected `{CONTROL}`, which sees what the rules say, and at least one more arm");
        problems.add(at, "invalid_arms", detail);
    } else if arms.len() == entries.len() && arms.values().all(|arm| arm.weight == 0) {
        problems.add(at, "invalid_arms", "the weights are all 0; give at least one arm more");
    }
    arms
}

fn arm(at: &At<'_>, key: &str, problems: &mut Problems) -> Option<Arm> {
    let mut fields = Fields::of(at, problems)?;
    let weight = fields.optional("weight").map_or(Some(1), |at| values::small(&at, 0, MAX_WEIGHT, problems));
    let replace = fields.optional("replace").map(|at| replacements(&at, problems)).unwrap_or_default();
    let order = fields.optional("order").map(|at| keys(&at, 0, MAX_PRESENT, problems)).unwrap_or_default();
    fields.finish(problems);
    let idle = replace.is_empty() && order.is_empty();
    if matches!(key, CONTROL | HOLDOUT) && !idle {
        let detail =
            format!("`{key}` changes nothing itself; remove `replace` and `order`, or rename the arm");
        problems.add(at, "invalid_arm", detail);
    } else if !matches!(key, CONTROL | HOLDOUT) && idle {
        let detail =
            format!("changes nothing; give it `replace` or `order`, or call it `{CONTROL}` or `{HOLDOUT}`");
        problems.add(at, "invalid_arm", detail);
    }
    Some(Arm { weight: weight?, replace, order })
}

fn replacements(at: &At<'_>, problems: &mut Problems) -> BTreeMap<Key, Key> {
    let mut replacements = BTreeMap::new();
    for entry in values::map(at, MAX_PRESENT, problems).unwrap_or_default() {
        let offer = values::map_key(at, entry, problems);
        let by = values::key(&at.entry(entry), problems);
        if let (Some(offer), Some(by)) = (offer, by) {
            replacements.insert(offer, by);
        }
    }
    replacements
}
