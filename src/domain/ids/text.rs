//! Identifiers as text: how a wrong one is refused, and how they are described.

use std::borrow::Cow;

use utoipa::openapi::RefOr;
use utoipa::openapi::schema::{ObjectBuilder, Schema, Type};

/// The longest id accepted from Stripe or the app, in bytes; Stripe promises at most 255.
pub const MAX_EXTERNAL_ID: usize = 255;

/// A text that is not an identifier of the wanted kind.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("not a {name} id: expected {expected}")]
pub struct InvalidId {
    pub(super) name: &'static str,
    pub(super) expected: Cow<'static, str>,
}

/// The name of an id's schema: `billing operation` becomes `BillingOperationId`.
pub(super) fn component(name: &str) -> Cow<'static, str> {
    let words = name.split(' ').map(|word| {
        let (first, rest) = word.split_at_checked(1).unwrap_or_default();
        first.to_ascii_uppercase() + rest
    });
    Cow::Owned(words.chain(["Id".to_owned()]).collect())
}

/// The schema of a text of this pattern.
pub(super) fn text_schema(pattern: String) -> RefOr<Schema> {
    ObjectBuilder::new().schema_type(Type::String).pattern(Some(pattern)).into()
}
