//! Whole documents, good and spoilt: nothing makes reading them panic, what is good compiles, and the published schema,
//! as an independent validator reads it, agrees.

use std::sync::LazyLock;

use proptest::prelude::*;
use proptest::strategy::ValueTree;
use proptest::test_runner::TestRunner;
use serde_json::{Value as Json, json};

use super::*;
use crate::domain::flow::arbitrary::{EXAMPLES, as_json, documents};

/// The published schema, compiled by a validator that knows nothing of flows.
struct Schema(boon::Schemas, boon::SchemaIndex);

static SCHEMA: LazyLock<Schema> = LazyLock::new(|| {
    let mut compiler = boon::Compiler::new();
    compiler.add_resource("https://example.com/flow-schema.json", json_schema()).unwrap();
    let mut schemas = boon::Schemas::new();
    let index = compiler.compile("https://example.com/flow-schema.json", &mut schemas).unwrap();
    Schema(schemas, index)
});

/// What the schema has against a document, in words; nothing where it is good.
fn against(document: &Json) -> Option<String> {
    SCHEMA.0.validate(document, SCHEMA.1).err().map(|error| error.to_string())
}

/// A member that is null counts as left out; editors are told to leave it out.
fn without_nulls(value: Json) -> Json {
    match value {
        Json::Object(members) => {
            let left = members.into_iter().filter(|(_, value)| !value.is_null());
            left.map(|(name, value)| (name, without_nulls(value))).collect::<serde_json::Map<_, _>>().into()
        }
        Json::Array(items) => items.into_iter().map(without_nulls).collect(),
        other => other,
    }
}

#[test]
fn the_examples_satisfy_the_schema() {
    for text in EXAMPLES {
        let document = as_json(text);
        assert_eq!(against(&document), None, "{text}");
        assert!(parse(text, Format::Yaml).is_ok(), "{text}");
        // What is kept and served is good as well.
        let canonical = yaml(text).to_json().unwrap();
        assert_eq!(against(&serde_json::from_str(&canonical).unwrap()), None, "{canonical}");
    }
}

#[test]
fn what_is_plainly_wrong_the_schema_refuses() {
    let spoilt: [(&str, Json); 19] = [
        ("/key", json!("Not A Key")),
        ("/key", json!(7)),
        ("/reasons/0/stripe_feedback", json!("bored")),
        ("/reasons/0/label", json!({})),
        ("/reasons/0/label", json!({"English": "Price"})),
        ("/attributes/customer.seats", json!("integer")),
        ("/tiers/bands", json!([])),
        ("/segments/big/tags", json!(["not a key"])),
        ("/segments/some", json!({"any": [{"attribute": "plan.amount", "like": 5}]})),
        ("/offers/half/type", json!("rebate")),
        ("/offers/half/terms", json!({"percent_off": 50, "duration": "repeating", "duration_in_months": 0})),
        ("/offers/half/expires_after", json!({"interval": "fortnight", "count": 1})),
        ("/offers/rest/terms", json!({"choices": []})),
        ("/rules", json!([])),
        ("/rules/0", json!({"present": ["half"]})),
        ("/policy/max_offers", json!(0)),
        ("/policy/budgets/0/currency", json!("dollars")),
        ("/policy/jurisdictions/default", json!("atlantis")),
        ("/policy/jurisdictions/places", json!({"California": "california"})),
    ];
    let good = as_json(EXAMPLES[3]);
    for (place, with) in spoilt {
        let mut document = good.clone();
        *document.pointer_mut(place).unwrap() = with.clone();
        assert!(against(&document).is_some(), "{place}: {with}");
        assert!(parse(&document.to_string(), Format::Json).is_err(), "{place}: {with}");
    }
    for (member, with) in [("rule", json!([])), ("policy", json!({"max_offer": 1}))] {
        let mut document = good.clone();
        document[member] = with;
        assert!(against(&document).is_some(), "{member}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn no_document_makes_it_panic_and_what_is_good_compiles_and_satisfies_the_schema(document in documents()) {
        let text = document.to_string();
        // JSON is YAML, but for what YAML has bounds of its own for.
        let _ = parse(&text, Format::Yaml);
        let parsed = match parse(&text, Format::Json) {
            Ok(parsed) => parsed,
            Err(problems) => {
                prop_assert!(!problems.is_empty() && problems.len() <= limits::MAX_PROBLEMS + 1);
                return Ok(());
            }
        };
        prop_assert_eq!(against(&without_nulls(document)), None);
        let reviewed = review(&text, Format::Json).unwrap();
        prop_assert_eq!(&reviewed.document, &parsed);
        let canonical = parsed.to_json().unwrap();
        let again = parse_stored(&canonical, Format::Json);
        prop_assert_eq!(again.as_ref(), Ok(&parsed));
        prop_assert_eq!(diff(&parsed, &parsed), []);
        let _ = in_words(&yaml(EXAMPLES[0]), &parsed);
        let compiled = CompiledFlow::compile(parsed.clone());
        prop_assert_eq!(compiled.document(), &parsed);
    }
}

#[test]
fn a_good_part_of_the_random_documents_is_good() {
    let mut runner = TestRunner::deterministic();
    let mut draw = || documents().new_tree(&mut runner).unwrap().current();
    let good = (0..400).filter(|_| parse(&draw().to_string(), Format::Json).is_ok()).count();
    assert!((60..340).contains(&good), "{good} of 400 are good: the property above says little");
}
