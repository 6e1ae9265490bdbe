use hmac::{Hmac, KeyInit, Mac};
use proptest::prelude::*;
use proptest::strategy::ValueTree;
use proptest::test_runner::TestRunner;
use serde_json::json;
use sha2::Sha256;

use super::*;
use crate::support::app::{WEBHOOK_SECRET, on_every_database};

/// How many bodies each operation gets.
const BODIES: usize = 24;

/// Any JSON, with what breaks parsers and databases more often than chance would have it.
fn json_value() -> impl Strategy<Value = Value> {
    let text = prop_oneof![
        any::<String>().prop_map(Value::from),
        prop::sample::select(vec!["", "\0", "\u{feff}", "'; --", "../..", "{{ 7 * 7 }}", "sub_1", "ses_"])
            .prop_map(Value::from),
        Just(Value::from("x".repeat(5_000))),
    ];
    let number = prop_oneof![
        any::<i64>().prop_map(Value::from),
        any::<u64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        prop::sample::select(vec![-1_i64, 0, 1, 255, 256, 65_536, 2_147_483_648]).prop_map(Value::from),
    ];
    let leaf = prop_oneof![Just(Value::Null), any::<bool>().prop_map(Value::from), number, text];
    leaf.prop_recursive(5, 40, 8, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..8).prop_map(Value::from),
            prop::collection::hash_map(any::<String>(), inner, 0..8)
                .prop_map(|members| members.into_iter().collect::<serde_json::Map<_, _>>().into()),
        ]
    })
}

/// The example of an operation with some of its values, at any depth, replaced.
fn spoil(value: &mut Value, runner: &mut TestRunner) {
    let draw = |runner: &mut TestRunner| json_value().new_tree(runner).unwrap().current();
    let chance = |runner: &mut TestRunner| (0..10_u8).new_tree(runner).unwrap().current();
    if chance(runner) == 0 {
        *value = draw(runner);
        return;
    }
    match value {
        Value::Array(items) => items.iter_mut().for_each(|item| spoil(item, runner)),
        Value::Object(members) => members.values_mut().for_each(|member| spoil(member, runner)),
        leaf if chance(runner) < 4 => *leaf = draw(runner),
        _ => {}
    }
}

fn signature(body: &str, now: i64) -> String {
    let mut mac = Hmac::<Sha256>::new_from_slice(WEBHOOK_SECRET.as_bytes()).unwrap();
    mac.update(format!("{now}.{body}").as_bytes());
    format!("t={now},v1={}", hex::encode(mac.finalize().into_bytes()))
}

#[tokio::test]
async fn no_body_is_our_fault() {
    on_every_database(async |test| {
        let admin = test.key(Role::Admin).await;
        let document: Value = serde_json::from_str(include_str!("../../../openapi/openapi.json")).unwrap();
        let mut runner = TestRunner::deterministic();
        for (path, item) in document["paths"].as_object().unwrap() {
            for (method, operation) in item.as_object().unwrap() {
                let example = operation.pointer("/requestBody/content/application~1json/example");
                let Some(example) = example else { continue };
                let mut who = test.subscriber();
                let mut session = test.begin(&who, Some("too_expensive")).await.expect(201);
                for number in 0..BODIES {
                    // What has closed a session would shield it from the bodies that follow.
                    if path.contains("/sessions/") && number > 0 {
                        who = test.subscriber();
                        session = test.begin(&who, Some("too_expensive")).await.expect(201);
                    }
                    let mut body = example.clone();
                    if let Some(subscription) = body.pointer_mut("/subscription") {
                        *subscription = json!(who.subscription);
                    }
                    if number % 4 == 0 {
                        body = json_value().new_tree(&mut runner).unwrap().current();
                    } else {
                        spoil(&mut body, &mut runner);
                    }
                    let path = path
                        .replace(
                            "{id}",
                            if path.contains("/sessions/") { session.text_at("/id") } else { "x" },
                        )
                        .replace("{offer}", &session.offer("half-off"))
                        .replace("{key}", "default");
                    let customers = operation["security"][0].get("customerToken").is_some();
                    let credentials = if customers { test.token(&who) } else { admin.clone() };
                    let text = body.to_string();
                    let signed = signature(&text, test.clock.now().as_second());
                    let method = method.to_uppercase().parse().unwrap();
                    let headers = [("stripe-signature", signed.as_str())];
                    let answer =
                        raw(&test, method, &path, &credentials, "application/json", text.clone(), &headers)
                            .await;
                    assert!(answer.status.as_u16() < 500, "{path} {text}: {}", answer.text);
                    assert!(!matches!(answer.status.as_u16(), 401 | 403), "{path}: {}", answer.text);
                }
            }
        }
        test
    })
    .await;
}
