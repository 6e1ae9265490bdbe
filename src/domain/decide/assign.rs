//! Which experiments a decision is part of, and what the customer's arms make of the rule's offers.
//!
//! A customer is exposed to an experiment when any of its arms would change the offers of the rule that counts, before
//! anything is known of what guards say to them. That is the same for all arms, so the arms stay comparable; those who
//! see no offer, for whatever reason, are counted too.

use std::borrow::Cow;

use serde::Serialize;
use utoipa::ToSchema;

use super::{Input, LeftOut};
use crate::domain::experiment::{
    Assignment, CONTROL, Exposure, HOLDOUT, Share, Shares, Unit, changes, drawn, held_out, position,
    rearranged, shares_of_weights, with_holdout,
};
use crate::domain::flow::{Allocation, CompiledFlow, Experiment, FlowDocument, Matching};
use crate::domain::offer::Key;

/// What experiments make of a rule.
pub(super) struct Assigned<'a> {
    pub(super) exposures: Vec<Exposure>,
    /// The offers, in order.
    pub(super) present: Cow<'a, [Key]>,
    /// The rule's own offers that are not among them.
    pub(super) left_out: Vec<LeftOut>,
}

/// Assigns the arms, and applies them.
pub(super) fn assign<'a>(
    matching: &Matching<'_>,
    present: &'a [Key],
    unit: Option<Unit<'_>>,
) -> Assigned<'a> {
    let document = matching.flow().document();
    let mut assigned =
        Assigned { exposures: Vec::new(), present: Cow::Borrowed(present), left_out: Vec::new() };
    let Some(unit) = unit.filter(|_| document.experiments_on_anybody()) else { return assigned };
    let flow_holdout = of_flow(document, present, unit);
    let held = flow_holdout.as_ref().is_some_and(is_held);
    assigned.exposures.extend(flow_holdout);
    for (index, (key, experiment)) in document.experiments.iter().enumerate() {
        let standing = standing(matching, (index, key, experiment), present, unit, held);
        assigned.exposures.extend(standing.exposure);
    }
    apply(document, present, &mut assigned);
    assigned
}

fn is_held(exposure: &Exposure) -> bool {
    exposure.assignment.arm.as_str() == HOLDOUT
}

/// Where the customer stands towards the flow's own holdout, in a decision that has offers to make.
fn of_flow(document: &FlowDocument, present: &[Key], unit: Unit<'_>) -> Option<Exposure> {
    let share = document.holdout?.share();
    if present.is_empty() {
        return None;
    }
    if let Some(recorded) = unit.recorded_in(HOLDOUT) {
        return Some(recorded.clone());
    }
    let arm = if held_out(&document.key, share, unit.customer) { HOLDOUT } else { CONTROL };
    let everybody: Shares = CONTROL.parse().ok().map(|control| (control, Share::ALL)).into_iter().collect();
    exposure(HOLDOUT.parse().ok()?, arm.parse().ok()?, with_holdout(&everybody, share))
}

fn exposure(experiment: Key, arm: Key, shares: Shares) -> Option<Exposure> {
    let propensity = *shares.get(&arm)?;
    Some(Exposure { assignment: Assignment { experiment, arm, propensity }, shares })
}

/// Where a customer stands towards an experiment.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
#[schema(as = ExperimentStanding)]
enum Standing {
    /// In it, and it could make a difference.
    Exposed,
    /// None of its segments holds.
    NotInSegments,
    /// In another experiment of the layer already.
    LayerTaken,
    /// Outside of the part of the layer that it takes.
    OutsideTraffic,
    /// No arm would change what the rule presents.
    NoDifference,
    /// No arm takes anybody.
    NoArm,
}

struct Stands {
    standing: Standing,
    exposure: Option<Exposure>,
}

impl From<Standing> for Stands {
    fn from(standing: Standing) -> Self {
        Self { standing, exposure: None }
    }
}

fn standing(
    matching: &Matching<'_>,
    (index, key, experiment): (usize, &Key, &Experiment),
    present: &[Key],
    unit: Unit<'_>,
    held: bool,
) -> Stands {
    let document = matching.flow().document();
    if !matching.allow_experiment(index) {
        return Standing::NotInSegments.into();
    }
    let recorded = unit.recorded_in(key.as_str());
    if recorded.is_none() {
        let in_layer = |(other, of): &(&Key, &Experiment)| {
            of.layer == experiment.layer && unit.recorded_in(other.as_str()).is_some()
        };
        if document.experiments.iter().any(|other| in_layer(&other)) {
            return Standing::LayerTaken.into();
        }
        if !experiment.traffic.takes(position(&experiment.layer, unit.customer)) {
            return Standing::OutsideTraffic.into();
        }
    }
    if !experiment.arms.iter().any(|(key, arm)| changes(key, arm, present)) {
        return Standing::NoDifference.into();
    }
    let still_there =
        |exposure: &&Exposure| is_held(exposure) || experiment.arms.contains_key(&exposure.assignment.arm);
    let exposure = match recorded.filter(still_there) {
        Some(recorded) => Some(recorded.clone()),
        None => draw(document, key, experiment, unit, held),
    };
    let standing = if exposure.is_some() { Standing::Exposed } else { Standing::NoArm };
    Stands { standing, exposure }
}

fn draw(
    document: &FlowDocument,
    key: &Key,
    experiment: &Experiment,
    unit: Unit<'_>,
    held: bool,
) -> Option<Exposure> {
    let weights = || shares_of_weights(&experiment.arms);
    // A bandit's shares are of yesterday's arms; with others it starts anew.
    let fits = |shares: &&Shares| shares.keys().eq(experiment.arms.keys());
    let shares = match experiment.allocation {
        Allocation::Weights => weights(),
        Allocation::Bandit => unit.bandits.get(key).filter(fits).cloned().unwrap_or_else(weights),
    };
    let arm = if held { HOLDOUT.parse().ok()? } else { drawn(key, &shares, unit.customer)?.clone() };
    // Whoever is in the flow's holdout is in that of each experiment, so that each has its own to be measured against.
    let holdout = document.holdout.map(|holdout| holdout.share()).unwrap_or_default();
    exposure(key.clone(), arm, with_holdout(&shares, holdout))
}

fn apply(document: &FlowDocument, present: &[Key], assigned: &mut Assigned<'_>) {
    if let Some(holdout) = assigned.exposures.iter().find(|exposure| is_held(exposure)) {
        let experiment = &holdout.assignment.experiment;
        let detail = match experiment.as_str() {
            HOLDOUT => "the customer is in the flow's holdout, which sees no offer".to_owned(),
            _ => format!(
                "the customer is in the holdout of the experiment `{experiment}`, which sees no offer"
            ),
        };
        let left_out =
            |key: &Key| LeftOut { offer: key.clone(), code: "holdout".into(), detail: detail.clone() };
        assigned.left_out = present.iter().map(left_out).collect();
        assigned.present = Cow::Borrowed(&[]);
        return;
    }
    for exposure in &assigned.exposures {
        let Assignment { experiment, arm, .. } = &exposure.assignment;
        let found = document.experiments.get(experiment).and_then(|experiment| experiment.arms.get(arm));
        if let Some(arm) = found {
            assigned.present = Cow::Owned(rearranged(arm, &assigned.present));
        }
    }
    let gone = present.iter().filter(|key| !assigned.present.contains(key));
    let replaced = |key: &Key| LeftOut {
        offer: key.clone(),
        code: "replaced".into(),
        detail: "the customer's arm of an experiment has another offer in its place".to_owned(),
    };
    assigned.left_out = gone.map(replaced).collect();
}

/// Where the customer stood towards one experiment.
#[derive(Serialize, ToSchema)]
pub(super) struct ExperimentTrace {
    /// The experiment; `holdout` for the flow's own holdout.
    experiment: Key,
    /// Whether the customer is in it, or why not.
    standing: Standing,
    /// The arm, where there is one.
    #[serde(skip_serializing_if = "Option::is_none")]
    arm: Option<Key>,
    /// How likely each arm was when it was drawn.
    #[serde(skip_serializing_if = "Shares::is_empty")]
    #[schema(value_type = std::collections::BTreeMap<String, f64>, required = false)]
    shares: Shares,
    /// Whether the arm had been recorded before.
    recorded: bool,
    /// Where the customer stands in the layer, 0 to 1; absent for the flow's own holdout.
    #[serde(skip_serializing_if = "Option::is_none")]
    position: Option<Share>,
}

/// Says of every experiment where the customer stands towards it.
pub(super) fn explain(flow: &CompiledFlow, input: &Input<'_>, rule: Option<usize>) -> Vec<ExperimentTrace> {
    let document = flow.document();
    let Some(unit) = input.unit.filter(|_| document.experiments_on_anybody()) else { return Vec::new() };
    let matching = flow.matching(input.facts, input.now);
    let rule = rule.and_then(|index| document.rules.get(index));
    let present = rule.map(|rule| rule.present.as_slice()).unwrap_or_default();
    let trace = |experiment: &Key, stands: Stands, position| {
        let (arm, shares) = match stands.exposure {
            Some(exposure) => (Some(exposure.assignment.arm), exposure.shares),
            None => (None, Shares::new()),
        };
        let recorded = unit.recorded_in(experiment.as_str()).is_some();
        ExperimentTrace {
            experiment: experiment.clone(),
            standing: stands.standing,
            arm,
            shares,
            recorded,
            position,
        }
    };
    let exposure = of_flow(document, present, unit);
    let held = exposure.as_ref().is_some_and(is_held);
    let of_flow = document.holdout.and_then(|_| HOLDOUT.parse().ok()).map(|key: Key| {
        let standing = if exposure.is_some() { Standing::Exposed } else { Standing::NoDifference };
        trace(&key, Stands { standing, exposure }, None)
    });
    let others = document.experiments.iter().enumerate().map(|(index, (key, experiment))| {
        let stands = standing(&matching, (index, key, experiment), present, unit, held);
        trace(key, stands, Some(position(&experiment.layer, unit.customer)))
    });
    of_flow.into_iter().chain(others).collect()
}
