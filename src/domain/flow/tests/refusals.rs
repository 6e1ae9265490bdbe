//! What documents are refused for, whatever part is wrong.

use super::*;

#[test]
fn every_problem_is_reported_at_once_with_its_place() {
    let text = "key: Default
reasons:
  - {key: price, label: {}, stripe_feedback: pricey}
  - {key: price, label: {en: x}, stripe_feedback: other}
segments:
  a: {attribute: plan.colour, eq: red}
  b: {attribute: plan.interval, gt: 3}
  c: {attribute: plan.interval, eq: fortnight}
  d: {any: []}
offers:
  half: {type: discount, terms: {percent_off: 120, duration: repeating}}
  free: {type: discount, terms: {amount_off: 5, currency: USD, duration: forever}}
  rest: {type: pause, terms: {choices: [{interval: year, count: 4}]}}
  days: {type: trial_extension, terms: {days: 731}}
  site: {type: redirect, terms: {url: 'http://example.com'}}
  talk: {type: contact, terms: {url: 'javascript:alert(1)'}}
rules:
  - {otherwise: true, present: [half, nothing]}
  - {when: {segments: [z], reasons: [y]}, present: []}
polcy: {}
";
    let found = problems(text);
    let has = |pointer: &str, code: &str, line: usize| {
        let one = found.iter().find(|problem| problem.pointer == pointer && problem.code == code);
        let one = one.unwrap_or_else(|| panic!("{pointer} {code} in {found:#?}"));
        assert_eq!(one.line, Some(line), "{one}");
    };
    has("/key", "invalid_key", 1);
    has("/reasons/0/label", "invalid_length", 3);
    has("/reasons/0/stripe_feedback", "unknown_value", 3);
    has("/reasons/1/key", "duplicate_reason", 4);
    has("/segments/a/attribute", "unknown_attribute", 6);
    has("/segments/b/gt", "wrong_operator", 7);
    has("/segments/c/eq", "unknown_value", 8);
    has("/segments/d/any", "invalid_length", 9);
    has("/offers/half/terms/percent_off", "invalid_percent", 11);
    has("/offers/half/terms/duration_in_months", "required", 11);
    has("/offers/free/terms/currency", "invalid_currency", 12);
    has("/offers/rest/terms/choices/0", "too_long", 13);
    has("/offers/days/terms/days", "out_of_range", 14);
    has("/offers/site/terms/url", "invalid_url", 15);
    has("/offers/talk/terms/url", "invalid_url", 16);
    has("/rules/0/present/1", "unknown_offer", 18);
    has("/rules/0", "unreachable_rules", 18);
    has("/rules/1/when/segments/0", "unknown_segment", 19);
    has("/rules/1/when/reasons/0", "unknown_reason", 19);
    has("/polcy", "unknown_field", 20);
    assert_eq!(found.iter().find(|p| p.code == "invalid_percent").and_then(|p| p.column), Some(47));
}

#[test]
fn operators_must_fit_the_attribute() {
    for (segment, code) in [
        ("{attribute: plan.amount, contains: x}", "wrong_operator"),
        ("{attribute: plan.amount, eq: x}", "invalid_type"),
        ("{attribute: plan.name, eq: 5}", "invalid_type"),
        ("{attribute: subscription.past_due, eq: 'true'}", "invalid_type"),
        ("{attribute: subscription.created, gt: yesterday}", "invalid_instant"),
        ("{attribute: subscription.created, older_than: 30}", "invalid_age"),
        ("{attribute: subscription.created, older_than: {days: 30}}", "invalid_age"),
        ("{attribute: plan.amount, between: [5, 1]}", "empty_range"),
        ("{attribute: plan.amount, between: [5]}", "invalid_length"),
        ("{attribute: plan.amount, in: []}", "invalid_length"),
        ("{attribute: plan.amount, gt: 0.12345678901234567891}", "out_of_range"),
        ("{attribute: plan.amount, exists: yes}", "invalid_type"),
        ("{attribute: plan.amount}", "invalid_condition"),
        ("{attribute: plan.amount, gt: 1, lt: 5}", "invalid_condition"),
        ("{attribute: plan.amount, is: 1}", "unknown_field"),
        ("{all: [{attribute: plan.name, eq: x}], any: []}", "invalid_condition"),
        ("{some: []}", "invalid_condition"),
        ("{all: [{attribute: customer.x, eq: a}, {attribute: customer.x, gt: 5}]}", "conflicting_types"),
        (
            "{all: [{attribute: customer.x, older_than: 5d}, {attribute: customer.x, contains: a}]}",
            "conflicting_types",
        ),
    ] {
        let found = codes(&flow_with(segment, PAUSE));
        assert!(found.iter().any(|(_, found)| *found == code), "{segment}: {found:?}");
    }
}

#[test]
fn experiments_are_refused_for_what_cannot_be_measured() {
    let text = "key: k
offers: {o: {type: pause, terms: {choices: [{interval: day, count: 7}]}}}
rules: [{otherwise: true, present: [o]}]
holdout: {percent: 101}
experiments:
  holdout: {arms: {control: {}, a: {order: [o]}}}
  idle: {layer: x, arms: {control: {}, a: {}}}
  alone: {arms: {a: {order: [o]}}}
  twice: {layer: x, traffic: {from: 40}, arms: {control: {}, a: {order: [o]}}}
  empty: {arms: {control: {weight: 0}, a: {weight: 0, order: [o]}}}
  names: {segments: [s], arms: {control: {order: [o]}, a: {replace: {p: o, o: q}, order: [r]}}}
  floor: {floor_percent: 5, traffic: {from: 60, to: 40}, arms: {control: {}, a: {order: [o]}}}
  bandit: {allocation: bandit, floor_percent: 60, arms: {control: {}, a: {order: [o]}}}
";
    let mut found = codes(text);
    found.sort();
    let mut wanted = [
        ("/holdout/percent", "invalid_percent"),
        ("/experiments/holdout", "reserved_key"),
        ("/experiments/idle/arms/a", "invalid_arm"),
        ("/experiments/alone/arms", "invalid_arms"),
        ("/experiments/twice", "overlapping_traffic"),
        ("/experiments/empty/arms", "invalid_arms"),
        ("/experiments/names/segments/0", "unknown_segment"),
        ("/experiments/names/arms/control", "invalid_arm"),
        ("/experiments/names/arms/a/replace/p", "unknown_offer"),
        ("/experiments/names/arms/a/replace/o", "unknown_offer"),
        ("/experiments/names/arms/a/order/0", "unknown_offer"),
        ("/experiments/floor/floor_percent", "not_a_bandit"),
        ("/experiments/floor/traffic", "out_of_range"),
        ("/experiments/bandit/floor_percent", "out_of_range"),
    ]
    .map(|(pointer, code)| (pointer.to_owned(), code));
    wanted.sort();
    assert_eq!(found, wanted);
}

#[test]
fn attributes_that_mean_something_here_keep_their_type() {
    let flow =
        "key: k\nattributes: {customer.do_not_contact: text}\nrules: [{otherwise: true, present: []}]\n";
    assert_eq!(codes(flow), [("/attributes/customer.do_not_contact".to_owned(), "conflicting_types")]);
}
