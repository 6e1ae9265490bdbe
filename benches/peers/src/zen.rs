//! zen-engine: one decision table that collects, compiled.

use std::collections::BTreeMap;
use std::hint::black_box;

use serde_json::{Map, Value as Json, json};
use zen_engine::model::DecisionContent;
use zen_engine::{Decision, DecisionEngine};
use zen_expression::Variable;

use crate::{Figure, Task, median, sign};

/// A row of the table: per attribute its comparisons joined.
fn row(key: &str, parts: &[(&str, &str, &Json)]) -> Json {
    let mut cells: BTreeMap<&str, Vec<String>> = BTreeMap::new();
    for (attribute, operator, constant) in parts {
        cells.entry(attribute).or_default().push(format!("$ {} {constant}", sign(operator)));
    }
    let mut row = Map::new();
    row.insert("_id".into(), json!(key));
    row.extend(
        cells.into_iter().map(|(attribute, tests)| (attribute.to_owned(), json!(tests.join(" and ")))),
    );
    row.insert("segment".into(), json!(format!("\"{key}\"")));
    Json::Object(row)
}

fn decision(task: &Task) -> Decision {
    let attributes: Vec<&String> = task.customers[0].keys().collect();
    let inputs: Vec<Json> =
        attributes.iter().map(|name| json!({"id": name, "name": name, "field": name})).collect();
    let rules: Vec<Json> = task.segments().map(|(key, parts)| row(key, &parts)).collect();
    let content = json!({
        "nodes": [
            {"id": "in", "name": "in", "type": "inputNode"},
            {"id": "table", "name": "table", "type": "decisionTableNode", "content": {
                "hitPolicy": "collect", "inputs": inputs, "rules": rules,
                "outputs": [{"id": "segment", "name": "segment", "field": "segment"}],
            }},
            {"id": "out", "name": "out", "type": "outputNode"},
        ],
        "edges": [
            {"id": "e1", "type": "edge", "sourceId": "in", "targetId": "table"},
            {"id": "e2", "type": "edge", "sourceId": "table", "targetId": "out"},
        ],
    });
    let content: DecisionContent = serde_json::from_value(content).unwrap();
    let mut decision = DecisionEngine::default().create_decision(content.into()).unwrap();
    decision.compile();
    decision
}

pub(crate) fn measure(task: &Task) -> Figure {
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let decision = decision(task);
    let matches = |known: Variable| -> usize {
        let found = runtime.block_on(decision.evaluate(known)).unwrap().result;
        found.as_array().map_or(0, |found| found.borrow().len())
    };
    let ready: Vec<Variable> =
        task.customers.iter().map(|known| Json::Object(known.clone()).into()).collect();
    let bytes = task.bytes();
    let count = ready.len();
    Figure {
        name: "zen-engine, decision table",
        ready: Some(median(count, || {
            for known in &ready {
                black_box(matches(known.clone()));
            }
        })),
        bytes: Some(median(count, || {
            for bytes in &bytes {
                black_box(matches(serde_json::from_slice(bytes).unwrap()));
            }
        })),
        matches: ready.iter().map(|known| matches(known.clone())).sum(),
    }
}
