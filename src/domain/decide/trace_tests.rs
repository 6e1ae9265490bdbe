//! The trace as it is written, every kind of step in it.

use super::*;
use crate::domain::experiment::Bandits;
use crate::domain::facts::{Source, Value};
use crate::domain::flow::{Format, parse};
use crate::domain::ids::CustomerId;
use crate::domain::sample::{now, subscription};

const FLOW: &str = r#"
key: default
reasons: [{key: price, label: {en: Price}, stripe_feedback: too_expensive}]
attributes:
  {customer.industry: text, customer.seats: number, customer.since: instant, customer.tags: text_list, customer.vip: boolean}
tiers: {attribute: subscription.mrr, bands: [{key: low, from: 0}, {key: high, from: 4000}]}
segments:
  loyal: {all: [{attribute: subscription.tenure_days, gte: 365}, {not: {attribute: customer.industry, in: [travel, bank]}}]}
  prized: {any: [{segment: loyal}, {tier: {gte: high}}, {all: [{tier: low}, {segment: typed}]}]}
  typed:
    any:
      - {attribute: customer.seats, between: [0.5, 20]}
      - {attribute: customer.since, lt: "2026-01-01T00:00:00.25Z"}
      - {attribute: customer.since, in: ["2025-01-01T00:00:00Z", "2027-01-01T01:00:00+01:00"]}
      - {attribute: customer.since, older_than: 36h}
      - {attribute: customer.tags, contains: "a \"b\""}
      - {attribute: customer.vip, ne: true}
      - {attribute: customer.none, exists: true}
      - {attribute: customer.none, not_in: [x]}
      - {attribute: customer.name, starts_with: A}
offers:
  half: {type: discount, terms: {percent_off: 50, duration: once}, depth: {max: 60, segments: {typed: 55}}}
  breather: {type: pause, terms: {choices: [{interval: month, count: 1}]}}
  talk: {type: contact, terms: {url: "mailto:help@example.com"}}
rules:
  - {when: {segments: [typed], reasons: [price]}, present: [talk]}
  - {when: {segments: [prized]}, present: [half, breather]}
  - {when: {segments: [loyal]}, present: [talk]}
  - {otherwise: true, present: [breather]}
policy: {margin_floor_percent: 20}
experiments:
  first: {arms: {control: {}, less: {order: [breather]}}}
  second: {segments: [loyal], arms: {control: {}, less: {order: [breather]}}}
"#;

#[test]
fn the_trace_as_it_is_written() {
    let flow = parse(FLOW, Format::Yaml).unwrap_or_else(|problems| panic!("{problems:#?}"));
    let flow = CompiledFlow::compile(flow);
    let mut facts = Facts::default();
    let yesterday = now() - jiff::SignedDuration::from_hours(24);
    for (name, value) in [
        ("customer.industry", Value::Text("travel".into())),
        ("customer.name", Value::Text("Ada \"the first\"\n".into())),
        ("customer.seats", Value::Number("12.50".parse().unwrap())),
        ("customer.since", Value::Instant("2027-01-01T00:00:00.5Z".parse().unwrap())),
        ("customer.tags", Value::TextList(vec!["a \"b\"".into(), "c".into()])),
        ("customer.vip", Value::Boolean(true)),
    ] {
        facts.state(name, value, Source::Profile, yesterday);
    }
    facts.state("subscription.mrr", Value::Number(9_800.into()), Source::Stripe, now());
    facts.state("subscription.tenure_days", Value::Number(400.into()), Source::Stripe, now());
    let customer: CustomerId = "customer-1".parse().unwrap();
    let unit = Some(Unit { customer: &customer, recorded: &[], bandits: &Bandits::new() });
    let (subscription, history, answered) =
        (subscription(), History::default(), ["breather".parse().unwrap()]);
    let input = Input {
        facts: &facts,
        subscription: &subscription,
        too_old: false,
        history: &history,
        reason: None,
        answered: &answered,
        bar: None,
        budgets_left: &BTreeMap::new(),
        prices: &Prices::default(),
        livemode: false,
        unit,
        again: None,
        now: now(),
    };
    let written = serde_json::to_string(&explain(&flow, &input)).unwrap();
    // Laid out in lines to be read.
    let expected: String = include_str!("trace.json").lines().map(str::trim_start).collect();
    assert_eq!(written, expected);
}
