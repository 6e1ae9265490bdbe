//! One example for every body and answer.

use serde_json::{Map, Value};
use utoipa::openapi::{Content, OpenApi, RefOr};

/// By operation id: `request` and `answer`, and the same as `request_text` and `answer_text` for other media types.
const EXAMPLES: &str = include_str!("examples.json");

/// The media types that hold JSON.
const JSON: [&str; 3] = ["application/json", "application/schema+json", "application/jwk-set+json"];

/// Adds the examples to the document.
pub(super) fn add(document: &mut OpenApi) {
    // The file is part of the program, and a test reads every example of the document.
    let examples: Map<String, Value> = serde_json::from_str(EXAMPLES).unwrap_or_default();
    for item in document.paths.paths.values_mut() {
        let operations = [&mut item.get, &mut item.post, &mut item.put, &mut item.delete];
        for operation in operations.into_iter().flatten() {
            let of = operation.operation_id.as_ref().and_then(|id| examples.get(id));
            let Some(of) = of else { continue };
            if let Some(RefOr::T(body)) = &mut operation.request_body {
                set(&mut body.content, of, "request");
            }
            for (status, response) in &mut operation.responses.responses {
                if let (true, RefOr::T(response)) = (status.starts_with('2'), response) {
                    set(&mut response.content, of, "answer");
                }
            }
        }
    }
}

fn set<'a>(
    contents: impl IntoIterator<Item = (&'a String, &'a mut RefOr<Content>)>,
    examples: &Value,
    name: &str,
) {
    for (media_type, content) in contents {
        let RefOr::T(content) = content else { continue };
        let text = !JSON.contains(&media_type.as_str());
        let example = if text { examples.get(format!("{name}_text")) } else { examples.get(name) };
        content.example = example.cloned();
    }
}
