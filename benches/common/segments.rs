//! Segments and subscribers as measuring programs use them, the same with every run.

use serde_json::{Map, Value as Json, json};

/// Numbers that repeat with every run (Knuth's MMIX generator).
pub(crate) struct Numbers(pub(crate) u64);

impl Numbers {
    /// The next one, below `bound`.
    pub(crate) fn below(&mut self, bound: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % bound
    }
}

/// Attributes that are numbers: `customer.n0` and so on.
const NUMBERS: u64 = 8;
/// Attributes that are texts: `customer.t0` and so on.
const TEXTS: u64 = 4;

/// Eight comparisons over twelve attributes: five of numbers, three of texts. Few segments hold for any one subscriber.
fn segment(numbers: &mut Numbers) -> Json {
    let mut parts = Vec::new();
    for _ in 0..5 {
        let operator = ["gte", "lte", "gt", "lt"][numbers.below(4) as usize % 4];
        parts.push(json!({"attribute": format!("customer.n{}", numbers.below(NUMBERS)), operator: numbers.below(1000)}));
    }
    for _ in 0..3 {
        let word = format!("w{}", numbers.below(20));
        parts.push(json!({"attribute": format!("customer.t{}", numbers.below(TEXTS)), "ne": word}));
    }
    json!({"all": parts})
}

/// What is known of a subscriber: a value for each of the twelve attributes, by name without `customer.`.
pub(crate) fn subscriber(numbers: &mut Numbers) -> Map<String, Json> {
    let mut known = Map::new();
    for number in 0..NUMBERS {
        known.insert(format!("n{number}"), json!(numbers.below(1000)));
    }
    for number in 0..TEXTS {
        known.insert(format!("t{number}"), json!(format!("w{}", numbers.below(20))));
    }
    known
}

/// A flow document with so many segments, the first twenty of which have a rule.
pub(crate) fn document(segments: usize) -> Json {
    let mut numbers = Numbers(7);
    let declared = |kind: &'static str, letter: char| {
        move |number: u64| (format!("customer.{letter}{number}"), json!(kind))
    };
    let attributes = (0..NUMBERS).map(declared("number", 'n')).chain((0..TEXTS).map(declared("text", 't')));
    let segments: Map<String, Json> =
        (0..segments).map(|n| (format!("s{n}"), segment(&mut numbers))).collect();
    let rules: Vec<Json> = segments
        .keys()
        .take(20)
        .map(|key| json!({"when": {"segments": [key]}, "present": ["breather"]}))
        .chain([json!({"otherwise": true, "present": ["breather"]})])
        .collect();
    json!({
        "key": "bench",
        "reasons": [{"key": "other", "label": {"en": "Other"}, "stripe_feedback": "other"}],
        "attributes": attributes.collect::<Map<_, _>>(),
        "segments": segments,
        "offers": {"breather": {"type": "pause", "terms": {"choices": [{"interval": "month", "count": 1}]}}},
        "rules": rules,
    })
}
