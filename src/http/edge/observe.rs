//! Gives each request its id and span, and writes one log line and one measurement when it is done.
//!
//! The line names the route's pattern, never the path, the query or a header, so that it holds no personal data.

use std::time::Duration;

use actix_web::Error;
use actix_web::body::MessageBody;
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::http::StatusCode;
use actix_web::middleware::Next;
use actix_web::web::Data;
use tracing::Instrument;

use crate::http::Shell;

use super::request_id::{HEADER, REQUEST_ID, RequestId};

/// Identifies, times and logs.
pub async fn observe(
    shell: Data<Shell>,
    request: ServiceRequest,
    next: Next<impl MessageBody>,
) -> Result<ServiceResponse<impl MessageBody>, Error> {
    let id = RequestId::of(request.headers(), shell.clock.now());
    let method = request.method().clone();
    let span = tracing::info_span!("request", request_id = id.as_str(), %method);
    let started = tokio::time::Instant::now();
    let in_flight = shell.metrics.http.enter();
    let mut result = REQUEST_ID.scope(id.clone(), next.call(request)).instrument(span.clone()).await;
    drop(in_flight);

    let (status, route) = match &mut result {
        Ok(response) => {
            response.headers_mut().insert(HEADER, id.header());
            (response.status(), response.request().match_pattern())
        }
        Err(error) => (error.as_response_error().status_code(), None),
    };
    let route = route.unwrap_or_else(|| "unmatched".to_owned());
    let took = started.elapsed();
    shell.metrics.http.observe(&method, &route, status, took);
    span.in_scope(|| log(&route, status, took));
    result
}

fn log(route: &str, status: StatusCode, took: Duration) {
    let micros = u64::try_from(took.as_micros()).unwrap_or(u64::MAX);
    tracing::info!(route, status = status.as_u16(), duration_us = micros, "answered");
}
