//! The JSON body of a request, typed and checked.

use std::future::{Ready, ready};

use actix_web::dev::Payload;
use actix_web::http::{StatusCode, header};
use actix_web::{FromRequest, HttpMessage, HttpRequest};
use serde::de::DeserializeOwned;
use serde_json::Value;
use validator::Validate;

use crate::services::error::FieldError;

use super::edge::buffer::BodyBytes;
use super::fields;
use super::problem::Problem;

/// A JSON body. `T` refuses unknown fields (`#[serde(deny_unknown_fields)]`) and checks its limits ([`Validate`]).
#[derive(Clone, Debug)]
pub struct Body<T>(pub T);

/// A JSON body that may be left out; then it is the default.
#[derive(Clone, Debug)]
pub struct OptionalBody<T>(pub T);

impl<T: DeserializeOwned + Validate> FromRequest for Body<T> {
    type Error = Problem;
    type Future = Ready<Result<Self, Problem>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        ready(media_type(request).and_then(|()| parse(&bytes(request))).map(Self))
    }
}

impl<T: DeserializeOwned + Validate + Default> FromRequest for OptionalBody<T> {
    type Error = Problem;
    type Future = Ready<Result<Self, Problem>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        let bytes = bytes(request);
        if bytes.0.is_empty() {
            return ready(Ok(Self(T::default())));
        }
        ready(media_type(request).and_then(|()| parse(&bytes)).map(Self))
    }
}

fn bytes(request: &HttpRequest) -> BodyBytes {
    request.extensions().get::<BodyBytes>().cloned().unwrap_or_default()
}

fn media_type(request: &HttpRequest) -> Result<(), Problem> {
    let value = request.headers().get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok());
    let essence = value.and_then(|value| value.split(';').next()).unwrap_or_default().trim();
    if essence.eq_ignore_ascii_case("application/json") {
        return Ok(());
    }
    let detail = "Send the body as `Content-Type: application/json`.";
    Err(Problem::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, "unsupported_media_type", detail))
}

fn parse<T: DeserializeOwned + Validate>(bytes: &BodyBytes) -> Result<T, Problem> {
    let mut deserializer = serde_json::Deserializer::from_slice(&bytes.0);
    let value: T = serde_path_to_error::deserialize(&mut deserializer).map_err(|error| {
        let pointer = fields::pointer(error.path());
        json_problem(pointer, error.inner())
    })?;
    deserializer.end().map_err(|error| json_problem(String::new(), &error))?;
    refuse_nul(&bytes.0)?;
    value.validate().map_err(|errors| Problem::invalid(fields::of_validation(&errors)))?;
    Ok(value)
}

fn json_problem(pointer: String, error: &serde_json::Error) -> Problem {
    if error.is_data() {
        return Problem::invalid(vec![fields::of_serde(pointer, &error.to_string())]);
    }
    let detail = format!("The body is not JSON: {error}.");
    Problem::new(StatusCode::BAD_REQUEST, "invalid_json", detail)
}

/// Refuses texts that hold U+0000, which PostgreSQL cannot keep. JSON writes it as an escape, so that bodies without
/// one need no second look.
fn refuse_nul(bytes: &[u8]) -> Result<(), Problem> {
    if !bytes.windows(6).any(|window| window == b"\\u0000") {
        return Ok(());
    }
    let value: Value = serde_json::from_slice(bytes).map_err(|error| json_problem(String::new(), &error))?;
    let mut errors = Vec::new();
    find_nul(&value, &mut String::new(), &mut errors);
    if errors.is_empty() { Ok(()) } else { Err(Problem::invalid(errors)) }
}

fn find_nul(value: &Value, pointer: &mut String, errors: &mut Vec<FieldError>) {
    let nul = |pointer: &str| {
        fields::error(pointer.to_owned(), "invalid_text", "must not hold the character U+0000")
    };
    match value {
        Value::String(text) if text.contains('\0') => errors.push(nul(pointer)),
        Value::Array(items) => {
            for (index, item) in items.iter().enumerate() {
                within(pointer, &index.to_string(), |pointer| find_nul(item, pointer, errors));
            }
        }
        Value::Object(members) => {
            for (name, member) in members {
                if name.contains('\0') {
                    errors.push(nul(pointer));
                    return;
                }
                within(pointer, name, |pointer| find_nul(member, pointer, errors));
            }
        }
        _ => {}
    }
}

fn within(pointer: &mut String, name: &str, look: impl FnOnce(&mut String)) {
    let length = pointer.len();
    fields::push(pointer, name);
    look(pointer);
    pointer.truncate(length);
}
