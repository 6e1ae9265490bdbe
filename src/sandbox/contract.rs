//! What was asked of the sandbox, as shapes: method, path, parameter names, words of a fixed choice. With a folder in
//! the environment variable `SANDBOX_CONTRACT_DIR`, every accepted call leaves its shape there, so that a checker can
//! compare it with Stripe's own library. No value that a caller made up is kept.
use super::params::{Field, Kind};
use super::record::Record;
use super::routes::{ROUTES, Route};
use serde::Serialize;
use serde_json::{Map, Value};
use std::collections::HashSet;
use std::fs::{File, OpenOptions};
use std::io::Write;
use std::path::Path;
use std::sync::{Mutex, OnceLock, PoisonError};

/// One parameter of one call, or the call itself when it has none.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(super) struct Shape {
    method: &'static str,
    /// With `{}` for each variable.
    path: &'static str,
    /// Such as `items[][price]`.
    param: Option<String>,
    /// `boolean`, `integer`, `number`, `text`, `metadata`, `word`, or `unset`.
    kind: &'static str,
    /// The word, when there is a fixed choice.
    value: Option<String>,
}

/// Gathers the shapes of a call.
struct Shapes {
    method: &'static str,
    path: &'static str,
    found: Vec<Shape>,
}

impl Shapes {
    fn of(route: &Route) -> Self {
        Self { method: route.method, path: route.path, found: Vec::new() }
    }

    fn push(&mut self, param: &str, kind: &'static str, value: Option<&str>) {
        let (method, path) = (self.method, self.path);
        let (param, value) = (Some(param.to_owned()), value.map(str::to_owned));
        self.found.push(Shape { method, path, param, kind, value });
    }

    /// The shapes of given parameters.
    fn given(&mut self, spec: &[Field], given: &Map<String, Value>, prefix: &str) {
        for (name, value) in given {
            if let Some(field) = spec.iter().find(|field| field.name == name) {
                self.value(field.kind, value, &join(prefix, name));
            }
        }
    }

    fn value(&mut self, kind: Kind, value: &Value, path: &str) {
        match (kind, value) {
            (_, Value::Null) => self.push(path, "unset", Some("")),
            (Kind::Object(spec), Value::Object(inner)) => self.given(spec, inner, path),
            (Kind::List(of), Value::Array(elements)) => {
                for element in elements {
                    self.value(*of, element, &format!("{path}[]"));
                }
            }
            (Kind::TimeRange, Value::Object(range)) => {
                for bound in range.keys() {
                    self.push(&join(path, bound), "integer", None);
                }
            }
            (Kind::Enum(_) | Kind::TimeOr(_) | Kind::CountOr(_), Value::String(word)) => {
                self.push(path, "word", Some(word));
            }
            _ => self.push(path, plain(kind), None),
        }
    }

    /// The shapes of everything that a call could be given.
    fn possible(&mut self, spec: &[Field], prefix: &str) {
        for field in spec {
            if field.clearable {
                self.push(&join(prefix, field.name), "unset", Some(""));
            }
            self.kind(field.kind, &join(prefix, field.name));
        }
    }

    fn kind(&mut self, kind: Kind, path: &str) {
        match kind {
            Kind::Object(spec) => self.possible(spec, path),
            Kind::List(of) => self.kind(*of, &format!("{path}[]")),
            Kind::Enum(words) => words.iter().for_each(|word| self.push(path, "word", Some(word))),
            Kind::TimeOr(words) | Kind::CountOr(words) => {
                self.push(path, "integer", None);
                words.iter().for_each(|word| self.push(path, "word", Some(word)));
            }
            _ => self.push(path, plain(kind), None),
        }
    }

    fn done(mut self) -> Vec<Shape> {
        if self.found.is_empty() {
            let (method, path) = (self.method, self.path);
            self.found.push(Shape { method, path, param: None, kind: "text", value: None });
        }
        self.found
    }
}

fn join(prefix: &str, name: &str) -> String {
    if prefix.is_empty() { name.to_owned() } else { format!("{prefix}[{name}]") }
}

fn plain(kind: Kind) -> &'static str {
    match kind {
        Kind::Boolean => "boolean",
        Kind::Integer(..) | Kind::Time | Kind::TimeOr(_) | Kind::CountOr(_) | Kind::TimeRange => "integer",
        Kind::Decimal => "number",
        Kind::Metadata => "metadata",
        Kind::Unmodelled => "any",
        _ => "text",
    }
}

/// The shapes of one call.
pub(super) fn of_call(route: &Route, params: &Record) -> Vec<Shape> {
    let mut shapes = Shapes::of(route);
    shapes.given(route.spec, &params.0, "");
    shapes.done()
}

/// The shapes of all that the sandbox takes or knows Stripe to take.
pub(super) fn of_everything() -> Vec<Shape> {
    let of_route = |route: &Route| {
        let mut shapes = Shapes::of(route);
        shapes.possible(route.spec, "");
        shapes.done()
    };
    ROUTES.iter().flat_map(of_route).collect()
}

/// A file of shapes, each written once.
struct Recorder {
    seen: HashSet<String>,
    file: File,
}

static RECORDER: OnceLock<Option<Mutex<Recorder>>> = OnceLock::new();

/// The recorder of this process, if the environment asks for one.
fn recorder() -> Option<&'static Mutex<Recorder>> {
    let start = || {
        let folder = std::env::var_os("SANDBOX_CONTRACT_DIR")?;
        let file = Path::new(&folder).join(format!("calls-{}.jsonl", std::process::id()));
        match OpenOptions::new().create(true).append(true).open(&file) {
            Ok(file) => Some(Mutex::new(Recorder { seen: HashSet::new(), file })),
            Err(error) => {
                tracing::error!(%error, file = %file.display(), "calls are not recorded");
                None
            }
        }
    };
    RECORDER.get_or_init(start).as_ref()
}

/// Leaves the shape of an accepted call, if somebody wants it.
pub(super) fn record(route: &Route, params: &Record) {
    let Some(recorder) = recorder() else {
        return;
    };
    let mut recorder = recorder.lock().unwrap_or_else(PoisonError::into_inner);
    for shape in of_call(route, params) {
        let line = serde_json::to_string(&shape).unwrap_or_default();
        if recorder.seen.insert(line.clone())
            && let Err(error) = writeln!(recorder.file, "{line}")
        {
            tracing::error!(%error, "a call is not recorded");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::{form, params, routes};
    use super::*;

    #[test]
    fn a_call_leaves_names_and_words_but_no_values() {
        let (route, _) = routes::route("POST", "/v1/subscriptions/sub_secret").unwrap();
        let body = "items[0][id]=si_secret&items[0][quantity]=3&metadata[who]=ada&proration_behavior=none\
                    &pause_collection=&cancel_at=min_period_end";
        let given = params::check(route.spec, &form::tree(&form::pairs(body.as_bytes())).unwrap()).unwrap();
        let shapes = of_call(route, &given);
        let told: Vec<String> = shapes
            .iter()
            .map(|s| format!("{} {} {:?}", s.param.as_deref().unwrap(), s.kind, s.value.as_deref()))
            .collect();
        assert_eq!(
            told,
            [
                "items[][id] text None",
                "items[][quantity] integer None",
                "metadata metadata None",
                "proration_behavior word Some(\"none\")",
                "pause_collection unset Some(\"\")",
                "cancel_at word Some(\"min_period_end\")",
            ]
        );
        assert_eq!(shapes[0].path, "/v1/subscriptions/{}");
        assert!(!serde_json::to_string(&shapes).unwrap().contains("secret"));
    }
}
