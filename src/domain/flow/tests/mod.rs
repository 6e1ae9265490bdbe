//! Flow documents as they are read, written and compared. What is refused is in files of its own, by what it is refused
//! for; nothing here decides.

use super::*;

use crate::domain::offer::OfferType;

mod documents;
mod hostile;
mod jurisdictions;
mod names;
mod offers;
mod refusals;

const DESIGN: &str = r#"
key: default
reasons:
  - {key: too_expensive, label: {en: It costs too much}, stripe_feedback: too_expensive}
  - {key: missing_feature, label: {en: Something is missing}, stripe_feedback: missing_features, follow_up: {en: What is missing?}}
segments:
  struggling: {any: [{attribute: customer.industry, in: [travel, hospitality]}, {attribute: subscription.past_due, eq: true}]}
  loyal:      {all: [{attribute: subscription.tenure_days, gte: 365}, {attribute: plan.interval, eq: month}]}
offers:
  half-off:   {type: discount, terms: {percent_off: 50, duration: repeating, duration_in_months: 3}, copy: {en: {headline: "Half price until {{discount_ends}}"}}}
  breather:   {type: pause, terms: {choices: [{interval: month, count: 1}, {interval: month, count: 3}]}}
rules:
  - {when: {segments: [struggling], reasons: [too_expensive]}, present: [half-off, breather]}
  - {otherwise: true, present: [breather]}
policy:
  max_offers: 2
  cooldown_days: {discount: 180}
  budgets: [{offer_types: [discount], per: month, amount: 500000, currency: usd}]
  margin_floor_percent: 20
"#;

fn yaml(text: &str) -> FlowDocument {
    parse(text, Format::Yaml).unwrap_or_else(|problems| panic!("{problems:#?}"))
}

fn problems(text: &str) -> Vec<Problem> {
    parse(text, Format::Yaml).unwrap_err()
}

#[test]
fn the_example_of_the_design_reads_and_its_json_reads_the_same() {
    let document = yaml(DESIGN);
    assert_eq!(document.segments.len(), 2);
    let json = document.to_json().unwrap();
    let again = parse(&json, Format::Json).unwrap_or_else(|problems| panic!("{problems:#?}"));
    assert_eq!(again, document);
    assert_eq!(again.to_json().unwrap(), json);
    assert_eq!(*CompiledFlow::compile(again).document(), document);
}

/// The problems' codes with their pointers.
fn codes(text: &str) -> Vec<(String, &'static str)> {
    problems(text).into_iter().map(|problem| (problem.pointer, problem.code)).collect()
}

/// A flow with one segment and one offer, each as given.
fn flow_with(segment: &str, offer: &str) -> String {
    format!(
        "key: k\nsegments: {{s: {segment}}}\noffers: {{o: {offer}}}\nrules: [{{otherwise: true, present: [o]}}]\n"
    )
}

/// A flow with these segments, and two tiers.
fn with_segments(segments: &str) -> String {
    format!(
        "key: k\ntiers: {{attribute: subscription.mrr, bands: [{{key: low, from: 0}}, {{key: high, from: 100}}]}}\nsegments:\n{segments}\nrules: [{{otherwise: true, present: []}}]\n"
    )
}

const PAUSE: &str = "{type: pause, terms: {choices: [{interval: day, count: 7}]}}";

#[test]
fn the_examples_read_and_compile() {
    for (name, text) in [
        ("default", include_str!("../../../../examples/flows/default.yaml")),
        ("experiments", include_str!("../../../../examples/flows/experiments.yaml")),
        ("minimal", include_str!("../../../../examples/flows/minimal.yaml")),
    ] {
        let document = yaml(text);
        let json = document.to_json().unwrap();
        assert_eq!(parse_stored(&json, Format::Json).as_ref(), Ok(&document), "{name}");
        assert_eq!(*CompiledFlow::compile(document.clone()).document(), document);
    }
    let types: std::collections::BTreeSet<_> = yaml(include_str!("../../../../examples/flows/default.yaml"))
        .offers
        .values()
        .map(|offer| offer.terms.offer_type())
        .collect();
    assert_eq!(types.len(), OfferType::ALL.len());
}

#[test]
fn every_operator_reads_and_is_written_the_same() {
    for segment in [
        "{attribute: plan.name, eq: x}",
        "{attribute: plan.name, ne: 'true'}",
        "{attribute: customer.tags, in: [a, b]}",
        "{attribute: customer.tags, not_in: [a, '5']}",
        "{attribute: plan.amount, in: [1, 2.5, -3]}",
        "{attribute: plan.name, contains: x}",
        "{attribute: plan.name, starts_with: x}",
        "{attribute: plan.name, ends_with: x}",
        "{attribute: plan.amount, between: [1, 1e3]}",
        "{attribute: subscription.created, between: ['2026-01-01T00:00:00Z', '2027-01-01T00:00:00Z']}",
        "{attribute: subscription.created, gte: 2026-01-01T00:00:00+02:00}",
        "{attribute: customer.x, exists: false}",
        "{attribute: customer.seen, older_than: 36h}",
        "{attribute: customer.seen, newer_than: 2w}",
        "{not: {not: {any: [{attribute: plan.amount, lt: 5}, {attribute: plan.amount, lte: 0.1}]}}}",
        "{attribute: subscription.past_due, ne: true}",
        "{condition: {attribute: plan.amount, gt: 5}, tags: [a, b]}",
    ] {
        let document = yaml(&flow_with(segment, PAUSE));
        let json = document.to_json().unwrap();
        assert_eq!(parse(&json, Format::Json), Ok(document), "{json}");
    }
}

#[test]
fn segments_tiers_and_routes_are_written_as_they_are_read() {
    let text = "key: k
tiers: {attribute: subscription.mrr, bands: [{key: low, from: 0.5}, {key: high, from: 100}]}
segments:
  a: {any: [{segment: b}, {tier: low}, {tier: {gte: high}}, {tier: {lte: low}}]}
  b: {attribute: plan.amount, gt: 5}
routes: [{when: {segment_tags: [x]}, flow: other}, {when: {segments: [a]}, flow: third}]
rules: [{when: {segments: [a], segment_tags: [x]}, present: []}]
";
    let text = text.replace(
        "b: {attribute: plan.amount, gt: 5}",
        "b: {condition: {attribute: plan.amount, gt: 5}, tags: [x]}",
    );
    let document = yaml(&text);
    let json = document.to_json().unwrap();
    assert_eq!(parse(&json, Format::Json), Ok(document), "{json}");
}

#[test]
fn a_diff_names_what_changed() {
    let old = yaml(DESIGN);
    let new = yaml(
        &DESIGN
            .replace("percent_off: 50", "percent_off: 40")
            .replace("max_offers: 2", "max_offers: 2\n  cancel_now: true")
            .replace(", {interval: month, count: 3}", ""),
    );
    let changes = diff(&old, &new);
    let seen: Vec<_> = changes.iter().map(|change| (change.pointer.as_str(), change.kind)).collect();
    assert_eq!(
        seen,
        [
            ("/offers/breather/terms/choices/1", ChangeKind::Removed),
            ("/offers/half-off/terms/percent_off", ChangeKind::Changed),
            ("/policy/cancel_now", ChangeKind::Changed),
        ]
    );
    assert_eq!(diff(&old, &old), []);
}

#[test]
fn the_schema_stands_alone() {
    let schema = json_schema();
    let text = schema.to_string();
    let defined = schema["$defs"].as_object().unwrap();
    for reference in text.split("\"$ref\":\"").skip(1).filter_map(|rest| rest.split('"').next()) {
        let name = reference.strip_prefix("#/$defs/").unwrap_or_else(|| panic!("{reference}"));
        assert!(defined.contains_key(name), "{name} is not defined");
    }
    for property in ["key", "survey", "reasons", "attributes", "segments", "offers", "rules", "policy"] {
        assert!(schema["properties"][property].is_object(), "{property}");
    }
    assert_eq!(schema["additionalProperties"], false);
    assert_eq!(schema["$defs"]["FlowPolicy"]["additionalProperties"], false);
    assert!(schema["$defs"]["FlowPolicy"].get("required").is_none(), "{}", schema["$defs"]["FlowPolicy"]);
}

proptest::proptest! {
    #[test]
    fn no_text_makes_it_panic(text in "[a-z{}\\[\\]:,\"'&*!|>%@?#\n \\-0-9.]{0,120}") {
        let _ = parse(&text, Format::Yaml);
        let _ = parse(&text, Format::Json);
    }

    #[test]
    fn no_mutation_of_a_good_flow_makes_it_panic(at in 0..DESIGN.len(), len in 0..40_usize, with in "[a-z{}\\[\\]:,\"0-9 \\-]{0,8}") {
        let end = (at + len).min(DESIGN.len());
        let text = format!("{}{with}{}", &DESIGN[..at], &DESIGN[end..]);
        if let Ok(document) = parse(&text, Format::Yaml) {
            let json = document.to_json().unwrap();
            proptest::prop_assert_eq!(parse_stored(&json, Format::Json), Ok(document));
        }
    }

    #[test]
    fn conditions_are_read_as_they_are_written(condition in crate::domain::condition::arbitrary::condition()) {
        let flow = serde_json::json!({"key": "k", "segments": {"s": condition}, "rules": [{"otherwise": true, "present": []}]});
        // Random ones may be empty, of conflicting types or of types that the catalogue does not have; those are refused.
        if let Ok(document) = parse(&flow.to_string(), Format::Json) {
            let key = "s".parse().unwrap();
            proptest::prop_assert_eq!(serde_json::to_value(&document.segments[&key]).unwrap(), flow["segments"]["s"].clone());
        }
    }
}

#[test]
fn experiments_read_with_their_defaults_and_their_json_reads_the_same() {
    let text = format!(
        "{DESIGN}holdout: {{percent: 2.5}}\nexperiments:\n  \
         rank: {{arms: {{control: {{}}, rest: {{order: [breather]}}}}}}\n  \
         depth: {{allocation: bandit, segments: [loyal], traffic: {{to: 30}}, \
         arms: {{control: {{weight: 3}}, other: {{replace: {{half-off: breather}}}}, holdout: {{}}}}}}\n"
    );
    let document = yaml(&text);
    let json: serde_json::Value = serde_json::from_str(&document.to_json().unwrap()).unwrap();
    assert_eq!(json["holdout"]["percent"], 2.5);
    let rank = serde_json::json!({"layer": "rank", "traffic": {"from": 0, "to": 100}, "allocation": "weights",
        "arms": {"control": {"weight": 1}, "rest": {"weight": 1, "order": ["breather"]}}});
    assert_eq!(json["experiments"]["rank"], rank);
    assert_eq!(json["experiments"]["depth"]["floor_percent"], 10);
    assert_eq!(parse(&document.to_json().unwrap(), Format::Json).unwrap(), document);
    let changes = diff(&yaml(DESIGN), &document);
    assert!(
        changes.iter().any(|change| change.pointer == "/experiments" && change.kind == ChangeKind::Added)
    );
    assert!(!yaml(DESIGN).to_json().unwrap().contains("experiments"), "what is kept stays as it is");
}
