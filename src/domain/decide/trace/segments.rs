//! How segments came out: every comparison with its constant, and the fact that it was held against.

use jiff::Timestamp;
use serde::{Serialize, Serializer};
use utoipa::ToSchema;

use super::Trace;
use crate::domain::condition::{Condition, Constant, Outcome, Tiers, number_json};
use crate::domain::facts::{Fact, Facts, Source, Value};
use crate::domain::offer::Key;

/// A fact.
#[derive(Serialize, ToSchema)]
pub(super) struct FactTrace<'a> {
    /// The attribute.
    attribute: &'a str,
    /// Its value.
    #[serde(serialize_with = "value")]
    #[schema(value_type = serde_json::Value)]
    value: &'a Value,
    /// Where it comes from.
    source: Source,
    /// How old it was, in seconds.
    age_seconds: i64,
}

pub(super) fn facts<S: Serializer>(trace: &&Trace<'_>, serializer: S) -> Result<S::Ok, S::Error> {
    let facts = trace.input.facts.iter();
    serializer.collect_seq(facts.map(|(name, fact)| FactTrace::new(name, fact, trace.input.now)))
}

impl<'a> FactTrace<'a> {
    fn new(attribute: &'a str, fact: &'a Fact, now: Timestamp) -> Self {
        let age_seconds = now.as_second().saturating_sub(fact.as_of.as_second()).max(0);
        Self { attribute, value: &fact.value, source: fact.source, age_seconds }
    }
}

/// Writes a value without its type.
fn value<S: Serializer>(value: &&Value, serializer: S) -> Result<S::Ok, S::Error> {
    match value {
        Value::Text(text) => serializer.serialize_str(text),
        Value::Number(number) => number_json(*number).serialize(serializer),
        Value::Boolean(flag) => serializer.serialize_bool(*flag),
        Value::Instant(at) => at.serialize(serializer),
        Value::TextList(texts) => texts.serialize(serializer),
    }
}

/// How a segment came out.
#[derive(Serialize, ToSchema)]
pub(super) struct SegmentTrace<'a> {
    /// The segment.
    segment: &'a Key,
    /// Whether it holds.
    holds: bool,
    /// Its condition, step by step.
    #[schema(value_type = Object)]
    condition: ConditionTrace<'a>,
}

/// One after the other, so that the steps of no more than one segment are held at a time.
pub(super) fn segments<S: Serializer>(trace: &&Trace<'_>, serializer: S) -> Result<S::Ok, S::Error> {
    let Trace { decision, flow, input } = *trace;
    let document = flow.document();
    let (facts, tiers) = (input.facts, document.tiers.as_ref());
    let tracer = Tracer { facts, now: input.now, segments: &decision.segments, tiers };
    serializer.collect_seq(document.segments.iter().map(|(segment, named)| {
        let condition = tracer.trace(&named.condition);
        SegmentTrace { segment, holds: condition.holds(), condition }
    }))
}

/// How a condition came out.
#[derive(Serialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
enum ConditionTrace<'a> {
    /// `all`
    All {
        /// Whether it holds.
        holds: bool,
        /// Every part.
        parts: Vec<ConditionTrace<'a>>,
    },
    /// `any`
    Any {
        /// Whether it holds.
        holds: bool,
        /// Every part.
        parts: Vec<ConditionTrace<'a>>,
    },
    /// `not`
    Not {
        /// Whether it holds.
        holds: bool,
        /// The part.
        part: Box<ConditionTrace<'a>>,
    },
    /// Another segment.
    Segment {
        /// Its name; how it came out step by step stands under it.
        segment: &'a Key,
        /// Whether it holds.
        holds: bool,
    },
    /// A value tier.
    Tier {
        /// The operator, `gte` or `lte`; absent where that tier alone passes.
        #[serde(skip_serializing_if = "Option::is_none")]
        operator: Option<&'static str>,
        /// The tier compared with.
        tier: &'a Key,
        /// The subscriber's tier; absent when in none.
        #[serde(skip_serializing_if = "Option::is_none")]
        found: Option<&'a Key>,
        /// The fact that it follows from, if there is one.
        #[serde(skip_serializing_if = "Option::is_none")]
        fact: Option<FactTrace<'a>>,
        /// Whether it holds.
        holds: bool,
    },
    /// A comparison.
    Comparison {
        /// The attribute.
        attribute: &'a str,
        /// The operator.
        operator: &'static str,
        /// The constant.
        constant: Constant<'a>,
        /// The fact, if there is one.
        #[serde(skip_serializing_if = "Option::is_none")]
        fact: Option<FactTrace<'a>>,
        /// How it came out.
        result: Outcome,
    },
}

impl ConditionTrace<'_> {
    fn holds(&self) -> bool {
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
    facts: &'a Facts,
    now: Timestamp,
    /// The segments that hold, sorted.
    segments: &'a [Key],
    tiers: Option<&'a Tiers>,
}

impl<'a> Tracer<'a> {
    fn trace(&self, condition: &'a Condition) -> ConditionTrace<'a> {
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
            Condition::Segment(segment) => {
                ConditionTrace::Segment { segment, holds: self.segments.binary_search(segment).is_ok() }
            }
            Condition::Tier(test) => ConditionTrace::Tier {
                operator: test.bound.word(),
                tier: &test.tier,
                found: self.tiers.and_then(|tiers| tiers.find(self.facts)),
                fact: self.tiers.and_then(|tiers| self.fact(&tiers.attribute)),
                holds: self.tiers.is_some_and(|tiers| tiers.holds(test, self.facts)),
            },
            Condition::Compare(comparison) => {
                let fact = self.fact(&comparison.attribute);
                ConditionTrace::Comparison {
                    attribute: &comparison.attribute,
                    operator: comparison.test.word(),
                    constant: comparison.test.constant(),
                    result: comparison.outcome(fact.as_ref().map(|fact| fact.value), self.now),
                    fact,
                }
            }
        }
    }

    fn fact(&self, attribute: &'a str) -> Option<FactTrace<'a>> {
        Some(FactTrace::new(attribute, self.facts.get(attribute)?, self.now))
    }
}
