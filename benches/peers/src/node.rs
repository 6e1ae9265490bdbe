//! json-rules-engine on Node.js, which measures itself.

use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};

use serde_json::{Value as Json, json};

use crate::{Figure, Task};

fn word(operator: &str) -> &'static str {
    match operator {
        "gte" => "greaterThanInclusive",
        "lte" => "lessThanInclusive",
        "gt" => "greaterThan",
        "lt" => "lessThan",
        _ => "notEqual",
    }
}

/// Nothing, with a word about it, where the package is not installed.
pub(crate) fn measure(task: &Task) -> Option<Figure> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR"));
    if !folder.join("node_modules/json-rules-engine").exists() {
        eprintln!("json-rules-engine is left out: npm install --prefix benches/peers");
        return None;
    }
    let rules: Vec<Json> = task
        .segments()
        .map(|(key, parts)| {
            let tests: Vec<Json> = parts
                .iter()
                .map(|(name, operator, constant)| json!({"fact": name, "operator": word(operator), "value": constant}))
                .collect();
            json!({"conditions": {"all": tests}, "event": {"type": key}})
        })
        .collect();
    let mut node = Command::new("node")
        .arg(folder.join("json-rules-engine.mjs"))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .ok()?;
    let input = json!({"rules": rules, "customers": task.customers}).to_string();
    node.stdin.take()?.write_all(input.as_bytes()).ok()?;
    let said: Json = serde_json::from_slice(&node.wait_with_output().ok()?.stdout).ok()?;
    Some(Figure {
        name: "json-rules-engine (Node.js)",
        ready: said["ready"].as_f64(),
        bytes: said["bytes"].as_f64(),
        matches: usize::try_from(said["matches"].as_u64()?).ok()?,
    })
}
