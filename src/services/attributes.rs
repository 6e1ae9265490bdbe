//! Attributes as the app sends them, plain JSON, read into typed values.

use std::collections::BTreeMap;

use rust_decimal::Decimal;
use serde_json::{Map, Value as Json};
use utoipa::openapi::RefOr;
use utoipa::openapi::schema::{ArrayBuilder, ObjectBuilder, OneOfBuilder, Schema, Type};

use crate::domain::facts::Value;

use super::error::FieldError;

/// The most attributes one customer may have.
pub const MAX_ATTRIBUTES: usize = 100;
/// The longest name of an attribute, in bytes.
pub const MAX_NAME: usize = 64;
/// The longest text in an attribute, in characters.
pub const MAX_TEXT: usize = 1024;
/// The most texts in a list.
pub const MAX_LIST: usize = 100;

/// Reads attributes. A text stays a text: whether it is an instant is for the flow to declare.
///
/// # Errors
/// Names every attribute that is not text, number, boolean or a list of texts, or is too long; pointers start at
/// `prefix`.
pub fn parse(
    attributes: &Map<String, Json>,
    prefix: &str,
) -> Result<BTreeMap<String, Value>, Vec<FieldError>> {
    let mut values = BTreeMap::new();
    let mut problems = Vec::new();
    if attributes.len() > MAX_ATTRIBUTES {
        problems.push(problem(prefix, "too_many", format!("give at most {MAX_ATTRIBUTES} attributes")));
        return Err(problems);
    }
    for (name, json) in attributes {
        let pointer = format!("{prefix}/{}", name.replace('~', "~0").replace('/', "~1"));
        if !is_name(name) {
            let rule = format!("a name is 1 to {MAX_NAME} letters, digits or `_`, and starts with a letter");
            problems.push(problem(&pointer, "invalid_name", rule));
            continue;
        }
        match value(json) {
            Ok(value) => {
                values.insert(name.clone(), value);
            }
            Err(detail) => problems.push(problem(&pointer, "invalid_value", detail)),
        }
    }
    if problems.is_empty() { Ok(values) } else { Err(problems) }
}

/// Reads facts as [`parse`] does, under full names such as `plan.interval`.
///
/// # Errors
/// As [`parse`].
pub fn parse_qualified(
    facts: &Map<String, Json>,
    prefix: &str,
) -> Result<BTreeMap<String, Value>, Vec<FieldError>> {
    let mut values = BTreeMap::new();
    let mut problems = Vec::new();
    for (name, json) in facts.iter().take(MAX_ATTRIBUTES) {
        let pointer = format!("{prefix}/{}", name.replace('~', "~0").replace('/', "~1"));
        let (group, rest) = name.split_once('.').unwrap_or_default();
        match value(json) {
            _ if !is_name(group) || !is_name(rest) => {
                problems.push(problem(&pointer, "invalid_name", "name an attribute such as `plan.interval`"));
            }
            Ok(value) => {
                values.insert(name.clone(), value);
            }
            Err(detail) => problems.push(problem(&pointer, "invalid_value", detail)),
        }
    }
    if facts.len() > MAX_ATTRIBUTES {
        problems.push(problem(prefix, "too_many", format!("give at most {MAX_ATTRIBUTES} facts")));
    }
    if problems.is_empty() { Ok(values) } else { Err(problems) }
}

/// The schema of what [`parse`] takes.
pub(crate) fn schema() -> RefOr<Schema> {
    object("^[A-Za-z][A-Za-z0-9_]{0,63}$", "Attributes by name.")
}

/// The schema of what [`parse_qualified`] takes.
pub(crate) fn qualified_schema() -> RefOr<Schema> {
    let pattern = "^[A-Za-z][A-Za-z0-9_]{0,63}\\.[A-Za-z][A-Za-z0-9_]{0,63}$";
    object(pattern, "Facts by attribute; what is left out is taken from the subscription and the customer.")
}

fn object(names: &str, doc: &str) -> RefOr<Schema> {
    let text = || ObjectBuilder::new().schema_type(Type::String).max_length(Some(MAX_TEXT));
    let value = OneOfBuilder::new()
        .item(text())
        .item(ObjectBuilder::new().schema_type(Type::Number))
        .item(ObjectBuilder::new().schema_type(Type::Boolean))
        .item(ArrayBuilder::new().items(text()).max_items(Some(MAX_LIST)));
    let mut object = ObjectBuilder::new()
        .property_names(Some(ObjectBuilder::new().schema_type(Type::String).pattern(Some(names))))
        .additional_properties(Some(Schema::from(value)))
        .description(Some(doc))
        .build();
    object.max_properties = Some(MAX_ATTRIBUTES);
    object.into()
}

fn is_name(name: &str) -> bool {
    name.len() <= MAX_NAME
        && name.starts_with(|c: char| c.is_ascii_alphabetic())
        && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
}

fn value(json: &Json) -> Result<Value, String> {
    match json {
        Json::Bool(boolean) => Ok(Value::Boolean(*boolean)),
        Json::String(text) => bounded(text).map(Value::Text),
        Json::Number(number) => {
            let text = number.to_string();
            let exact = text.parse::<Decimal>().or_else(|_| Decimal::from_scientific(&text));
            exact
                .map(Value::Number)
                .map_err(|_| "is a number beyond 28 digits; give a smaller one".to_owned())
        }
        Json::Array(items) if items.len() > MAX_LIST => Err(format!("give at most {MAX_LIST} texts")),
        Json::Array(items) => {
            let texts = items.iter().map(|item| match item {
                Json::String(text) => bounded(text),
                _ => Err("a list holds texts only".to_owned()),
            });
            texts.collect::<Result<_, _>>().map(Value::TextList)
        }
        Json::Null | Json::Object(_) => {
            Err("give a text, a number, true, false or a list of texts".to_owned())
        }
    }
}

fn bounded(text: &str) -> Result<String, String> {
    if text.len() > MAX_TEXT && text.chars().count() > MAX_TEXT {
        return Err(format!("give at most {MAX_TEXT} characters of text"));
    }
    if text.contains('\0') {
        return Err("must not hold the character U+0000".to_owned());
    }
    Ok(text.to_owned())
}

fn problem(pointer: &str, code: &str, detail: impl Into<String>) -> FieldError {
    FieldError {
        pointer: pointer.to_owned(),
        code: code.to_owned(),
        detail: detail.into(),
        line: None,
        column: None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn plain_json_becomes_typed_values() {
        let given =
            json!({"industry": "travel", "seats": 12, "share": 0.25, "vip": true, "tags": ["a", "b"]});
        let values = parse(given.as_object().unwrap(), "/attributes").unwrap();
        assert_eq!(values["industry"], Value::Text("travel".into()));
        assert_eq!(values["seats"], Value::Number(12.into()));
        assert_eq!(values["share"], Value::Number("0.25".parse().unwrap()));
        assert_eq!(values["vip"], Value::Boolean(true));
        assert_eq!(values["tags"], Value::TextList(vec!["a".into(), "b".into()]));
    }

    #[test]
    fn every_bad_attribute_is_named() {
        let given = json!({"a": null, "b": {}, "c": [1], "d/e": 1, "": 1, "f": "\u{0}", "g": 1e300, "ok": 1});
        let problems = parse(given.as_object().unwrap(), "/attributes").unwrap_err();
        let pointers: Vec<_> = problems.iter().map(|problem| problem.pointer.as_str()).collect();
        let wanted = [
            "/attributes/a",
            "/attributes/b",
            "/attributes/c",
            "/attributes/d~1e",
            "/attributes/",
            "/attributes/f",
            "/attributes/g",
        ];
        assert_eq!(pointers, wanted);
    }
}
