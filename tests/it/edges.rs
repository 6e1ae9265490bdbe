//! What is refused, what is repeated, and what nobody would send: a problem for each, never our fault, nothing written.

mod fuzz;
mod refusals;
mod repeats;

use counteroffer::services::keys::Role;
use reqwest::Method;
use serde_json::Value;

use crate::support::app::{Answer, TestApp};

/// Sends a body as it is.
async fn raw(
    test: &TestApp,
    method: Method,
    path: &str,
    credentials: &str,
    media_type: &str,
    body: impl Into<reqwest::Body>,
    headers: &[(&str, &str)],
) -> Answer {
    let mut request = test.client.request(method, format!("{}{path}", test.base)).body(body);
    if !credentials.is_empty() {
        request = request.bearer_auth(credentials);
    }
    if !media_type.is_empty() {
        request = request.header("content-type", media_type);
    }
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    let answer = request.send().await.unwrap();
    let (status, headers) = (answer.status(), answer.headers().clone());
    let text = answer.text().await.unwrap();
    Answer { status, headers, body: serde_json::from_str(&text).unwrap_or(Value::Null), text }
}

/// Everything that the API shows of what is kept.
async fn kept(test: &TestApp, admin: &str) -> String {
    let mut all = String::new();
    for path in [
        "/v1/sessions?limit=200",
        "/v1/billing-operations?limit=200",
        "/v1/flows/default",
        "/v1/flows/default/versions",
        "/v1/customers/user-17",
    ] {
        let answer = test.get(path, admin).await;
        // A problem names its own request.
        all += if answer.status == 200 { &answer.text } else { answer.status.as_str() };
    }
    all
}
