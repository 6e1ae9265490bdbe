//! What documents are refused for.

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
fn discounts_keep_to_what_stripe_takes() {
    let with = |terms: &str| {
        codes(&flow_with("{attribute: plan.name, eq: x}", &format!("{{type: discount, terms: {terms}}}")))
    };
    for (terms, code) in [
        ("{amount_off: 5, currency: usd, duration: forever}", "amount_off_forever"),
        ("{amount_off: 0, currency: usd, duration: once}", "out_of_range"),
        ("{amount_off: 5, duration: once}", "required"),
        ("{percent_off: 5, currency: usd, duration: once}", "invalid_discount"),
        ("{duration: once}", "invalid_discount"),
        ("{percent_off: 5, amount_off: 5, duration: once}", "invalid_discount"),
        ("{percent_off: 5, duration: once, duration_in_months: 2}", "invalid_discount"),
        ("{percent_off: 5, duration: repeating, duration_in_months: 37}", "out_of_range"),
        ("{percent_off: 12.345, duration: once}", "invalid_percent"),
        ("{percent_off: '5', duration: once}", "invalid_type"),
    ] {
        let found = with(terms);
        assert!(found.iter().any(|(_, found)| *found == code), "{terms}: {found:?}");
    }
}

#[test]
fn amounts_are_whole_positive_and_have_a_currency() {
    let with = |terms: &str| {
        codes(&flow_with("{attribute: plan.name, eq: x}", &format!("{{type: credit, terms: {terms}}}")))
    };
    for (terms, pointer, code) in [
        ("{amount: 0, currency: usd}", "amount", "out_of_range"),
        ("{amount: -5, currency: usd}", "amount", "out_of_range"),
        ("{amount: 12.5, currency: usd}", "amount", "out_of_range"),
        ("{amount: 100000000, currency: usd}", "amount", "out_of_range"),
        ("{amount: '5', currency: usd}", "amount", "invalid_type"),
        ("{currency: usd}", "amount", "required"),
        ("{amount: 5}", "currency", "required"),
        ("{amount: 5, currency: USD}", "currency", "invalid_currency"),
        ("{amount: 5, currency: usd, percent_off: 5}", "percent_off", "unknown_field"),
    ] {
        let found = with(terms);
        let named = |(at, found): &(String, &str)| at.ends_with(pointer) && *found == code;
        assert!(found.iter().any(named), "{terms}: {found:?}");
    }
}

#[test]
fn waivers_and_installments_name_the_field_that_is_wrong() {
    let with = |offer: &str| codes(&flow_with("{attribute: plan.name, eq: x}", offer));
    for (offer, pointer, code) in [
        ("{type: waiver, terms: {}}", "/terms/cap", "required"),
        ("{type: waiver, terms: {cap: 5}}", "/terms/cap", "invalid_type"),
        ("{type: waiver, terms: {cap: {amount: 0, currency: usd}}}", "/cap/amount", "out_of_range"),
        ("{type: waiver, terms: {cap: {amount: 5}}}", "/cap/currency", "required"),
        ("{type: waiver, terms: {cap: {amount: 5, currency: usd, x: 1}}}", "/cap/x", "unknown_field"),
        (
            "{type: waiver, terms: {cap: {amount: 5, currency: usd}, max_invoices: 13}}",
            "/max_invoices",
            "out_of_range",
        ),
        (
            "{type: installments, terms: {parts: 1, every: {interval: month, count: 1}}}",
            "/parts",
            "out_of_range",
        ),
        (
            "{type: installments, terms: {parts: 13, every: {interval: month, count: 1}}}",
            "/parts",
            "out_of_range",
        ),
        ("{type: installments, terms: {parts: 3}}", "/every", "required"),
        ("{type: installments, terms: {parts: 3, every: {interval: year, count: 1}}}", "/every", "too_long"),
    ] {
        let found = with(offer);
        let named = |(at, found): &(String, &str)| at.ends_with(pointer) && *found == code;
        assert!(found.iter().any(named), "{offer}: {found:?}");
    }
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
fn templates_use_only_the_variables_that_the_offer_has() {
    let discount = |headline: &str, duration: &str| {
        let offer = format!(
            "{{type: discount, terms: {{percent_off: 5, {duration}}}, copy: {{en: {{headline: \"{headline}\"}}}}}}"
        );
        parse(&flow_with("{attribute: plan.name, eq: x}", &offer), Format::Yaml)
            .err()
            .unwrap_or_default()
            .into_iter()
            .map(|problem| problem.code)
            .collect::<Vec<_>>()
    };
    let repeating = "duration: repeating, duration_in_months: 3";
    for (headline, terms, expected) in [
        ("Until {{ discount_ends }}", repeating, vec![]),
        ("Until {{ discount_ends }}", "duration: once", vec!["unknown_variable"]),
        (
            "{{ plan.name }} {{ percent_off }} {% if plan.amount %}{{plan.amount}}{% endif %}",
            "duration: once",
            vec![],
        ),
        (
            "{{ plan.colour }} {{ amount_off }}",
            "duration: once",
            vec!["unknown_variable", "unknown_variable"],
        ),
        ("{{ plan", "duration: once", vec!["invalid_template"]),
        ("{% for a in b %}x{% endfor %}", "duration: once", vec!["invalid_template"]),
        ("{{ 'x' * 100000000 }}", "duration: once", vec!["invalid_template"]),
        ("{{ plan.name|upper }}", "duration: once", vec!["invalid_template"]),
        ("{% set x = plan.name %}", "duration: once", vec!["invalid_template"]),
        ("50 % {off}", "duration: once", vec![]),
    ] {
        assert_eq!(discount(headline, terms), expected, "{headline}");
    }
}

#[test]
fn yaml_keeps_to_plain_documents() {
    for (text, code) in [
        ("", "empty"),
        ("key: [", "syntax"),
        ("a: &x 1\nb: *x", "anchor"),
        ("a: *x", "syntax"),
        ("key: !!str default", "tag"),
        ("key: a\n---\nkey: b", "several_documents"),
        ("? [a]\n: b", "invalid_key"),
        ("- a", "invalid_type"),
        ("key: a\nkey: b\nrules: [{otherwise: true, present: []}]", "duplicate_key"),
    ] {
        let found = codes(text);
        assert!(found.iter().any(|(_, found)| *found == code), "{text}: {found:?}");
    }
    let found =
        parse(r#"{"key": "a", "key": "b", "rules": [{"otherwise": true, "present": []}]}"#, Format::Json);
    assert_eq!(found.unwrap_err()[0].code, "duplicate_key");
    let broken = parse("{\n \"key\": }", Format::Json).unwrap_err();
    assert_eq!((broken[0].code, broken[0].line), ("syntax", Some(2)));
}

#[test]
fn what_is_too_deep_or_too_large_is_refused_in_no_time() {
    let nested = |part: &str, times: usize| part.repeat(times);
    for text in [
        nested("[", 200_000),
        nested("{a: ", 200_000),
        nested("- ", 200_000),
        nested("? ", 200_000),
        nested("a: ", 200_000),
        format!("key: {}", nested("'", 200_001)),
        nested("\t", 100_000),
        nested("# x\n", 200_000),
        nested("!", 100_000),
        nested("- &a\n", 100_000),
        nested("\"", 100_000),
        nested("a\n", 200_000),
        nested("%", 100_000),
        nested("---\n", 100_000),
        "x".repeat(limits::MAX_BYTES + 1),
    ] {
        let started = std::time::Instant::now();
        assert!(parse(&text, Format::Yaml).is_err());
        assert!(parse(&text, Format::Json).is_err());
        assert!(started.elapsed().as_secs() < 10, "{:?}: {:?}", started.elapsed(), text.get(..10));
    }
    let mut deep = "{attribute: plan.name, eq: x}".to_owned();
    for _ in 0..15 {
        deep = format!("{{not: {deep}}}");
    }
    yaml(&flow_with(&deep, PAUSE));
    assert_eq!(codes(&flow_with(&format!("{{not: {deep}}}"), PAUSE))[0].1, "too_deep");
}

#[test]
fn problems_have_an_end() {
    let many: String = (0..2_000).map(|n| format!("x{n}: 1\n")).collect();
    let found = problems(&format!("key: k\nrules: [{{otherwise: true, present: []}}]\n{many}"));
    assert_eq!(found.len(), limits::MAX_PROBLEMS + 1);
    assert_eq!(found.last().map(|problem| problem.code), Some("too_many_problems"));
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

/// A flow with these segments, and two tiers.
fn with_segments(segments: &str) -> String {
    format!(
        "key: k\ntiers: {{attribute: subscription.mrr, bands: [{{key: low, from: 0}}, {{key: high, from: 100}}]}}\nsegments:\n{segments}\nrules: [{{otherwise: true, present: []}}]\n"
    )
}

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
fn what_grows_too_deep_or_large_by_naming_is_refused() {
    let chain: Vec<String> = (1..70).map(|n| format!("  s{n}: {{not: {{segment: s{}}}}}", n - 1)).collect();
    let chain = format!("  s0: {{attribute: plan.amount, gt: 5}}\n{}", chain.join("\n"));
    assert!(
        codes(&with_segments(&chain)).iter().any(|(at, code)| at == "/segments/s64" && *code == "too_deep")
    );
    // Each doubles the one before: 2 to the power of 30 comparisons.
    let doubled: Vec<String> =
        (1..=30).map(|n| format!("  s{n}: {{any: [{{segment: s{0}}}, {{segment: s{0}}}]}}", n - 1)).collect();
    let doubled = format!("  s0: {{attribute: plan.amount, gt: 5}}\n{}", doubled.join("\n"));
    assert_eq!(codes(&with_segments(&doubled)), [("/segments".to_owned(), "too_large")]);
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

#[test]
fn attributes_that_mean_something_here_keep_their_type() {
    let flow =
        "key: k\nattributes: {customer.do_not_contact: text}\nrules: [{otherwise: true, present: []}]\n";
    assert_eq!(codes(flow), [("/attributes/customer.do_not_contact".to_owned(), "conflicting_types")]);
}
