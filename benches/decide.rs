//! The decision alone, without HTTP or database: flows of 10 to 10,000 segments of 8 conditions each, decided with the
//! index, and the same segments evaluated one by one as trees. Prints a table in Markdown; takes a few seconds.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::as_conversions,
    clippy::print_stdout,
    reason = "a measuring program stops at the first surprise, and says its figures on standard output"
)]

use std::collections::BTreeMap;
use std::hint::black_box;
use std::time::{Duration, Instant};

use counteroffer::domain::condition::Names;
use counteroffer::domain::decide::{Input, decide};
use counteroffer::domain::facts::{Facts, Source, Value};
use counteroffer::domain::flow::{CompiledFlow, FlowDocument, Format, parse};
use counteroffer::domain::history::History;
use counteroffer::domain::index::Index;
use counteroffer::domain::price::Prices;
use counteroffer::domain::subscription::Subscription;
use jiff::Timestamp;
use serde_json::{Map, Value as Json, json};

/// Numbers that repeat with every run (Knuth's MMIX generator).
struct Numbers(u64);

impl Numbers {
    fn below(&mut self, bound: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % bound
    }
}

const NUMBERS: u64 = 8;
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

fn flow(segments: usize) -> FlowDocument {
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
    let document = json!({
        "key": "bench",
        "reasons": [{"key": "other", "label": {"en": "Other"}, "stripe_feedback": "other"}],
        "attributes": attributes.collect::<Map<_, _>>(),
        "segments": segments,
        "offers": {"breather": {"type": "pause", "terms": {"choices": [{"interval": "month", "count": 1}]}}},
        "rules": rules,
    });
    parse(&document.to_string(), Format::Json).unwrap()
}

fn facts(numbers: &mut Numbers, now: Timestamp) -> Facts {
    let mut facts = Facts::default();
    for number in 0..NUMBERS {
        facts.state(
            format!("customer.n{number}"),
            Value::Number(numbers.below(1000).into()),
            Source::Profile,
            now,
        );
    }
    for number in 0..TEXTS {
        let word = format!("w{}", numbers.below(20));
        facts.state(format!("customer.t{number}"), Value::Text(word), Source::Profile, now);
    }
    facts
}

fn subscription() -> Subscription {
    let item = json!({
        "id": "si_1", "price": "price_pro", "product": "prod_pro", "name": "Pro", "unit_amount": 4900,
        "every": {"interval": "month", "count": 1}, "usage": "licensed", "quantity": 1,
        "current_period_start": "2027-02-18T00:00:00Z", "current_period_end": "2027-03-18T00:00:00Z",
    });
    serde_json::from_value(json!({
        "id": "sub_1", "customer": "cus_1", "livemode": false, "status": "active", "currency": "usd",
        "items": [item], "discounts": [], "customer_discount": null, "created": "2026-01-28T12:00:00Z",
        "trial_end": null, "cancel_at_period_end": false, "cancel_at": null, "canceled_at": null, "ended_at": null,
        "pause_collection": null, "scheduled": false, "pending_update": false, "country": "US",
    }))
    .unwrap()
}

/// The median time of one call, in nanoseconds, over rounds of about 20 ms each.
fn median(subscribers: &[Facts], mut call: impl FnMut(&Facts)) -> f64 {
    let round = |call: &mut dyn FnMut(&Facts)| {
        let started = Instant::now();
        let mut calls = 0_u32;
        while started.elapsed() < Duration::from_millis(20) {
            subscribers.iter().for_each(&mut *call);
            calls += subscribers.len() as u32;
        }
        started.elapsed().as_nanos() as f64 / f64::from(calls)
    };
    let mut rounds: Vec<f64> = (0..15).map(|_| round(&mut call)).collect();
    rounds.sort_by(f64::total_cmp);
    rounds.swap_remove(7)
}

fn main() {
    let now: Timestamp = "2027-03-04T12:00:00Z".parse().unwrap();
    let mut numbers = Numbers(11);
    let subscribers: Vec<Facts> = (0..64).map(|_| facts(&mut numbers, now)).collect();
    let (subscription, history, budgets_left) = (subscription(), History::default(), BTreeMap::new());
    println!(
        "| segments of 8 conditions | `decide` with the index, ns | index alone, ns | trees alone, ns | compiling once, ms |"
    );
    println!("| ---: | ---: | ---: | ---: | ---: |");
    for count in [10, 100, 1_000, 10_000] {
        let document = flow(count);
        let started = Instant::now();
        let compiled = CompiledFlow::compile(document.clone());
        let compiling = started.elapsed();
        let decided = median(&subscribers, |facts| {
            let (subscription, history, budgets_left) = (&subscription, &history, &budgets_left);
            let prices = Prices::default();
            let input = Input {
                facts,
                subscription,
                too_old: false,
                history,
                reason: None,
                answered: &[],
                bar: None,
                budgets_left,
                unit: None,
                prices: &prices,
                livemode: false,
                again: None,
                now,
            };
            black_box(decide(&compiled, black_box(&input)));
        });
        let index = Index::build(&document.segments, document.tiers.as_ref());
        let indexed = median(&subscribers, |facts| {
            black_box(index.matching(black_box(facts), now));
        });
        let trees = median(&subscribers, |facts| {
            let hold = document
                .segments
                .values()
                .filter(|segment| segment.condition.holds(black_box(facts), now, &Names::NONE));
            black_box(hold.count());
        });
        let compiling = compiling.as_secs_f64() * 1e3;
        println!("| {count} | {decided:.0} | {indexed:.0} | {trees:.0} | {compiling:.1} |");
    }
}
