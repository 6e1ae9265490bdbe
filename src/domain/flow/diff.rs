//! What changed between two versions of a flow.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value as Json};
use utoipa::ToSchema;

use super::document::FlowDocument;

/// One change.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[schema(as = FlowChange)]
pub struct Change {
    /// JSON pointer to what changed, in the canonical document.
    pub pointer: String,
    /// What happened to it.
    pub kind: ChangeKind,
    /// What it was; absent for what is new.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub old: Option<Json>,
    /// What it is; absent for what is gone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub new: Option<Json>,
}

/// What happened to a part of a document.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
#[schema(as = FlowChangeKind)]
pub enum ChangeKind {
    /// It is new.
    Added,
    /// It is gone.
    Removed,
    /// It has another value.
    Changed,
}

/// What changed from `old` to `new`, in the order of the document. Maps are compared key by key; lists element by
/// element, those of different length behind their common part as added or removed.
#[must_use]
pub fn diff(old: &FlowDocument, new: &FlowDocument) -> Vec<Change> {
    let mut changes = Vec::new();
    // Both are made of maps with text keys and serialise without fail.
    if let (Ok(old), Ok(new)) = (serde_json::to_value(old), serde_json::to_value(new)) {
        compare(String::new(), Some(&old), Some(&new), &mut changes);
    }
    changes
}

/// As deep as documents are nested, which parsing bounds.
fn compare(pointer: String, old: Option<&Json>, new: Option<&Json>, changes: &mut Vec<Change>) {
    match (old, new) {
        (Some(old), Some(new)) if old == new => {}
        (Some(Json::Object(old)), Some(Json::Object(new))) => objects(&pointer, old, new, changes),
        (Some(Json::Array(old)), Some(Json::Array(new))) => {
            for index in 0..old.len().max(new.len()) {
                compare(format!("{pointer}/{index}"), old.get(index), new.get(index), changes);
            }
        }
        (old, new) => {
            let kind = match (old, new) {
                (None, _) => ChangeKind::Added,
                (_, None) => ChangeKind::Removed,
                _ => ChangeKind::Changed,
            };
            changes.push(Change { pointer, kind, old: old.cloned(), new: new.cloned() });
        }
    }
}

fn objects(pointer: &str, old: &Map<String, Json>, new: &Map<String, Json>, changes: &mut Vec<Change>) {
    let mut seen = BTreeSet::new();
    for key in old.keys().chain(new.keys()).filter(|key| seen.insert(key.as_str())) {
        let inner = format!("{pointer}/{}", key.replace('~', "~0").replace('/', "~1"));
        compare(inner, old.get(key), new.get(key), changes);
    }
}
