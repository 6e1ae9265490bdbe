//! The query of a request, typed and checked.

use std::collections::HashSet;
use std::future::{Ready, ready};

use actix_web::dev::Payload;
use actix_web::{FromRequest, HttpRequest};
use serde::de::DeserializeOwned;
use validator::Validate;

use super::fields;
use super::problem::Problem;

/// Query parameters. `T` refuses unknown ones (`#[serde(deny_unknown_fields)]`) and checks its limits ([`Validate`]);
/// a parameter given twice is refused. Pointers in errors are `/` and the parameter's name.
#[derive(Clone, Debug)]
pub struct Query<T>(pub T);

impl<T: DeserializeOwned + Validate> FromRequest for Query<T> {
    type Error = Problem;
    type Future = Ready<Result<Self, Problem>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        ready(parse(request.query_string()).map(Self))
    }
}

fn parse<T: DeserializeOwned + Validate>(text: &str) -> Result<T, Problem> {
    let mut seen = HashSet::new();
    for (name, value) in form_urlencoded::parse(text.as_bytes()) {
        let mut pointer = String::new();
        fields::push(&mut pointer, &name);
        if name.contains('\0') || value.contains('\0') {
            return Err(Problem::invalid_field(
                pointer,
                "invalid_text",
                "must not hold the character U+0000",
            ));
        }
        if !seen.insert(name) {
            return Err(Problem::invalid_field(
                pointer,
                "duplicate_field",
                "is given more than once; give it once",
            ));
        }
    }
    let deserializer = serde_urlencoded::Deserializer::new(form_urlencoded::parse(text.as_bytes()));
    let value: T = serde_path_to_error::deserialize(deserializer).map_err(|error| {
        let pointer = fields::pointer(error.path());
        Problem::invalid(vec![fields::of_serde(pointer, &error.inner().to_string())])
    })?;
    value.validate().map_err(|errors| Problem::invalid(fields::of_validation(&errors)))?;
    Ok(value)
}
