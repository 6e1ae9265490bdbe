//! A stored object, or the checked parameters of a call: a JSON map read and written by field name.
use serde_json::{Map, Value, json};

/// A value as JSON text. (`Display` says the same, piece by piece.)
pub(super) fn text_of(value: &Value) -> String {
    // A value that is there has a text.
    serde_json::to_string(value).unwrap_or_default()
}

/// A JSON map with typed access. A field that is absent, null or of another type reads as nothing. Fields whose name
/// starts with `_` are the sandbox's own notes and never leave it.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Record(pub(super) Map<String, Value>);

impl Record {
    /// Takes the map out of a JSON object; anything else makes an empty record.
    pub(super) fn of(value: Value) -> Self {
        match value {
            Value::Object(map) => Self(map),
            _ => Self::default(),
        }
    }

    /// The record as callers may see it: without the sandbox's own notes.
    pub(super) fn public(&self) -> Value {
        let mut shown = Map::with_capacity(self.0.len());
        shown.extend(self.0.iter().filter(|(k, _)| !k.starts_with('_')).map(|(k, v)| (k.clone(), v.clone())));
        Value::Object(shown)
    }

    /// True when the field was given, even as null (which is how an unset parameter arrives).
    pub(super) fn has(&self, field: &str) -> bool {
        self.0.contains_key(field)
    }

    /// True when the field is there and not null.
    pub(super) fn is_set(&self, field: &str) -> bool {
        self.0.get(field).is_some_and(|v| !v.is_null())
    }

    /// True when the field was given as null: the caller asked to unset it.
    pub(super) fn is_cleared(&self, field: &str) -> bool {
        self.0.get(field).is_some_and(Value::is_null)
    }

    pub(super) fn value(&self, field: &str) -> Value {
        self.0.get(field).cloned().unwrap_or(Value::Null)
    }

    pub(super) fn text(&self, field: &str) -> Option<&str> {
        self.0.get(field).and_then(Value::as_str)
    }

    /// The text, or an empty one.
    pub(super) fn text_or_empty(&self, field: &str) -> String {
        self.text(field).unwrap_or_default().to_owned()
    }

    pub(super) fn int(&self, field: &str) -> Option<i64> {
        self.0.get(field).and_then(Value::as_i64)
    }

    pub(super) fn flag(&self, field: &str) -> bool {
        self.0.get(field).and_then(Value::as_bool).unwrap_or(false)
    }

    /// The texts of a list field.
    pub(super) fn texts(&self, field: &str) -> Vec<String> {
        self.list(field).iter().filter_map(Value::as_str).map(str::to_owned).collect()
    }

    /// The elements of a list field.
    pub(super) fn list(&self, field: &str) -> &[Value] {
        self.0.get(field).and_then(Value::as_array).map_or(&[], Vec::as_slice)
    }

    /// The elements of a list of objects.
    pub(super) fn records(&self, field: &str) -> Vec<Record> {
        self.list(field).iter().cloned().map(Record::of).collect()
    }

    /// A nested object; empty when there is none.
    pub(super) fn inner(&self, field: &str) -> Record {
        Record::of(self.value(field))
    }

    pub(super) fn set(&mut self, field: &str, value: impl Into<Value>) {
        self.0.insert(field.to_owned(), value.into());
    }

    /// Appends to a list of texts.
    pub(super) fn push(&mut self, field: &str, text: &str) {
        let mut texts = self.texts(field);
        texts.push(text.to_owned());
        self.set(field, texts);
    }

    /// Removes one text from a list of texts.
    pub(super) fn remove_from(&mut self, field: &str, text: &str) {
        let texts: Vec<String> = self.texts(field).into_iter().filter(|t| t != text).collect();
        self.set(field, texts);
    }

    /// Copies each named parameter that was given.
    pub(super) fn take_given(&mut self, params: &Record, fields: &[&str]) {
        for field in fields {
            if params.has(field) {
                self.set(field, params.value(field));
            }
        }
    }

    /// Merges `metadata` as Stripe does: an empty value removes its key, unsetting the whole removes all.
    pub(super) fn merge_metadata(&mut self, params: &Record) {
        let mut metadata = if params.is_cleared("metadata") { Map::new() } else { self.inner("metadata").0 };
        for (key, value) in params.inner("metadata").0 {
            if value.is_null() || value == json!("") {
                metadata.remove(&key);
            } else {
                metadata.insert(key, value);
            }
        }
        self.set("metadata", metadata);
    }
}
