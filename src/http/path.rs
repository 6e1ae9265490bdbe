//! Path parameters, parsed into their types. A text that is no id of the wanted kind names nothing: 404.

use std::future::{Ready, ready};
use std::str::FromStr;

use actix_web::dev::Payload;
use actix_web::{FromRequest, HttpRequest};
use percent_encoding::percent_decode_str;

use super::problem::Problem;

/// The path's only parameter.
#[derive(Clone, Debug)]
pub(crate) struct Segment<T>(pub T);

/// The path's two parameters.
#[derive(Clone, Debug)]
pub(crate) struct Segments<A, B>(pub A, pub B);

impl<T: FromStr> FromRequest for Segment<T> {
    type Error = Problem;
    type Future = Ready<Result<Self, Problem>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        ready(nth(request, 0).map(Self))
    }
}

impl<A: FromStr, B: FromStr> FromRequest for Segments<A, B> {
    type Error = Problem;
    type Future = Ready<Result<Self, Problem>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        ready(nth(request, 0).and_then(|a| Ok(Self(a, nth(request, 1)?))))
    }
}

fn nth<T: FromStr>(request: &HttpRequest, index: usize) -> Result<T, Problem> {
    let raw = request.match_info().iter().nth(index).map(|(_, value)| value);
    let text = raw.and_then(|value| percent_decode_str(value).decode_utf8().ok());
    text.and_then(|text| text.parse().ok()).ok_or_else(|| Problem::not_found("resource"))
}
