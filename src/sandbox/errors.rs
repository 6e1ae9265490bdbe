//! Stripe's error answers: their statuses, types, codes and words.
use serde_json::{Value, json};

/// An error answer in Stripe's shape.
#[derive(Debug, Clone)]
pub(super) struct ApiError {
    pub(super) status: u16,
    kind: &'static str,
    code: Option<String>,
    decline_code: Option<String>,
    message: String,
    param: Option<String>,
    /// What the call did before it failed stays: a declined attempt to pay is an attempt.
    pub(super) kept: bool,
}

impl ApiError {
    fn new(status: u16, kind: &'static str, message: impl Into<String>) -> Self {
        Self {
            status,
            kind,
            code: None,
            decline_code: None,
            message: message.into(),
            param: None,
            kept: false,
        }
    }

    /// A 400 of type `invalid_request_error`.
    pub(super) fn invalid(message: impl Into<String>) -> Self {
        Self::new(400, "invalid_request_error", message)
    }

    pub(super) fn code(mut self, code: impl Into<String>) -> Self {
        self.code = Some(code.into());
        self
    }

    pub(super) fn param(mut self, param: impl Into<String>) -> Self {
        self.param = Some(param.into());
        self
    }

    fn status(mut self, status: u16) -> Self {
        self.status = status;
        self
    }

    pub(super) fn unknown_parameter(path: &str) -> Self {
        Self::invalid(format!("Received unknown parameter: {path}")).code("parameter_unknown").param(path)
    }

    /// A parameter that Stripe has and the sandbox does not model. Said openly: silently ignoring it would let a
    /// test pass that fails against Stripe.
    pub(super) fn unmodelled_parameter(path: &str) -> Self {
        Self::invalid(format!("The sandbox does not model the parameter {path}; Stripe does."))
            .code("sandbox_unmodelled_parameter")
            .param(path)
    }

    pub(super) fn missing(path: &str) -> Self {
        Self::invalid(format!("Missing required param: {path}.")).code("parameter_missing").param(path)
    }

    pub(super) fn empty(path: &str) -> Self {
        Self::invalid(format!(
            "You passed an empty string for '{path}'. We assume empty values are an attempt to unset a parameter; \
             however '{path}' cannot be unset. You should remove '{path}' from your request or supply a non-empty \
             value."
        ))
        .code("parameter_invalid_empty")
        .param(path)
    }

    pub(super) fn exclusive(one: &str, other: &str) -> Self {
        Self::invalid(format!("Received both {one} and {other} parameters. Please pass in only one."))
            .code("parameters_exclusive")
            .param(one)
    }

    /// The object named by the path does not exist: 404.
    pub(super) fn no_such(what: &str, id: &str) -> Self {
        Self::invalid(format!("No such {what}: '{id}'")).status(404).code("resource_missing").param("id")
    }

    /// The object named by a parameter does not exist: 400.
    pub(super) fn no_such_in(what: &str, id: &str, param: &str) -> Self {
        Self::invalid(format!("No such {what}: '{id}'")).code("resource_missing").param(param)
    }

    /// A preview of what will not come.
    pub(super) fn nothing_upcoming(subscription: &str) -> Self {
        Self::invalid(format!("No upcoming invoices for subscription: {subscription}"))
            .status(404)
            .code("invoice_upcoming_none")
    }

    pub(super) fn unknown_url(method: &str, path: &str) -> Self {
        Self::invalid(format!(
            "Unrecognized request URL ({method}: {path}). Please see https://stripe.com/docs or we can help at \
             https://support.stripe.com/."
        ))
        .status(404)
    }

    pub(super) fn no_key() -> Self {
        Self::invalid(
            "You did not provide an API key. You need to provide your API key in the Authorization header, using \
             Bearer auth (e.g. 'Authorization: Bearer YOUR_SECRET_KEY').",
        )
        .status(401)
    }

    /// A restricted key without the permission that the call needs.
    pub(super) fn not_permitted(key: &str, permission: &str) -> Self {
        let end: String = key.chars().skip(key.chars().count().saturating_sub(4)).collect();
        Self::invalid(format!(
            "The provided key 'rk_test_****{end}' does not have the required permissions for this endpoint on account \
             'acct_sandbox'. Having the 'rak_{permission}' permission would allow this request to continue."
        ))
        .status(403)
    }

    /// The key itself is not repeated, only how it ends.
    pub(super) fn wrong_key(key: &str) -> Self {
        let end: String = key.chars().skip(key.chars().count().saturating_sub(4)).collect();
        Self::invalid(format!("Invalid API Key provided: ****{end}")).status(401)
    }

    pub(super) fn wrong_content_type() -> Self {
        Self::invalid(
            "Invalid request (check that your POST content type is application/x-www-form-urlencoded). If you have \
             any questions, we can help at https://support.stripe.com/.",
        )
    }

    pub(super) fn key_reused(key: &str) -> Self {
        Self::new(
            400,
            "idempotency_error",
            format!(
                "Keys for idempotent requests can only be used with the same parameters they were first used with. \
                 Try using a key other than '{key}' if you meant to execute a different request."
            ),
        )
    }

    pub(super) fn key_in_use(key: &str) -> Self {
        Self::new(
            409,
            "idempotency_error",
            format!(
                "There is currently another in-progress request using this Idempotent Key (that probably means you \
                 submitted twice, and the other request is still going through): {key}. Please try again later."
            ),
        )
        .code("idempotency_key_in_use")
    }

    pub(super) fn rate_limited() -> Self {
        Self::invalid("Request rate limit exceeded. Learn more about rate limits here https://stripe.com/docs/rate-limits.")
            .status(429)
            .code("rate_limit")
    }

    pub(super) fn lock_timeout() -> Self {
        Self::invalid(
            "This object cannot be accessed right now because another API request or Stripe process is currently \
             accessing it. If you see this error intermittently, retry the request.",
        )
        .status(409)
        .code("lock_timeout")
    }

    pub(super) fn server_error() -> Self {
        Self::new(
            500,
            "api_error",
            "Sorry! We are experiencing an unexpected error. Our engineers are investigating it.",
        )
    }

    pub(super) fn declined(code: &str) -> Self {
        let mut error = Self::new(402, "card_error", "Your card was declined.").code("card_declined");
        error.decline_code = Some(code.to_owned());
        error
    }

    /// As `declined`, when the attempt itself leaves traces that stay.
    pub(super) fn declined_attempt(code: &str) -> Self {
        Self { kept: true, ..Self::declined(code) }
    }

    /// A parameter that is no array of hashes, no hash, no text where one is needed.
    pub(super) fn malformed(what: &str, path: &str) -> Self {
        Self::invalid(format!("Invalid {what}")).param(path)
    }

    pub(super) fn body(&self, request_id: &str) -> Value {
        let mut error = json!({"message": self.message});
        if let Value::Object(map) = &mut error {
            if let Some(code) = &self.code {
                map.insert("code".into(), json!(code));
                map.insert(
                    "doc_url".into(),
                    json!(format!("https://stripe.com/docs/error-codes/{}", code.replace('_', "-"))),
                );
            }
            if let Some(code) = &self.decline_code {
                map.insert("decline_code".into(), json!(code));
            }
            if let Some(param) = &self.param {
                map.insert("param".into(), json!(param));
            }
            map.insert(
                "request_log_url".into(),
                json!(format!("https://dashboard.stripe.com/test/logs/{request_id}")),
            );
            map.insert("type".into(), json!(self.kind));
        }
        json!({"error": error})
    }
}
