use std::collections::BTreeMap;

use proptest::prelude::*;

use super::judge::Judge;
use crate::domain::condition::arbitrary::{facts, now, segments, tiers};
use crate::domain::condition::holds;
use crate::domain::flow::{Format, Problem, review};

fn warnings(text: &str) -> Vec<Problem> {
    review(text, Format::Yaml).unwrap_or_else(|problems| panic!("{problems:#?}")).warnings
}

/// The codes and pointers of the warnings about one segment, used by the only rule.
fn about(condition: &str) -> Vec<(String, &'static str)> {
    let text = format!(
        "key: k\ntiers: {{attribute: subscription.mrr, bands: [{{key: low, from: 0}}, {{key: high, from: 100}}]}}\nsegments:\n  \
         other: {{attribute: plan.amount, gt: 5}}\n  s: {condition}\nrules: [{{when: {{segments: [s, other]}}, present: []}}]\n"
    );
    warnings(&text).into_iter().map(|warning| (warning.pointer, warning.code)).collect()
}

#[test]
fn conditions_that_never_hold_are_found_where_they_are() {
    for (condition, pointer) in [
        ("{all: [{attribute: plan.amount, gt: 5}, {attribute: plan.amount, lt: 5}]}", ""),
        ("{all: [{attribute: plan.amount, gt: 5}, {attribute: plan.amount, lte: 5}]}", ""),
        ("{all: [{attribute: plan.interval, eq: month}, {attribute: plan.interval, eq: year}]}", ""),
        ("{all: [{attribute: plan.amount, in: [1, 2]}, {attribute: plan.amount, in: [3]}]}", ""),
        ("{all: [{attribute: plan.amount, between: [1, 2]}, {not: {attribute: plan.amount, lt: 3}}]}", ""),
        ("{all: [{attribute: plan.name, exists: false}, {attribute: plan.name, eq: x}]}", ""),
        ("{all: [{attribute: customer.x, starts_with: a}, {attribute: customer.x, starts_with: b}]}", ""),
        ("{all: [{attribute: customer.t, contains: a}, {not: {attribute: customer.t, contains: a}}]}", ""),
        (
            "{all: [{attribute: subscription.created, older_than: 30d}, {attribute: subscription.created, newer_than: 2w}]}",
            "",
        ),
        (
            "{all: [{attribute: subscription.past_due, eq: true}, {attribute: subscription.past_due, ne: true}]}",
            "",
        ),
        ("{all: [{segment: other}, {attribute: plan.amount, eq: 4}]}", ""),
        ("{all: [{tier: low}, {tier: {gte: high}}]}", ""),
        ("{all: [{tier: high}, {attribute: subscription.mrr, lt: 50}]}", ""),
        (
            "{any: [{attribute: plan.name, eq: x}, {all: [{attribute: plan.amount, gt: 5}, {attribute: plan.amount, lt: 5}]}]}",
            "/any/1",
        ),
        (
            "{all: [{attribute: plan.amount, gt: 5}, {any: [{attribute: plan.amount, lt: 2}, {attribute: plan.amount, eq: 3}]}]}",
            "",
        ),
    ] {
        assert_eq!(about(condition), [(format!("/segments/s{pointer}"), "never_holds")], "{condition}");
    }
}

#[test]
fn parts_that_always_hold_are_found() {
    let either = "{any: [{attribute: plan.name, exists: true}, {attribute: plan.name, exists: false}]}";
    assert_eq!(about(either), [("/segments/s".to_owned(), "always_holds")]);
    let part = format!("{{condition: {{all: [{{attribute: plan.amount, gt: 5}}, {either}]}}, tags: [t]}}");
    assert_eq!(about(&part), [("/segments/s/condition/all/1".to_owned(), "always_holds")]);
}

#[test]
fn conditions_that_may_hold_are_left_alone() {
    for condition in [
        "{all: [{attribute: plan.amount, gte: 5}, {attribute: plan.amount, lte: 5}]}",
        // A missing amount is neither.
        "{any: [{attribute: plan.amount, gte: 5}, {attribute: plan.amount, lt: 5}]}",
        "{not: {any: [{attribute: plan.amount, gte: 5}, {attribute: plan.amount, lt: 5}]}}",
        "{all: [{attribute: customer.t, contains: a}, {attribute: customer.t, contains: b}]}",
        "{all: [{tier: {gte: low}}, {tier: {lte: low}}, {not: {tier: high}}]}",
    ] {
        assert_eq!(about(condition), [], "{condition}");
    }
}

#[test]
fn what_nobody_reaches_or_uses_is_found_with_its_place() {
    let text = "key: k
reasons:
  - {key: price, label: {en: Price}, stripe_feedback: too_expensive}
  - {key: other, label: {en: Other}, stripe_feedback: other}
attributes: {customer.industry: text}
segments:
  a: {attribute: customer.industy, eq: travel}
  b: {attribute: plan.amount, gt: 5}
  idle: {attribute: plan.amount, gt: 6}
  empty: {all: [{attribute: plan.amount, gt: 5}, {attribute: plan.amount, lt: 5}]}
offers:
  rest: {type: pause, terms: {choices: [{interval: day, count: 7}]}}
  more: {type: pause, terms: {choices: [{interval: day, count: 8}]}}
rules:
  - {when: {segments: [a]}, present: [rest]}
  - {when: {segments: [b], reasons: [price]}, present: [rest]}
  - {when: {segments: [empty]}, present: [more]}
  - {when: {segments: [a, b], reasons: [price]}, present: [more]}
  - {when: {reasons: [price]}, present: []}
  - {when: {segments: [b], reasons: [price]}, present: [rest]}
";
    let found = warnings(text);
    let found: Vec<_> = found.iter().map(|one| (one.pointer.as_str(), one.code, one.line)).collect();
    assert_eq!(
        found,
        [
            ("/segments/a/attribute", "undeclared_attribute", Some(7)),
            ("/segments/idle", "unused_segment", Some(9)),
            ("/segments/empty", "never_holds", Some(10)),
            ("/offers/more", "unused_offer", Some(13)),
            ("/rules/2", "unreachable_rule", Some(17)),
            ("/rules/3", "unreachable_rule", Some(18)),
            ("/rules/5", "unreachable_rule", Some(20)),
        ]
    );
    let unnamed = text.replace("  - {when: {segments: [a]}, present: [rest]}\n", "");
    assert!(
        warnings(&unnamed).iter().any(|one| one.code == "reason_without_rule" && one.pointer == "/reasons/1")
    );
}

#[test]
fn the_examples_have_no_warnings() {
    for text in [
        include_str!("../../../../examples/flows/default.yaml"),
        include_str!("../../../../examples/flows/minimal.yaml"),
    ] {
        assert_eq!(warnings(text), []);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(800))]

    #[test]
    fn what_is_said_never_to_hold_never_does_and_what_always_to_always(
        segments in segments(12),
        facts in prop::collection::vec(facts(), 1..8),
    ) {
        let tiers = tiers();
        let judge = Judge::new(&segments, Some(&tiers));
        let judged: BTreeMap<_, _> = segments
            .iter()
            .map(|(key, one)| (key, (judge.never(&one.condition), judge.always(&one.condition))))
            .collect();
        for facts in &facts {
            for (key, segment) in &segments {
                let holds = holds(&segment.condition, &segments, Some(&tiers), facts, now());
                let (never, always) = judged[key];
                prop_assert!(!(holds && never), "{key} holds: {:?}", segment.condition);
                prop_assert!(holds || !always, "{key} fails: {:?}", segment.condition);
            }
        }
    }
}

#[test]
fn texts_are_in_every_language_of_the_flow_and_whole() {
    let text = "key: k
reasons:
  - {key: dear, label: {en: Dear, de: Teuer}, follow_up: {en: How?}, stripe_feedback: other}
offers:
  o:
    type: custom
    copy:
      en-GB: {headline: Stay}
      de-AT: {headline: Bleib, decline: Nein}
  p: {type: custom, copy: {fr: {headline: Reste, accept: Oui, decline: Non}}}
rules: [{otherwise: true, present: [o, p]}]
";
    let found: Vec<_> = warnings(text).into_iter().map(|one| (one.pointer, one.code, one.detail)).collect();
    let missing = |pointer: &str, tags: &str| {
        let detail = format!("there is no text in {tags}, which other texts of the flow are in; add it");
        (pointer.to_owned(), "missing_language", detail)
    };
    let english = "`accept` is left out, and the default is in English; add it";
    assert_eq!(
        found,
        [
            missing("/reasons/0/label", "`fr`"),
            missing("/reasons/0/follow_up", "`de`, `de-AT`, `fr`"),
            missing("/offers/o/copy", "`fr`"),
            ("/offers/o/copy/de-AT".to_owned(), "default_in_english", english.to_owned()),
            missing("/offers/p/copy", "`de`, `de-AT`, `en`, `en-GB`"),
        ]
    );
}
