//! Reads the whole body before the handler, within a size and a time.
//!
//! Everything above it can then look at the bytes as often as it needs to: to hash them, to parse them, to verify a
//! signature over them.

use actix_web::Error;
use actix_web::HttpMessage;
use actix_web::body::MessageBody;
use actix_web::dev::{Payload, ServiceRequest, ServiceResponse};
use actix_web::http::{StatusCode, header};
use actix_web::middleware::Next;
use actix_web::web::{Bytes, BytesMut, Data};
use futures_util::StreamExt;

use crate::http::Shell;
use crate::http::problem::Problem;

/// The body of the request that runs.
#[derive(Clone, Debug, Default)]
pub struct BodyBytes(pub Bytes);

/// Puts [`BodyBytes`] into the request's extensions, or answers 408 or 413.
pub async fn buffer(
    shell: Data<Shell>,
    mut request: ServiceRequest,
    next: Next<impl MessageBody + 'static>,
) -> Result<ServiceResponse<impl MessageBody>, Error> {
    let server = &shell.config.server;
    let length =
        request.headers().get(header::CONTENT_LENGTH).and_then(|value| value.to_str().ok()?.parse().ok());
    let read = async {
        if length.is_some_and(|length: usize| length > server.body_limit_bytes) {
            return Err(too_large(server.body_limit_bytes));
        }
        read(request.take_payload(), server.body_limit_bytes).await
    };
    let outcome = tokio::time::timeout(server.body_timeout(), read).await.unwrap_or_else(|_| {
        let detail = "The body did not arrive in time; send the request again.";
        Err(Problem::new(StatusCode::REQUEST_TIMEOUT, "request_timeout", detail))
    });
    match outcome {
        Ok(bytes) => {
            request.extensions_mut().insert(BodyBytes(bytes.clone()));
            request.set_payload(Payload::from(bytes));
            next.call(request).await.map(ServiceResponse::map_into_left_body)
        }
        Err(problem) => Ok(request.error_response(problem).map_into_right_body()),
    }
}

async fn read(mut payload: Payload, limit: usize) -> Result<Bytes, Problem> {
    let mut bytes = BytesMut::new();
    while let Some(chunk) = payload.next().await {
        let chunk = chunk.map_err(|error| {
            tracing::debug!(%error, "body broke off");
            let detail = "The body broke off or is encoded wrongly; send the request again.";
            Problem::new(StatusCode::BAD_REQUEST, "incomplete_body", detail)
        })?;
        if bytes.len().saturating_add(chunk.len()) > limit {
            return Err(too_large(limit));
        }
        bytes.extend_from_slice(&chunk);
    }
    Ok(bytes.freeze())
}

fn too_large(limit: usize) -> Problem {
    let detail = format!("A body may have at most {limit} bytes.");
    Problem::new(StatusCode::PAYLOAD_TOO_LARGE, "body_too_large", detail)
}
