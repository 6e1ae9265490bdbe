//! A decision with every step that led to it. Made when somebody asks, from the same input.

use std::borrow::Cow;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::assign::{self, ExperimentTrace};
use super::guards::{Candidate, GUARDS, Verdict};
use super::{Decision, Input, LeftOut, decide, reasons_allow};
use crate::domain::condition::{Comparison, Condition, Names, Outcome, Tiers};
use crate::domain::facts::{Fact, Source, Value};
use crate::domain::flow::{CompiledFlow, FlowDocument, Rule};
use crate::domain::money::Percent;
use crate::domain::offer::{Key, OfferType};

/// A decision with every step that led to it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Trace {
    /// What was decided.
    pub decision: Decision,
    /// Every fact there was.
    pub facts: Vec<FactTrace>,
    /// Every segment, with every comparison.
    pub segments: Vec<SegmentTrace>,
    /// Every rule in order, those behind the one that matched included.
    pub rules: Vec<RuleTrace>,
    /// Every offer of the flow.
    pub offers: Vec<OfferTrace>,
    /// Every experiment, and the flow's holdout.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub experiments: Vec<ExperimentTrace>,
}

/// A fact.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct FactTrace {
    /// The attribute.
    pub attribute: String,
    /// Its value.
    pub value: serde_json::Value,
    /// Where it comes from.
    pub source: Source,
    /// How old it was, in seconds.
    pub age_seconds: i64,
}

/// How a segment came out.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct SegmentTrace {
    /// The segment.
    pub segment: Key,
    /// Whether it holds.
    pub holds: bool,
    /// Its condition, step by step.
    #[schema(value_type = Object)]
    pub condition: ConditionTrace,
}

/// How a condition came out.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum ConditionTrace {
    /// `all`
    All {
        /// Whether it holds.
        holds: bool,
        /// Every part.
        parts: Vec<ConditionTrace>,
    },
    /// `any`
    Any {
        /// Whether it holds.
        holds: bool,
        /// Every part.
        parts: Vec<ConditionTrace>,
    },
    /// `not`
    Not {
        /// Whether it holds.
        holds: bool,
        /// The part.
        part: Box<ConditionTrace>,
    },
    /// Another segment.
    Segment {
        /// Its name; how it came out step by step stands under it.
        segment: Key,
        /// Whether it holds.
        holds: bool,
    },
    /// A value tier.
    Tier {
        /// The operator, `gte` or `lte`; absent where that tier alone passes.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        operator: Option<Cow<'static, str>>,
        /// The tier compared with.
        tier: Key,
        /// The subscriber's tier; absent when in none.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        found: Option<Key>,
        /// The fact that it follows from, if there is one.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        fact: Option<Box<FactTrace>>,
        /// Whether it holds.
        holds: bool,
    },
    /// A comparison.
    Comparison {
        /// The attribute.
        attribute: String,
        /// The operator.
        operator: Cow<'static, str>,
        /// The constant.
        constant: serde_json::Value,
        /// The fact, if there is one.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        fact: Option<Box<FactTrace>>,
        /// How it came out.
        result: Outcome,
    },
}

/// How a rule came out.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct RuleTrace {
    /// The rule, counted from 0.
    pub rule: usize,
    /// Whether it fits. Of those that do, the first counts.
    pub matches: bool,
    /// Why not, or that an earlier one counts; empty for the one that counts.
    pub why: String,
}

/// What the guards said to an offer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct OfferTrace {
    /// The offer.
    pub offer: Key,
    /// Its type.
    #[serde(rename = "type")]
    pub offer_type: OfferType,
    /// What it takes off for this subscriber, in percent, where that depends on the segments.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Percent>, nullable = false)]
    pub depth: Option<Percent>,
    /// Whether it is presented.
    pub presented: bool,
    /// Why not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub left_out: Option<LeftOut>,
    /// Every guard, those behind one that failed included.
    pub guards: Vec<GuardTrace>,
}

/// What one guard said.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct GuardTrace {
    /// Its name: `answered`, `freshness`, `eligibility`, `stacking`, `cooldown`, `declined`, `customer_cap`,
    /// `cap`, `budget`, `margin_floor`, `jurisdiction`.
    #[schema(value_type = String)]
    pub guard: Cow<'static, str>,
    /// What it said.
    pub outcome: GuardOutcome,
    /// Why it failed or was skipped; else empty.
    pub detail: String,
}

/// What a guard can say.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum GuardOutcome {
    /// Go on.
    Passed,
    /// It could not be asked, and does not stand in the way.
    Skipped,
    /// The offer is left out.
    Failed,
}

/// Decides, and keeps every step.
#[must_use]
pub fn explain(flow: &CompiledFlow, input: &Input<'_>) -> Trace {
    let decision = decide(flow, input);
    let document = flow.document();
    let tracer = Tracer { input, segments: &decision.segments, tiers: document.tiers.as_ref() };
    let segments = document.segments.iter().map(|(key, segment)| {
        let condition = tracer.trace(&segment.condition);
        SegmentTrace { segment: key.clone(), holds: condition.holds(), condition }
    });
    Trace {
        facts: input.facts.iter().map(|(name, fact)| fact_trace(name, fact, input.now)).collect(),
        segments: segments.collect(),
        rules: rules(document, input, &decision),
        offers: offers(document, input, &decision),
        experiments: assign::explain(flow, input, decision.rule),
        decision,
    }
}

impl ConditionTrace {
    /// Whether the condition holds.
    #[must_use]
    pub fn holds(&self) -> bool {
        match self {
            Self::All { holds, .. }
            | Self::Any { holds, .. }
            | Self::Not { holds, .. }
            | Self::Segment { holds, .. }
            | Self::Tier { holds, .. } => *holds,
            Self::Comparison { result, .. } => result.holds(),
        }
    }
}

/// What conditions are traced with.
struct Tracer<'a> {
    input: &'a Input<'a>,
    /// The segments that hold, sorted.
    segments: &'a [Key],
    tiers: Option<&'a Tiers>,
}

impl Tracer<'_> {
    fn trace(&self, condition: &Condition) -> ConditionTrace {
        match condition {
            Condition::All(parts) => {
                let parts: Vec<_> = parts.iter().map(|part| self.trace(part)).collect();
                ConditionTrace::All { holds: parts.iter().all(ConditionTrace::holds), parts }
            }
            Condition::Any(parts) => {
                let parts: Vec<_> = parts.iter().map(|part| self.trace(part)).collect();
                ConditionTrace::Any { holds: parts.iter().any(ConditionTrace::holds), parts }
            }
            Condition::Not(part) => {
                let part = self.trace(part);
                ConditionTrace::Not { holds: !part.holds(), part: Box::new(part) }
            }
            Condition::Compare(comparison) => self.comparison(comparison),
            Condition::Segment(key) => ConditionTrace::Segment {
                segment: key.clone(),
                holds: self.segments.binary_search(key).is_ok(),
            },
            Condition::Tier(test) => {
                let Input { facts, now, .. } = self.input;
                let fact = self
                    .tiers
                    .and_then(|tiers| Some(fact_trace(&tiers.attribute, facts.get(&tiers.attribute)?, *now)));
                ConditionTrace::Tier {
                    operator: test.bound.word().map(Cow::Borrowed),
                    tier: test.tier.clone(),
                    found: self.tiers.and_then(|tiers| tiers.find(facts)).cloned(),
                    fact: fact.map(Box::new),
                    holds: condition.holds(facts, *now, &Names { segment: &|_| false, tiers: self.tiers }),
                }
            }
        }
    }

    fn comparison(&self, comparison: &Comparison) -> ConditionTrace {
        let Comparison { attribute, test } = comparison;
        let fact = self.input.facts.get(attribute);
        ConditionTrace::Comparison {
            attribute: attribute.clone(),
            operator: test.word().into(),
            constant: test.constant(),
            fact: fact.map(|fact| Box::new(fact_trace(attribute, fact, self.input.now))),
            result: comparison.outcome(fact.map(|fact| &fact.value), self.input.now),
        }
    }
}

fn fact_trace(attribute: &str, fact: &Fact, now: Timestamp) -> FactTrace {
    FactTrace {
        attribute: attribute.to_owned(),
        value: value_json(&fact.value),
        source: fact.source,
        age_seconds: now.as_second().saturating_sub(fact.as_of.as_second()).max(0),
    }
}

fn value_json(value: &Value) -> serde_json::Value {
    match value {
        Value::Text(text) => serde_json::json!(text),
        Value::Number(number) => crate::domain::condition::number_json(*number),
        Value::Boolean(flag) => serde_json::json!(flag),
        Value::Instant(at) => serde_json::json!(at.to_string()),
        Value::TextList(texts) => serde_json::json!(texts),
    }
}

fn rules(document: &FlowDocument, input: &Input<'_>, decision: &Decision) -> Vec<RuleTrace> {
    let one = |(index, rule): (usize, &Rule)| {
        let against = why_not(document, rule, input, decision);
        let why = match &against {
            Some(why) => why.clone(),
            None if decision.rule != Some(index) => "an earlier rule counts".to_owned(),
            None => String::new(),
        };
        RuleTrace { rule: index, matches: against.is_none(), why }
    };
    document.rules.iter().enumerate().map(one).collect()
}

fn why_not(document: &FlowDocument, rule: &Rule, input: &Input<'_>, decision: &Decision) -> Option<String> {
    let wanted = document.wanted(rule.when.as_ref()?);
    if wanted.is_some_and(|wanted| !decision.segments.iter().any(|segment| wanted.contains(segment))) {
        return Some("none of its segments holds".to_owned());
    }
    if reasons_allow(rule, input.reason) {
        return None;
    }
    Some(match input.reason {
        Some(reason) => format!("it is not for the reason `{reason}`"),
        None => "it is for some reasons, and none is given yet".to_owned(),
    })
}

fn offers(document: &FlowDocument, input: &Input<'_>, decision: &Decision) -> Vec<OfferTrace> {
    let one = |(key, offer): (&Key, _)| {
        let candidate = Candidate::new(key, offer, &decision.segments, &document.policy, input);
        let guards = GUARDS.iter().map(|(name, guard)| guard_trace(name, guard(&candidate))).collect();
        let presented = decision.offers.contains(key);
        let known = decision.left_out.iter().find(|left_out| left_out.offer == *key).cloned();
        let left_out = (!presented).then(|| {
            known.unwrap_or_else(|| LeftOut {
                offer: key.clone(),
                code: "not_in_rule".into(),
                detail: "the rule that counts does not name it".to_owned(),
            })
        });
        OfferTrace {
            offer: key.clone(),
            offer_type: candidate.offer.terms.offer_type(),
            depth: candidate.depth(),
            presented,
            left_out,
            guards,
        }
    };
    document.offers.iter().map(one).collect()
}

fn guard_trace(name: &'static str, verdict: Verdict) -> GuardTrace {
    let (outcome, detail) = match verdict {
        Verdict::Passed => (GuardOutcome::Passed, String::new()),
        Verdict::Skipped(why) => (GuardOutcome::Skipped, why.to_owned()),
        Verdict::Failed { detail, .. } => (GuardOutcome::Failed, detail),
    };
    GuardTrace { guard: name.into(), outcome, detail }
}
