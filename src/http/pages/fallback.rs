//! What is answered where no route fits: 405 when the path exists for other methods, else 404.

use actix_web::body::MessageBody;
use actix_web::dev::{ResourceDef, ServiceRequest, ServiceResponse};
use actix_web::http::StatusCode;
use actix_web::http::header::{self, HeaderValue};
use actix_web::middleware::Next;
use actix_web::web::Data;
use actix_web::{Error, HttpRequest, HttpResponse, ResponseError};
use utoipa::openapi::OpenApi;

use crate::http::Shell;
use crate::http::problem::Problem;

/// The methods that each documented path allows.
pub struct AllowedMethods(Vec<(ResourceDef, String)>);

impl AllowedMethods {
    /// Reads them from the document, which is made of the routes themselves.
    #[must_use]
    pub fn of(document: &OpenApi) -> Self {
        let paths = document.paths.paths.iter().map(|(path, item)| {
            let methods = [
                ("GET", &item.get),
                ("POST", &item.post),
                ("PUT", &item.put),
                ("DELETE", &item.delete),
                ("PATCH", &item.patch),
            ];
            let allowed: Vec<_> = methods
                .into_iter()
                .filter_map(|(name, operation)| operation.as_ref().map(|_| name))
                .collect();
            (ResourceDef::new(path.as_str()), allowed.join(", "))
        });
        Self(paths.collect())
    }

    fn find(&self, path: &str) -> Option<&str> {
        self.0.iter().find(|(pattern, _)| pattern.is_match(path)).map(|(_, methods)| methods.as_str())
    }
}

/// The default route.
pub async fn fallback(request: HttpRequest, shell: Data<Shell>) -> Result<HttpResponse, Problem> {
    let Some(methods) = shell.described.allowed.find(request.path()) else {
        let detail = "There is nothing at this path; see /openapi.json for what there is.";
        return Err(Problem::new(StatusCode::NOT_FOUND, "unknown_path", detail));
    };
    let detail = format!("This path allows {methods}.");
    let allow = HeaderValue::from_str(methods).unwrap_or(HeaderValue::from_static(""));
    Err(Problem::new(StatusCode::METHOD_NOT_ALLOWED, "method_not_allowed", detail)
        .with_header(header::ALLOW, allow))
}

/// Turns an error that a library answered in its own words into a problem.
pub async fn reword(
    request: ServiceRequest,
    next: Next<impl MessageBody + 'static>,
) -> Result<ServiceResponse<impl MessageBody>, Error> {
    let response = next.call(request).await?;
    let status = response.status();
    let failed = status.is_client_error() || status.is_server_error();
    // Our own answers, problems and the health report, say what they are.
    if !failed
        || response
            .headers()
            .get(header::CONTENT_TYPE)
            .is_some_and(|value| *value != "text/plain; charset=utf-8")
    {
        return Ok(response.map_into_left_body());
    }
    let problem = match status {
        StatusCode::NOT_FOUND => Problem::not_found("thing"),
        StatusCode::INTERNAL_SERVER_ERROR => Problem::internal(&"a library answered 500"),
        _ => Problem::new(status, "invalid_request", "The request cannot be understood; see /openapi.json."),
    };
    let (request, _) = response.into_parts();
    Ok(ServiceResponse::new(request, problem.error_response()).map_into_right_body())
}
