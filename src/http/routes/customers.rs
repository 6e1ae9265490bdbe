//! What the app pushes about its customers.

use std::collections::BTreeMap;

use actix_web::web::Data;
use actix_web::{HttpResponse, delete, get, put};
use jiff::Timestamp;
use rust_decimal::prelude::ToPrimitive;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value as Json, json};
use utoipa::ToSchema;
use validator::Validate;

use crate::domain::facts::Value;
use crate::domain::ids::{CustomerId, StripeCustomerId};
use crate::http::auth::permission::{ServerOrAnalyst, ServerOrOperator};
use crate::http::body::Body;
use crate::http::path::Segment;
use crate::http::problem::Problem;
use crate::services::error::ServiceError;
use crate::services::{App, attributes, customers};
use crate::store::CustomerProfile;

/// A customer's profile, as a whole: what is left out is forgotten.
#[derive(Debug, Deserialize, ToSchema, Validate)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({
    "stripe_customer": "cus_Q1w2E3r4T5y6", "attributes": {"industry": "travel", "seats": 12, "tags": ["early"]}
}))]
pub(crate) struct CustomerBody {
    /// The Stripe customer; a customer token reaches only this customer's subscriptions.
    #[serde(default)]
    stripe_customer: Option<StripeCustomerId>,
    /// At most 100 attributes: text, number, boolean or list of texts. A flow reads `industry` as `customer.industry`.
    #[serde(default)]
    #[schema(schema_with = attributes::schema)]
    attributes: Map<String, Json>,
}

/// A customer's profile.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Customer)]
pub(crate) struct CustomerView {
    /// The app's id.
    id: CustomerId,
    /// The Stripe customer.
    stripe_customer: Option<StripeCustomerId>,
    /// The attributes.
    #[schema(schema_with = attributes::schema)]
    attributes: BTreeMap<String, Json>,
    /// When it was written.
    updated_at: Timestamp,
}

impl From<CustomerProfile> for CustomerView {
    fn from(profile: CustomerProfile) -> Self {
        Self {
            id: profile.id,
            stripe_customer: profile.stripe_customer,
            attributes: profile.attributes.into_iter().map(|(name, value)| (name, plain(value))).collect(),
            updated_at: profile.updated_at,
        }
    }
}

/// A value as the app wrote it.
fn plain(value: Value) -> Json {
    match value {
        Value::Text(text) => json!(text),
        Value::Boolean(boolean) => json!(boolean),
        Value::Instant(instant) => json!(instant),
        Value::TextList(texts) => json!(texts),
        Value::Number(number) => match (number.is_integer(), number.to_i64()) {
            (true, Some(whole)) => json!(whole),
            _ => json!(number.to_f64()),
        },
    }
}

/// Write a customer's profile.
#[utoipa::path(
    tag = "customers", operation_id = "putCustomer",
    request_body = CustomerBody,
    params(("id" = CustomerId, Path, description = "The app's customer id")),
    responses((status = 200, description = "The profile", body = CustomerView)),
    security(("apiKey" = ["server", "operator", "admin"])),
)]
#[put("/v1/customers/{id}")]
pub(crate) async fn put(
    _caller: ServerOrOperator,
    app: Data<App>,
    id: Segment<CustomerId>,
    body: Body<CustomerBody>,
) -> Result<HttpResponse, Problem> {
    let attributes = attributes::parse(&body.0.attributes, "/attributes").map_err(ServiceError::Invalid)?;
    let profile = customers::put(&app, id.0, body.0.stripe_customer, attributes).await?;
    Ok(HttpResponse::Ok().json(CustomerView::from(profile)))
}

/// Read a customer's profile.
#[utoipa::path(
    tag = "customers", operation_id = "getCustomer",
    params(("id" = CustomerId, Path, description = "The app's customer id")),
    responses((status = 200, description = "The profile", body = CustomerView)),
    security(("apiKey" = ["server", "analyst", "operator", "admin"])),
)]
#[get("/v1/customers/{id}")]
pub(crate) async fn get(
    _caller: ServerOrAnalyst,
    app: Data<App>,
    id: Segment<CustomerId>,
) -> Result<HttpResponse, Problem> {
    Ok(HttpResponse::Ok().json(CustomerView::from(customers::get(&app, &id.0).await?)))
}

/// Erase a customer.
///
/// The profile goes, and in the customer's sessions everything that tells who it was; figures stay. Erasing twice is
/// the same as once.
#[utoipa::path(
    tag = "customers", operation_id = "eraseCustomer",
    params(("id" = CustomerId, Path, description = "The app's customer id")),
    responses((status = 204, description = "Erased")),
    security(("apiKey" = ["server", "operator", "admin"])),
)]
#[delete("/v1/customers/{id}")]
pub(crate) async fn delete(
    _caller: ServerOrOperator,
    app: Data<App>,
    id: Segment<CustomerId>,
) -> Result<HttpResponse, Problem> {
    customers::erase(&app, &id.0).await?;
    Ok(HttpResponse::NoContent().finish())
}
