//! The app's own attributes, held against the types that the flow declares.

use std::collections::BTreeMap;

use tracing::warn;

use super::error::{FieldError, ServiceError};
use crate::domain::attribute::{fixed_type, qualified, type_word};
use crate::domain::facts::{AttributeType, Value};
use crate::domain::flow::FlowDocument;

/// The type that an attribute must have; none where the flow does not declare it.
fn declared(flow: &FlowDocument, name: &str) -> Option<AttributeType> {
    let name = qualified(name);
    fixed_type(&name).or_else(|| flow.attributes.get(name.as_str()).copied())
}

/// Refuses values of another type than declared.
///
/// # Errors
/// Names each of them with the declared type; pointers start at `prefix`.
pub(super) fn check(
    flow: &FlowDocument,
    attributes: &BTreeMap<String, Value>,
    prefix: &str,
) -> Result<(), ServiceError> {
    let wrong = attributes.iter().filter_map(|(name, value)| {
        let declared = declared(flow, name).filter(|declared| !value.fits(*declared))?;
        Some(FieldError {
            pointer: format!("{prefix}/{name}"),
            code: "wrong_type".to_owned(),
            detail: format!(
                "`{}` is declared as {}; {}",
                qualified(name),
                type_word(declared),
                remedy(declared)
            ),
            line: None,
            column: None,
        })
    });
    let problems: Vec<_> = wrong.collect();
    if problems.is_empty() { Ok(()) } else { Err(ServiceError::Invalid(problems)) }
}

fn remedy(declared: AttributeType) -> &'static str {
    match declared {
        AttributeType::Text => "send a text",
        AttributeType::Number => "send a number",
        AttributeType::Boolean => "send true or false",
        AttributeType::Instant => "send an instant such as `2027-03-01T12:00:00Z`",
        AttributeType::TextList => "send a list of texts",
    }
}

/// A token's attributes without those of another type than declared. The subscriber cannot mend the token, so the
/// session goes on as if they were not there.
pub(super) fn fitting(flow: &FlowDocument, mut token: BTreeMap<String, Value>) -> BTreeMap<String, Value> {
    token.retain(|name, value| {
        let declared = declared(flow, name).filter(|declared| !value.fits(*declared));
        if let Some(declared) = declared {
            let declared = type_word(declared);
            warn!(
                attribute = name,
                declared, "an attribute in a customer token is of another type; it is left out"
            );
        }
        declared.is_none()
    });
    token
}
