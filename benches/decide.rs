//! The decision alone, without HTTP or database: flows of 10 to 10,000 segments of 8 conditions each, decided with the
//! index, explained, and the same segments evaluated one by one as trees. Prints a table in Markdown; takes a few seconds.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::as_conversions,
    clippy::print_stdout,
    reason = "a measuring program stops at the first surprise, and says its figures on standard output"
)]

#[path = "common/segments.rs"]
mod segments;

use std::collections::BTreeMap;
use std::hint::black_box;
use std::time::{Duration, Instant};

use counteroffer::domain::attribute::qualified;
use counteroffer::domain::condition::Names;
use counteroffer::domain::decide::{Input, decide, explain};
use counteroffer::domain::facts::{Facts, Source};
use counteroffer::domain::flow::{CompiledFlow, FlowDocument, Format, parse};
use counteroffer::domain::gather::attribute_value;
use counteroffer::domain::history::History;
use counteroffer::domain::index::Index;
use counteroffer::domain::price::Prices;
use counteroffer::domain::subscription::Subscription;
use jiff::Timestamp;
use segments::{Numbers, document, subscriber};
use serde_json::json;

fn flow(segments: usize) -> FlowDocument {
    parse(&document(segments).to_string(), Format::Json).unwrap()
}

fn facts(numbers: &mut Numbers, now: Timestamp) -> Facts {
    let mut facts = Facts::default();
    for (name, value) in &subscriber(numbers) {
        facts.state(qualified(name), attribute_value(value).unwrap(), Source::Profile, now);
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

/// What every decision is made from besides facts.
struct Known {
    subscription: Subscription,
    history: History,
    budgets_left: BTreeMap<String, i64>,
    prices: Prices,
    now: Timestamp,
}

impl Known {
    fn input<'a>(&'a self, facts: &'a Facts) -> Input<'a> {
        Input {
            facts,
            subscription: &self.subscription,
            too_old: false,
            history: &self.history,
            reason: None,
            answered: &[],
            bar: None,
            budgets_left: &self.budgets_left,
            unit: None,
            prices: &self.prices,
            livemode: false,
            again: None,
            now: self.now,
        }
    }
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
    let known = Known {
        subscription: subscription(),
        history: History::default(),
        budgets_left: BTreeMap::new(),
        prices: Prices::default(),
        now,
    };
    println!(
        "| segments of 8 conditions | `decide` with the index, ns | index alone, ns | trees alone, ns | decided and explained, ns | explained and written as JSON, ns | compiling once, ms |"
    );
    println!("| ---: | ---: | ---: | ---: | ---: | ---: | ---: |");
    for count in [10, 100, 1_000, 10_000] {
        let document = flow(count);
        let started = Instant::now();
        let compiled = CompiledFlow::compile(document.clone());
        let compiling = started.elapsed();
        let decided = median(&subscribers, |facts| {
            black_box(decide(&compiled, black_box(&known.input(facts))));
        });
        let explained = median(&subscribers, |facts| {
            black_box(explain(&compiled, black_box(&known.input(facts))));
        });
        let written = median(&subscribers, |facts| {
            let trace = explain(&compiled, black_box(&known.input(facts)));
            black_box(serde_json::to_vec(&trace).unwrap());
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
        println!(
            "| {count} | {decided:.0} | {indexed:.0} | {trees:.0} | {explained:.0} | {written:.0} | {compiling:.1} |"
        );
    }
}
