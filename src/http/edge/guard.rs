//! Ends requests that take too long, and answers for handlers that panic.

use std::panic::AssertUnwindSafe;

use actix_web::Error;
use actix_web::body::MessageBody;
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::http::StatusCode;
use actix_web::middleware::Next;
use actix_web::web::Data;
use futures_util::FutureExt;

use crate::http::Shell;
use crate::http::problem::Problem;

/// Answers 503 after the time a request may take, and 500 with the usual text after a panic.
pub async fn guard(
    shell: Data<Shell>,
    request: ServiceRequest,
    next: Next<impl MessageBody>,
) -> Result<ServiceResponse<impl MessageBody>, Error> {
    // Nothing of ours is shared with the handler but locks that heal and channels, so going on after a panic is safe.
    let work = AssertUnwindSafe(next.call(request)).catch_unwind();
    match tokio::time::timeout(shell.config.server.request_timeout(), work).await {
        Ok(Ok(result)) => result,
        Ok(Err(_panic)) => Err(Problem::internal(&"a handler panicked").into()),
        Err(_elapsed) => {
            let detail =
                "This took too long. It may still take effect: repeat it with the same Idempotency-Key.";
            Err(Problem::new(StatusCode::SERVICE_UNAVAILABLE, "timed_out", detail).retry_after(1).into())
        }
    }
}
