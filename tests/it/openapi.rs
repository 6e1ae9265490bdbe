//! The OpenAPI document: that it is one, and that what it states of callers and limits is what is enforced. Driven from
//! the document, so that a new operation is covered as soon as it is described.

mod callers;
mod limits;

use counteroffer::services::keys::Role;
use reqwest::Method;
use serde_json::Value;

use crate::support::app::TestApp;
use crate::support::database::sqlite;

const CHECKED_IN: &str = include_str!("../../openapi/openapi.json");

/// What anybody may call; everything else must name who may.
const PUBLIC: [&str; 7] = [
    "/v1/stripe/webhooks",
    "/v1/flow-schema.json",
    "/v1/evidence/jwks.json",
    "/healthz",
    "/readyz",
    "/metrics",
    "/openapi.json",
];

const ROLES: [(&str, Role); 4] = [
    ("server", Role::Server),
    ("analyst", Role::Analyst),
    ("operator", Role::Operator),
    ("admin", Role::Admin),
];

/// One operation of the document.
struct Operation {
    method: Method,
    /// The path with an id that reads well in place of each parameter.
    path: String,
    description: Value,
}

/// The document.
fn document() -> Value {
    serde_json::from_str(CHECKED_IN).unwrap()
}

/// Every operation of the document.
fn operations(document: &Value) -> Vec<Operation> {
    let mut found = Vec::new();
    for (path, item) in document["paths"].as_object().unwrap() {
        for (method, description) in item.as_object().unwrap() {
            let id = match path {
                path if path.contains("billing-operations") => "bop_",
                path if path.contains("/drift/") => "drf_",
                path if path.contains("/asks/") => "ask_",
                path if path.contains("/backtests/") => "bkt_",
                _ => "ses_",
            };
            let id = if path.contains("/customers/") { "user-17".to_owned() } else { own_id(id) };
            let path = path
                .replace("{id}", &id)
                .replace("{offer}", &own_id("off_"))
                .replace("{key}", "default")
                .replace("{tag}", "csv-export");
            let method = method.to_uppercase().parse().unwrap();
            found.push(Operation { method, path, description: description.clone() });
        }
    }
    found
}

fn own_id(prefix: &str) -> String {
    format!("{prefix}01JAF5XT9Z4M2K7Q8W3E6R5T1Y")
}

impl Operation {
    /// What a security scheme asks of a caller: the roles; none where the operation does not take the scheme.
    fn scheme(&self, name: &str) -> Option<Vec<&str>> {
        let requirements = self.description["security"].as_array().unwrap();
        let roles = requirements.iter().find_map(|requirement| requirement.get(name))?;
        Some(roles.as_array().unwrap().iter().map(|role| role.as_str().unwrap()).collect())
    }

    /// The example of the JSON body.
    fn example(&self) -> Option<Value> {
        self.description.pointer("/requestBody/content/application~1json/example").cloned()
    }

    fn name(&self) -> String {
        format!("{} {}", self.method, self.path)
    }
}

#[tokio::test]
async fn the_document_served_printed_and_checked_in_is_one() {
    let test = TestApp::start(sqlite()).await;
    let advice = "run `cargo run -- openapi > openapi/openapi.json`";
    assert!(test.get("/openapi.json", "").await.expect(200).text == CHECKED_IN, "{advice}");
    let printed =
        std::process::Command::new(env!("CARGO_BIN_EXE_counteroffer")).arg("openapi").output().unwrap();
    assert!(String::from_utf8(printed.stdout).unwrap() == CHECKED_IN, "{advice}");
    test.finish().await;
}

#[tokio::test]
async fn the_schema_of_flows_is_served_to_anybody() {
    let test = TestApp::start(sqlite()).await;
    let served = test.get("/v1/flow-schema.json", "").await.expect(200);
    assert_eq!(served.body, counteroffer::domain::flow::json_schema());
    assert_eq!(served.headers["content-type"], "application/schema+json");
    test.finish().await;
}

#[test]
fn every_operation_has_a_name_an_answer_examples_and_the_shells_refusals() {
    let document = document();
    let mut names = std::collections::HashSet::new();
    for operation in operations(&document) {
        let (description, name) = (&operation.description, operation.name());
        assert!(names.insert(description["operationId"].as_str().unwrap().to_owned()), "{name}");
        assert!(description["summary"].is_string() && description["tags"].is_array(), "{name}");
        let bodies = description.pointer("/requestBody/content").and_then(Value::as_object);
        for (media_type, content) in bodies.into_iter().flatten() {
            assert!(content.get("example").is_some(), "{name}: no example of {media_type}");
        }
        let responses = description["responses"].as_object().unwrap();
        for (status, response) in responses {
            assert!(response.pointer("/headers/X-Request-Id").is_some(), "{name} {status}");
            for (media_type, content) in response["content"].as_object().into_iter().flatten() {
                let example = content.get("example").is_some();
                let problem = content["schema"]["$ref"] == "#/components/schemas/Problem";
                assert!(example || problem || status == "503", "{name} {status}: no example of {media_type}");
            }
        }
        let secured = operation.scheme("apiKey").or_else(|| operation.scheme("customerToken")).is_some();
        for status in ["401", "403"] {
            assert_eq!(responses.contains_key(status), secured, "{name} {status}");
        }
        for status in ["413", "500", "503"] {
            assert!(responses.contains_key(status), "{name} {status}");
        }
    }
}
