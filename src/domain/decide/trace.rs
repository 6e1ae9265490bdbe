//! A decision with every step that led to it. Made when somebody asks, from the same input, and made out only while it
//! is written: a flow can have 200,000 comparisons, which are never held together.

mod segments;

use std::borrow::Cow;
use std::collections::BTreeSet;

use serde::{Serialize, Serializer};
use utoipa::openapi::RefOr;
use utoipa::openapi::schema::Schema;
use utoipa::{PartialSchema, ToSchema};

use super::assign::{self, ExperimentTrace};
use super::guards::{Candidate, GUARDS, Verdict};
use super::{Decision, Input, LeftOut, decide, reasons_allow};
use crate::domain::flow::{CompiledFlow, Rule, When};
use crate::domain::money::Percent;
use crate::domain::offer::{Key, OfferType};
use segments::{FactTrace, SegmentTrace};

/// A decision with what it was made from. As JSON it shows every step that led to it.
#[derive(Debug)]
pub struct Trace<'a> {
    /// What was decided.
    pub decision: Decision,
    flow: &'a CompiledFlow,
    input: Input<'a>,
}

/// Decides, and keeps what shows every step.
#[must_use]
pub fn explain<'a>(flow: &'a CompiledFlow, input: &Input<'a>) -> Trace<'a> {
    Trace { decision: decide(flow, input), flow, input: *input }
}

/// A decision with every step that led to it.
#[derive(Serialize, ToSchema)]
#[schema(as = Trace)]
struct Steps<'a> {
    /// What was decided.
    decision: &'a Decision,
    /// Every fact there was.
    #[serde(serialize_with = "segments::facts")]
    #[schema(value_type = Vec<FactTrace<'_>>)]
    facts: &'a Trace<'a>,
    /// Every segment, with every comparison.
    #[serde(serialize_with = "segments::segments")]
    #[schema(value_type = Vec<SegmentTrace<'_>>)]
    segments: &'a Trace<'a>,
    /// Every rule in order, those behind the one that matched included.
    #[serde(serialize_with = "rules")]
    #[schema(value_type = Vec<RuleTrace>)]
    rules: &'a Trace<'a>,
    /// Every offer of the flow.
    #[serde(serialize_with = "offers")]
    #[schema(value_type = Vec<OfferTrace<'_>>)]
    offers: &'a Trace<'a>,
    /// Every experiment, and the flow's holdout.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    experiments: Vec<ExperimentTrace>,
}

impl Serialize for Trace<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let experiments = assign::explain(self.flow, &self.input, self.decision.rule);
        let decision = &self.decision;
        Steps { decision, facts: self, segments: self, rules: self, offers: self, experiments }
            .serialize(serializer)
    }
}

impl PartialSchema for Trace<'_> {
    fn schema() -> RefOr<Schema> {
        Steps::schema()
    }
}

impl ToSchema for Trace<'_> {
    fn name() -> Cow<'static, str> {
        Steps::name()
    }

    fn schemas(schemas: &mut Vec<(String, RefOr<Schema>)>) {
        Steps::schemas(schemas);
    }
}

/// How a rule came out.
#[derive(Serialize, ToSchema)]
struct RuleTrace {
    /// The rule, counted from 0.
    rule: usize,
    /// Whether it fits. Of those that do, the first counts.
    matches: bool,
    /// Why not, or that an earlier one counts; empty for the one that counts.
    #[schema(value_type = String)]
    why: Cow<'static, str>,
}

fn rules<S: Serializer>(trace: &&Trace<'_>, serializer: S) -> Result<S::Ok, S::Error> {
    let Trace { decision, flow, input } = *trace;
    let document = flow.document();
    let holding = decision.segments.iter().filter_map(|key| document.segments.get(key));
    let tags: BTreeSet<&Key> = holding.flat_map(|segment| &segment.tags).collect();
    let one = |(index, rule): (usize, &Rule)| {
        let against = why_not(rule, input, &decision.segments, &tags);
        let matches = against.is_none();
        let beaten = (decision.rule != Some(index)).then_some(Cow::Borrowed("an earlier rule counts"));
        RuleTrace { rule: index, matches, why: against.or(beaten).unwrap_or_default() }
    };
    serializer.collect_seq(document.rules.iter().enumerate().map(one))
}

/// Why a rule does not fit where these segments hold, which have these tags.
fn why_not(
    rule: &Rule,
    input: &Input<'_>,
    segments: &[Key],
    tags: &BTreeSet<&Key>,
) -> Option<Cow<'static, str>> {
    let When { segments: wanted, segment_tags, .. } = rule.when.as_ref()?;
    let asks = !wanted.is_empty() || !segment_tags.is_empty();
    let named = || wanted.iter().any(|key| segments.binary_search(key).is_ok());
    if asks && !named() && !segment_tags.iter().any(|tag| tags.contains(tag)) {
        return Some("none of its segments holds".into());
    }
    if reasons_allow(rule, input.reason) {
        return None;
    }
    Some(match input.reason {
        Some(reason) => format!("it is not for the reason `{reason}`").into(),
        None => "it is for some reasons, and none is given yet".into(),
    })
}

/// What the guards said to an offer.
#[derive(Serialize, ToSchema)]
struct OfferTrace<'a> {
    /// The offer.
    offer: &'a Key,
    /// Its type.
    #[serde(rename = "type")]
    offer_type: OfferType,
    /// What it takes off for this subscriber, in percent, where that depends on the segments.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Percent>, nullable = false)]
    depth: Option<Percent>,
    /// Whether it is presented.
    presented: bool,
    /// Why not.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<LeftOut>)]
    left_out: Option<Cow<'a, LeftOut>>,
    /// Every guard, those behind one that failed included.
    guards: Vec<GuardTrace>,
}

/// What one guard said.
#[derive(Serialize, ToSchema)]
struct GuardTrace {
    /// Its name: `answered`, `freshness`, `eligibility`, `stacking`, `cooldown`, `declined`, `customer_cap`,
    /// `cap`, `budget`, `margin_floor`, `jurisdiction`.
    #[schema(value_type = String)]
    guard: &'static str,
    /// What it said.
    outcome: GuardOutcome,
    /// Why it failed or was skipped; else empty.
    #[schema(value_type = String)]
    detail: Cow<'static, str>,
}

/// What a guard can say.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
enum GuardOutcome {
    /// Go on.
    Passed,
    /// It could not be asked, and does not stand in the way.
    Skipped,
    /// The offer is left out.
    Failed,
}

fn offers<S: Serializer>(trace: &&Trace<'_>, serializer: S) -> Result<S::Ok, S::Error> {
    let Trace { decision, flow, input } = *trace;
    let document = flow.document();
    serializer.collect_seq(document.offers.iter().map(|(key, offer)| {
        let candidate = Candidate::new(key, offer, &decision.segments, &document.policy, input);
        let presented = decision.offers.contains(key);
        OfferTrace {
            offer: key,
            offer_type: offer.terms.offer_type(),
            depth: candidate.depth(),
            presented,
            left_out: (!presented).then(|| left_out(decision, key)),
            guards: GUARDS.iter().map(|(name, guard)| guard_trace(name, guard(&candidate))).collect(),
        }
    }))
}

fn left_out<'a>(decision: &'a Decision, key: &Key) -> Cow<'a, LeftOut> {
    let known = decision.left_out.iter().find(|left_out| left_out.offer == *key);
    known.map(Cow::Borrowed).unwrap_or_else(|| {
        Cow::Owned(LeftOut {
            offer: key.clone(),
            code: "not_in_rule".into(),
            detail: "the rule that counts does not name it".to_owned(),
        })
    })
}

fn guard_trace(guard: &'static str, verdict: Verdict) -> GuardTrace {
    let (outcome, detail) = match verdict {
        Verdict::Passed => (GuardOutcome::Passed, Cow::default()),
        Verdict::Skipped(why) => (GuardOutcome::Skipped, why.into()),
        Verdict::Failed { detail, .. } => (GuardOutcome::Failed, detail.into()),
    };
    GuardTrace { guard, outcome, detail }
}
