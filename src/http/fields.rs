//! Turns the errors of serde and validator into errors with JSON pointers.

use serde_path_to_error::{Path, Segment};
use validator::{ValidationErrors, ValidationErrorsKind};

use crate::services::error::FieldError;

/// An error about one field.
pub(super) fn error(pointer: String, code: &str, detail: impl Into<String>) -> FieldError {
    FieldError { pointer, code: code.to_owned(), detail: detail.into(), line: None, column: None }
}

/// Appends a name to a JSON pointer (RFC 6901).
pub(super) fn push(pointer: &mut String, name: &str) {
    pointer.push('/');
    pointer.push_str(&name.replace('~', "~0").replace('/', "~1"));
}

/// The path at which deserialising stopped.
pub(super) fn pointer(path: &Path) -> String {
    let mut pointer = String::new();
    for segment in path {
        match segment {
            Segment::Seq { index } => push(&mut pointer, &index.to_string()),
            Segment::Map { key } => push(&mut pointer, key),
            // Serde's own words, which are not in the document.
            Segment::Enum { .. } | Segment::Unknown => {}
        }
    }
    pointer
}

/// An error in serde's words: the code is read from them, and the position in the text is cut off.
pub(super) fn of_serde(mut pointer: String, message: &str) -> FieldError {
    let detail = message.split(" at line ").next().unwrap_or(message).to_owned();
    let code = [
        ("unknown field", "unknown_field"),
        ("missing field", "missing_field"),
        ("duplicate field", "duplicate_field"),
        ("unknown variant", "unknown_value"),
        ("invalid type", "invalid_type"),
    ]
    .into_iter()
    .find_map(|(start, code)| detail.starts_with(start).then_some(code))
    .unwrap_or("invalid_value");
    // Such a field was never entered, so the path ends above it.
    if matches!(code, "missing_field" | "duplicate_field")
        && let Some(name) = detail.split('`').nth(1)
    {
        push(&mut pointer, name);
    }
    error(pointer, code, detail)
}

/// Every limit that a body exceeds.
pub(super) fn of_validation(errors: &ValidationErrors) -> Vec<FieldError> {
    let mut found = Vec::new();
    walk(errors, "", &mut found);
    found.sort_by(|a, b| a.pointer.cmp(&b.pointer));
    found
}

fn walk(errors: &ValidationErrors, prefix: &str, found: &mut Vec<FieldError>) {
    for (name, kind) in errors.errors() {
        let mut pointer = prefix.to_owned();
        // Errors about the whole struct come under this name.
        if name != "__all__" {
            push(&mut pointer, name);
        }
        match kind {
            ValidationErrorsKind::Struct(inner) => walk(inner, &pointer, found),
            ValidationErrorsKind::List(items) => {
                for (index, inner) in items {
                    walk(inner, &format!("{pointer}/{index}"), found);
                }
            }
            ValidationErrorsKind::Field(problems) => {
                found.extend(
                    problems.iter().map(|problem| error(pointer.clone(), "out_of_range", describe(problem))),
                );
            }
        }
    }
}

fn describe(problem: &validator::ValidationError) -> String {
    if let Some(message) = &problem.message {
        return message.to_string();
    }
    let mut limits: Vec<_> = problem
        .params
        .iter()
        .filter(|(name, _)| *name != "value")
        .map(|(name, value)| format!("{name} {value}"))
        .collect();
    limits.sort();
    format!("is outside its limits ({}: {})", problem.code, limits.join(", "))
}
