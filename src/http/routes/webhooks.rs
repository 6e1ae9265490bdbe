//! Where Stripe tells what happened.

use actix_web::web::Data;
use actix_web::{HttpMessage, HttpRequest, HttpResponse, post};
use serde::Serialize;
use utoipa::ToSchema;

use crate::billing::webhook;
use crate::http::Shell;
use crate::http::edge::buffer::BodyBytes;
use crate::http::problem::Problem;
use crate::services::App;
use crate::services::webhook::take_in;

/// That an event has arrived.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Received {
    /// Always true.
    received: bool,
}

/// Take in an event from Stripe.
///
/// The signature proves the sender. An event that came before, or that tells nothing of interest, is answered 200.
#[utoipa::path(
    tag = "stripe", operation_id = "stripeWebhook",
    request_body(content = Object, description = "Stripe's event, exactly as it was signed"),
    params(("Stripe-Signature" = String, Header, description = "Stripe's signature: `t=…,v1=…`")),
    responses((status = 200, description = "Taken in", body = Received)),
    security(()),
)]
#[post("/v1/stripe/webhooks")]
pub(crate) async fn stripe(
    app: Data<App>,
    shell: Data<Shell>,
    request: HttpRequest,
) -> Result<HttpResponse, Problem> {
    let body = request.extensions().get::<BodyBytes>().cloned().unwrap_or_default();
    let signature =
        request.headers().get("Stripe-Signature").and_then(|value| value.to_str().ok()).unwrap_or("");
    let event = webhook::verify(&shell.config.stripe.webhook_secrets, signature, &body.0, app.clock.now())
        .map_err(|_| {
            Problem::new(actix_web::http::StatusCode::BAD_REQUEST, "invalid_signature", SIGNATURE)
        })?;
    take_in(&app, &event).await?;
    Ok(HttpResponse::Ok().json(Received { received: true }))
}

const SIGNATURE: &str =
    "The event is not signed with this endpoint's secret, or was signed more than five minutes ago.";
