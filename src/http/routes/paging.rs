//! Pages of lists, as JSON and as CSV.

use actix_web::http::header;
use actix_web::{HttpRequest, HttpResponse};
use serde::{Deserialize, Deserializer, Serialize, de};
use utoipa::openapi::RefOr;
use utoipa::openapi::schema::{ObjectBuilder, Schema, Type};
use utoipa::{PartialSchema, ToSchema};

use crate::http::problem::Problem;
use crate::services::read::Page;

/// The longest page.
const MAX_LIMIT: u32 = 200;
/// The length of a page where none is given.
const DEFAULT_LIMIT: u32 = 50;

/// How many rows a page holds at most.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Limit(u32);

impl Limit {
    /// The number, 1 to 200.
    #[must_use]
    pub(crate) fn get(self) -> u32 {
        self.0
    }
}
impl Default for Limit {
    fn default() -> Self {
        Self(DEFAULT_LIMIT)
    }
}
impl<'de> Deserialize<'de> for Limit {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let limit = u32::deserialize(deserializer)?;
        if (1..=MAX_LIMIT).contains(&limit) {
            return Ok(Self(limit));
        }
        Err(de::Error::custom(format!("give a number from 1 to {MAX_LIMIT}")))
    }
}
impl PartialSchema for Limit {
    fn schema() -> RefOr<Schema> {
        ObjectBuilder::new()
            .schema_type(Type::Integer)
            .minimum(Some(1))
            .maximum(Some(MAX_LIMIT))
            .default(Some(DEFAULT_LIMIT.into()))
            .into()
    }
}
impl ToSchema for Limit {}

/// One page of a list.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct List<T> {
    /// The rows.
    pub(crate) data: Vec<T>,
    /// What to give as `cursor` for the next page; null on the last.
    #[schema(required = true)]
    pub(crate) next_cursor: Option<String>,
}

impl<T> From<Page<T>> for List<T> {
    fn from(page: Page<T>) -> Self {
        Self { data: page.data, next_cursor: page.next }
    }
}

/// Whether the caller prefers CSV.
pub(super) fn wants_csv(request: &HttpRequest) -> bool {
    let accept = request.headers().get(header::ACCEPT).and_then(|value| value.to_str().ok());
    accept.is_some_and(|accept| accept.split(',').any(|kind| kind.trim().starts_with("text/csv")))
}

/// A text that a spreadsheet will not take for a formula; the app chooses its customers' ids, and so may an attacker.
pub(super) fn spreadsheet_safe(text: &str) -> String {
    if text.starts_with(['=', '+', '-', '@', '\t', '\r']) { format!("'{text}") } else { text.to_owned() }
}

/// A page as CSV; a next page, if there is one, is named in a `Link` header (RFC 8288).
pub(super) fn csv<T: Serialize>(
    request: &HttpRequest,
    rows: impl Iterator<Item = T>,
    next: Option<String>,
) -> Result<HttpResponse, Problem> {
    let mut writer = csv::Writer::from_writer(Vec::new());
    for row in rows {
        writer.serialize(row).map_err(|error| Problem::internal(&error))?;
    }
    let text = writer.into_inner().map_err(|error| Problem::internal(&error))?;
    let mut response = HttpResponse::Ok();
    response.content_type("text/csv; charset=utf-8");
    if let Some(next) = next {
        let kept =
            form_urlencoded::parse(request.query_string().as_bytes()).filter(|(name, _)| name != "cursor");
        let query = form_urlencoded::Serializer::new(String::new())
            .extend_pairs(kept)
            .append_pair("cursor", &next)
            .finish();
        response.insert_header((header::LINK, format!("<{}?{query}>; rel=\"next\"", request.path())));
    }
    Ok(response.body(text))
}
