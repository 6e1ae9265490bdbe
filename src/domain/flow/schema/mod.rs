//! The JSON Schema of a flow document, for editors and for the API's description.
//!
//! Here live the schemas that no derive can say: of the document, its offers, rules, segments and caps, and of its maps
//! by key. Their bounds are those that parsing enforces; what only parsing knows (references, types of attributes,
//! variables) it leaves to parsing, and nothing here reads a document.

mod caps;
mod document;
pub(super) mod maps;
mod offers;
pub(super) mod parts;
mod rules;
mod segments;

use serde_json::{Map, Value as Json, json};
use utoipa::openapi::RefOr;
use utoipa::openapi::schema::Schema;
use utoipa::{PartialSchema, ToSchema};

use super::document::FlowDocument;
pub(super) use maps::{Arms, CooldownDays, DeclinedCooldownDays, DepthSegments, LocalizedText};

/// The JSON Schema (2020-12) of a flow document, as one document of its own.
#[must_use]
pub fn json_schema() -> Json {
    let mut found = Vec::new();
    FlowDocument::schemas(&mut found);
    let plain = |schema: &RefOr<Schema>| own_references(serde_json::to_value(schema).unwrap_or_default());
    let definitions: Map<String, Json> =
        found.iter().map(|(name, schema)| (name.clone(), plain(schema))).collect();
    let mut root = plain(&FlowDocument::schema());
    if let Some(root) = root.as_object_mut() {
        root.insert("$schema".into(), json!("https://json-schema.org/draft/2020-12/schema"));
        root.insert("title".into(), json!("Counteroffer flow document"));
        root.insert("$defs".into(), Json::Object(definitions));
    }
    root
}

/// References of the API's description turned into those of a document of its own.
fn own_references(schema: Json) -> Json {
    match schema {
        Json::String(text) => match text.strip_prefix("#/components/schemas/") {
            Some(name) => Json::String(format!("#/$defs/{name}")),
            None => Json::String(text),
        },
        Json::Array(items) => Json::Array(items.into_iter().map(own_references).collect()),
        Json::Object(members) => {
            Json::Object(members.into_iter().map(|(name, value)| (name, own_references(value))).collect())
        }
        other => other,
    }
}
