//! Documents that are made to be trouble: no plain YAML, too deep, too large, with problems without end.

use super::*;

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
