//! JSONLogic by datalogic-rs: one compiled rule a segment, its arena reset for each customer.

use std::hint::black_box;

use datalogic_rs::datavalue::OwnedDataValue;
use datalogic_rs::{Engine, Logic, Session};
use serde_json::{Value as Json, json};

use crate::{Figure, Task, median, sign};

fn matches(rules: &[Logic], session: &mut Session<'_>, known: &OwnedDataValue) -> usize {
    session.reset();
    rules.iter().filter(|rule| session.eval(rule, known).unwrap().as_bool() == Some(true)).count()
}

pub(crate) fn measure(task: &Task) -> Figure {
    let engine = Engine::new();
    let rules: Vec<Logic> = task
        .segments()
        .map(|(_, parts)| {
            let tests: Vec<Json> = parts
                .iter()
                .map(|(name, operator, constant)| json!({sign(operator): [{"var": name}, constant]}))
                .collect();
            engine.compile(json!({"and": tests}).to_string().as_str()).unwrap()
        })
        .collect();
    let texts: Vec<String> =
        task.customers.iter().map(|known| Json::Object(known.clone()).to_string()).collect();
    let ready: Vec<OwnedDataValue> = texts.iter().map(|text| text.parse().unwrap()).collect();
    let count = ready.len();
    let mut session = engine.session();
    Figure {
        name: "datalogic-rs (JSONLogic)",
        ready: Some(median(count, || {
            for known in &ready {
                black_box(matches(&rules, &mut session, known));
            }
        })),
        bytes: Some(median(count, || {
            for text in &texts {
                black_box(matches(&rules, &mut session, &text.parse().unwrap()));
            }
        })),
        matches: ready.iter().map(|known| matches(&rules, &mut session, known)).sum(),
    }
}
