//! What segments, tiers, routes and signals are refused for that name each other.

use super::*;

#[test]
fn segments_that_name_each_other_in_a_circle_are_refused_with_the_way() {
    let found = problems(&with_segments(
        "  a: {all: [{segment: b}, {attribute: plan.amount, gt: 5}]}\n  b: {not: {segment: c}}\n  c: {segment: a}\n  d: {segment: a}\n  e: {segment: e}",
    ));
    let found: Vec<_> = found.iter().map(|one| (one.pointer.as_str(), one.code, one.line)).collect();
    assert_eq!(found, [("/segments/a", "segment_cycle", Some(4)), ("/segments/e", "segment_cycle", Some(8))]);
    let detail = problems(&with_segments("  a: {segment: b}\n  b: {segment: a}")).remove(0).detail;
    assert!(detail.contains("`a` -> `b` -> `a`"), "{detail}");
}

#[test]
fn names_that_there_are_not_are_refused_with_the_nearest() {
    for (segments, code, hint) in [
        (
            "  loyal: {attribute: plan.amount, gt: 5}\n  s: {segment: loyl}",
            "unknown_segment",
            "did you mean `loyal`?",
        ),
        ("  s: {attribute: plan.intervall, eq: month}", "unknown_attribute", "did you mean `plan.interval`?"),
        ("  s: {tier: gold}", "unknown_tier", "there are `high`, `low`"),
        ("  s: {tier: {gt: low}}", "invalid_condition", "`gte` or `lte`"),
        ("  s: {condition: {attribute: plan.amount, gt: 5}, tag: [x]}", "unknown_field", "`tags`"),
        ("  s: {tags: [x]}", "required", "`condition` is missing"),
    ] {
        let found = problems(&with_segments(segments));
        let one = found.iter().find(|problem| problem.code == code && problem.detail.contains(hint));
        assert!(one.is_some(), "{segments}: {found:#?}");
    }
}

#[test]
fn tiers_rise_and_are_bands_of_a_number() {
    for (tiers, code) in [
        ("{attribute: plan.interval, bands: [{key: a, from: 1}]}", "invalid_type"),
        ("{attribute: plan.nothing, bands: [{key: a, from: 1}]}", "unknown_attribute"),
        ("{attribute: plan.amount, bands: []}", "invalid_length"),
        ("{attribute: plan.amount, bands: [{key: a, from: 1}, {key: b, from: 1}]}", "invalid_order"),
        ("{attribute: plan.amount, bands: [{key: a, from: 1}, {key: a, from: 2}]}", "duplicate_value"),
        ("{attribute: plan.amount, bands: [{key: a}]}", "required"),
    ] {
        let found = codes(&format!("key: k\ntiers: {tiers}\nrules: [{{otherwise: true, present: []}}]\n"));
        assert!(found.iter().any(|(_, found)| *found == code), "{tiers}: {found:?}");
    }
}

#[test]
fn routes_name_segments_and_another_flow() {
    for (route, code) in [
        ("{when: {segments: [s]}, flow: k}", "route_to_itself"),
        ("{when: {segments: [z]}, flow: other}", "unknown_segment"),
        ("{when: {segment_tags: [z]}, flow: other}", "unknown_tag"),
        ("{when: {reasons: [r]}, flow: other}", "unknown_field"),
        ("{when: {}, flow: other}", "invalid_rule"),
        ("{flow: other}", "required"),
        ("{when: {segments: [s]}}", "required"),
    ] {
        let text = with_segments("  s: {attribute: plan.amount, gt: 5}")
            .replace("rules:", &format!("routes: [{route}]\nrules:"));
        let found = codes(&text);
        assert!(found.iter().any(|(_, found)| *found == code), "{route}: {found:?}");
    }
}

#[test]
fn signals_name_segments_that_there_are() {
    let flow = |signals: &str| {
        format!(
            "key: k\nsegments: {{s: {{attribute: plan.interval, eq: month}}}}\nrules: [{{otherwise: true, present: []}}]\n\
             signals: {signals}\n"
        )
    };
    let document = yaml(&flow("{fell: {when: {segments: [s]}}}"));
    let (key, signal) = document.signals.first_key_value().unwrap();
    assert_eq!((key.as_str(), signal.cooldown_days), ("fell", 30));
    let again = parse(&document.to_json().unwrap(), Format::Json).unwrap();
    assert_eq!(again, document);
    for (signals, pointer, code) in [
        ("{fell: {when: {segments: [t]}}}", "/signals/fell/when/segments/0", "unknown_segment"),
        ("{fell: {when: {segments: []}}}", "/signals/fell/when/segments", "invalid_length"),
        ("{fell: {}}", "/signals/fell/when", "required"),
        ("{fell: {when: {segments: [s], reasons: [x]}}}", "/signals/fell/when/reasons", "unknown_field"),
        ("{fell: {when: {segments: [s]}, cooldown_days: 0}}", "/signals/fell/cooldown_days", "out_of_range"),
        ("{'No Key': {when: {segments: [s]}}}", "/signals/No Key", "invalid_key"),
    ] {
        assert_eq!(codes(&flow(signals)), [(pointer.to_owned(), code)], "{signals}");
    }
}
