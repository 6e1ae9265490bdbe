//! CEL: one compiled program a segment.

use std::hint::black_box;
use std::sync::Arc;

use cel::{Context, Env, Program, Value};
use serde_json::{Map, Value as Json};

use crate::{Figure, Task, median, sign};

fn context<'a>(known: &Map<String, Json>, env: &Arc<Env>) -> Context<'a, 'a> {
    let mut context = Context::with_env(Arc::clone(env));
    for (name, value) in known {
        match value {
            Json::String(text) => context.add_variable_from_value(name.clone(), text.clone()),
            number => context.add_variable_from_value(name.clone(), number.as_i64().unwrap()),
        }
    }
    context
}

pub(crate) fn measure(task: &Task) -> Figure {
    let env = Arc::new(Env::stdlib());
    let programs: Vec<Program> = task
        .segments()
        .map(|(_, parts)| {
            let tests: Vec<String> = parts
                .iter()
                .map(|(name, operator, constant)| format!("{name} {} {constant}", sign(operator)))
                .collect();
            env.compile(&tests.join(" && ")).unwrap()
        })
        .collect();
    let matches = |context: &Context<'_, '_>| {
        programs.iter().filter(|program| program.execute(context).unwrap() == Value::Bool(true)).count()
    };
    let ready: Vec<Context<'_, '_>> = task.customers.iter().map(|known| context(known, &env)).collect();
    let bytes = task.bytes();
    let count = ready.len();
    Figure {
        name: "cel",
        ready: Some(median(count, || {
            for known in &ready {
                black_box(matches(known));
            }
        })),
        bytes: Some(median(count, || {
            for bytes in &bytes {
                let known: Map<String, Json> = serde_json::from_slice(bytes).unwrap();
                black_box(matches(&context(&known, &env)));
            }
        })),
        matches: ready.iter().map(matches).sum(),
    }
}
