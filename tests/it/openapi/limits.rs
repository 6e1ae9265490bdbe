use serde_json::{Map, json};

use super::*;

/// What a request is refused with when a single value is beyond its limits.
const LIMIT_CODES: [&str; 7] = [
    "out_of_range",
    "invalid_value",
    "invalid_type",
    "unknown_value",
    "too_many",
    "invalid_name",
    "invalid_text",
];

/// A value just within a stated limit or just beyond it, and where a refusal must point.
struct Probe {
    value: Value,
    pointer: String,
    within: bool,
}

fn resolve<'a>(document: &'a Value, schema: &'a Value) -> &'a Value {
    if let Some(reference) = schema["$ref"].as_str() {
        return resolve(document, document.pointer(reference.trim_start_matches('#')).unwrap());
    }
    // An optional value: the schema, or null.
    let choices = schema["oneOf"].as_array().filter(|all| all.iter().any(|one| one["type"] == "null"));
    match choices {
        Some(choices) => resolve(document, choices.iter().find(|one| one["type"] != "null").unwrap()),
        None => schema,
    }
}

/// The longest text of a pattern that is a plain sequence of characters and classes with bounds, and one too long.
fn longest(pattern: &str) -> (String, String) {
    let (mut text, mut rest) = (String::new(), pattern.trim_start_matches('^').trim_end_matches('$'));
    let mut last = 'a';
    while let Some(first) = rest.chars().next() {
        rest = &rest[1..];
        let mut times = 1;
        last = first;
        if first == '[' {
            let (class, after) = rest.split_once(']').unwrap();
            last = class.chars().next().unwrap();
            rest = after;
        } else if first == '\\' {
            last = rest.chars().next().unwrap();
            rest = &rest[1..];
        }
        if let Some((bounds, after)) = rest.strip_prefix('{').and_then(|rest| rest.split_once('}')) {
            times = bounds.split(',').next_back().unwrap().parse().unwrap();
            rest = after;
        }
        text.extend(std::iter::repeat_n(last, times));
    }
    let beyond = format!("{text}{last}");
    (text, beyond)
}

fn size(value: &Value) -> Option<usize> {
    value.as_u64().and_then(|number| usize::try_from(number).ok())
}

fn probes(document: &Value, schema: &Value, pointer: &str) -> Vec<Probe> {
    let schema = resolve(document, schema);
    let mut found = Vec::new();
    let mut add = |within, value: Value, below: &str| {
        found.push(Probe { value, pointer: format!("{pointer}{below}"), within });
    };
    let bound = |name: &str| size(&schema[name]);
    if let Some(most) = bound("maxLength") {
        // Characters, not bytes.
        add(true, json!("é".repeat(most)), "");
        add(false, json!("é".repeat(most + 1)), "");
    }
    if let Some(least) = bound("minLength") {
        add(true, json!("e".repeat(least)), "");
        add(false, json!("e".repeat(least - 1)), "");
    }
    if let Some(pattern) = schema["pattern"].as_str() {
        let (text, beyond) = longest(pattern);
        add(true, json!(text), "");
        add(false, json!(beyond), "");
        add(false, json!("in\u{e9}ligible \u{1}"), "");
    }
    for word in schema["enum"].as_array().into_iter().flatten() {
        add(true, word.clone(), "");
        add(false, json!("unheard_of"), "");
    }
    if let Some(most) = schema["maximum"].as_i64() {
        add(true, json!(most), "");
        add(false, json!(most + 1), "");
    }
    if let Some(least) = schema["minimum"].as_i64() {
        add(true, json!(least), "");
        add(false, json!(least - 1), "");
    }
    if let Some(most) = bound("maxProperties") {
        let dotted =
            schema.pointer("/propertyNames/pattern").is_some_and(|p| p.as_str().unwrap().contains("\\."));
        let name = |number| if dotted { format!("plan.a{number}") } else { format!("a{number}") };
        let flags = schema.pointer("/additionalProperties/type").is_some_and(|kind| kind == "boolean");
        let entry = |number: usize| if flags { json!(true) } else { json!(number) };
        let many = |count: usize| (0..count).map(|n| (name(n), entry(n))).collect::<Map<_, _>>();
        add(true, Value::Object(many(most)), "");
        add(false, Value::Object(many(most + 1)), "");
        if let Some(pattern) = schema.pointer("/propertyNames/pattern") {
            let (text, beyond) = longest(pattern.as_str().unwrap());
            add(true, json!({ text: entry(1) }), "");
            add(false, json!({ &beyond: entry(1) }), &format!("/{beyond}"));
        }
        let values = schema.pointer("/additionalProperties/oneOf").and_then(Value::as_array);
        for value in values.into_iter().flatten() {
            if let Some(most) = size(&value["maxItems"]) {
                let list = |count: usize| json!({ name(0): vec!["x"; count] });
                add(true, list(most), "");
                add(false, list(most + 1), &format!("/{}", name(0)));
            }
            for inner in probes(document, value, "") {
                add(inner.within, json!({ name(0): inner.value }), &format!("/{}", name(0)));
            }
        }
    }
    found
}

/// Checks the answer to a request with this probe in it.
fn check(answer: &crate::support::app::Answer, probe: &Probe, place: &str) {
    let errors = answer.body["errors"].as_array();
    let about = errors.into_iter().flatten().find(|error| {
        let pointer = error["pointer"].as_str().unwrap();
        let limit = LIMIT_CODES.contains(&error["code"].as_str().unwrap());
        pointer.starts_with(&probe.pointer) && (limit || !probe.within)
    });
    let what: String = probe.value.to_string().chars().take(80).collect();
    assert_ne!(answer.status, 401, "{place}");
    assert!(answer.status.as_u16() < 500, "{place} {}: {what}: {}", probe.pointer, answer.text);
    assert_eq!(about.is_none(), probe.within, "{place} {}: {what}: {}", probe.pointer, answer.text);
    assert!(probe.within || matches!(answer.status.as_u16(), 400 | 422), "{place}: {}", answer.text);
}

async fn credentials(test: &TestApp, operation: &Operation) -> String {
    match operation.scheme("apiKey") {
        Some(_) => test.key(Role::Admin).await,
        None => test.token(&test.subscriber()),
    }
}

#[tokio::test]
async fn limits_of_bodies_are_those_stated() {
    let test = TestApp::start(sqlite()).await;
    let document = document();
    let mut tried = 0;
    for operation in operations(&document) {
        let schema = operation.description.pointer("/requestBody/content/application~1json/schema");
        let (Some(schema), Some(example)) = (schema, operation.example()) else { continue };
        let schema = resolve(&document, schema);
        // A flow's limits are tested where it is parsed, and Stripe's event is Stripe's.
        if PUBLIC.contains(&operation.path.as_str()) || schema["properties"].get("rules").is_some() {
            continue;
        }
        assert_eq!(schema["additionalProperties"], false, "{}", operation.name());
        let credentials = credentials(&test, &operation).await;
        for (name, property) in schema["properties"].as_object().into_iter().flatten() {
            for probe in probes(&document, property, &format!("/{name}")) {
                let mut body = example.clone();
                body[name] = probe.value.clone();
                let answer =
                    test.send(operation.method.clone(), &operation.path, &credentials, Some(body), &[]).await;
                check(&answer, &probe, &operation.name());
                tried += 1;
            }
        }
    }
    assert!(tried > 60, "{tried}");
    test.finish().await;
}

#[tokio::test]
async fn limits_of_queries_and_headers_are_those_stated() {
    let key = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/it/http_shell/keys/ed25519.pem");
    let with_key = [("COUNTEROFFER_EVIDENCE__SIGNING_KEY_FILE", key)];
    let test = TestApp::start_with(sqlite(), &with_key).await;
    let document = document();
    let mut tried = 0;
    for operation in operations(&document) {
        let parameters = operation.description["parameters"].as_array().cloned().unwrap_or_default();
        let names_one = parameters.iter().any(|parameter| parameter["in"] == "path");
        for parameter in parameters {
            let name = parameter["name"].as_str().unwrap();
            let place = parameter["in"].as_str().unwrap();
            if place == "path" || PUBLIC.contains(&operation.path.as_str()) {
                continue;
            }
            let credentials = credentials(&test, &operation).await;
            for probe in probes(&document, &parameter["schema"], &format!("/{name}")) {
                let text = probe.value.as_str().map_or_else(|| probe.value.to_string(), str::to_owned);
                tried += 1;
                if place == "header" {
                    if text.contains('\u{1}') {
                        continue;
                    }
                    let headers = [(name, text.as_str())];
                    let method = operation.method.clone();
                    let answer =
                        test.send(method, &operation.path, &credentials, operation.example(), &headers).await;
                    let refused = answer.body["code"] == "invalid_idempotency_key";
                    assert_eq!(refused, !probe.within, "{} {text}: {}", operation.name(), answer.text);
                    continue;
                }
                let query = form_urlencoded::Serializer::new(String::new()).append_pair(name, &text).finish();
                let answer = test.get(&format!("{}?{query}", operation.path), &credentials).await;
                check(&answer, &probe, &operation.name());
                // Where the path names one thing, a good query may mean that there is none of that name.
                let answered = answer.status == 200 || (names_one && answer.status == 404);
                assert!(!probe.within || answered, "{}: {}", operation.name(), answer.text);
            }
        }
    }
    assert!(tried > 60, "{tried}");
    test.finish().await;
}
