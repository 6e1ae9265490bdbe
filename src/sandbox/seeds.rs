//! Making objects without HTTP: the same code behind the same checks, for tests and the demo.
use super::Sandbox;
use super::customers;
use super::engine::Request;
use secrecy::ExposeSecret;
use serde_json::Value;

/// The sandbox refused: the status and the error as Stripe words it.
#[derive(Debug, Clone, thiserror::Error)]
#[error("the sandbox answered {status}: {message}")]
pub struct Refused {
    /// The HTTP status.
    pub status: u16,
    /// Stripe's message.
    pub message: String,
}

impl Sandbox {
    /// Makes a call as if over HTTP, faults excepted: `call("POST", "/v1/customers", &[("email", "a@b.example")])`.
    ///
    /// # Errors
    /// Whatever the call is refused with.
    pub fn call(&self, method: &str, path: &str, params: &[(&str, &str)]) -> Result<Value, Refused> {
        let mut encoded = form_urlencoded::Serializer::new(String::new());
        let encoded = encoded.extend_pairs(params).finish();
        let reads = method == "GET";
        let mut core = self.shared.core();
        let request = Request {
            method: method.to_owned(),
            path: path.to_owned(),
            authorization: Some(format!("Bearer {}", core.secret_key.expose_secret())),
            query: if reads { encoded.clone() } else { String::new() },
            body: if reads { Vec::new() } else { encoded.into_bytes() },
            ..Request::default()
        };
        let faults = std::mem::take(&mut core.faults);
        let reply = core.answer(&request);
        core.faults = faults;
        drop(core);
        self.shared.woken.notify_one();
        let value: Value = serde_json::from_str(&reply.body).unwrap_or_default();
        if reply.status == 200 {
            return Ok(value);
        }
        let message = value.pointer("/error/message").and_then(Value::as_str).unwrap_or_default().to_owned();
        Err(Refused { status: reply.status, message })
    }

    /// Creates an object and answers its id: `create("customers", &[("email", "a@b.example")])`.
    ///
    /// # Errors
    /// Whatever the call is refused with.
    pub fn create(&self, kind: &str, params: &[(&str, &str)]) -> Result<String, Refused> {
        let made = self.call("POST", &format!("/v1/{kind}"), params)?;
        Ok(made.get("id").and_then(Value::as_str).unwrap_or_default().to_owned())
    }

    /// A customer with this email.
    ///
    /// # Errors
    /// When the sandbox refuses it.
    pub fn seed_customer(&self, email: &str) -> Result<String, Refused> {
        self.create("customers", &[("email", email)])
    }

    /// A product with one price of `amount` minor units of `currency` for every `interval` (`day`, `week`, `month` or
    /// `year`). Answers the price's id.
    ///
    /// # Errors
    /// When the sandbox refuses one of them.
    pub fn seed_price(
        &self,
        name: &str,
        amount: i64,
        currency: &str,
        interval: &str,
    ) -> Result<String, Refused> {
        let product = self.create("products", &[("name", name)])?;
        self.create(
            "prices",
            &[
                ("product", product.as_str()),
                ("currency", currency),
                ("unit_amount", &amount.to_string()),
                ("recurring[interval]", interval),
            ],
        )
    }

    /// An active subscription of one unit of this price.
    ///
    /// # Errors
    /// When the sandbox refuses it.
    pub fn seed_subscription(&self, customer: &str, price: &str) -> Result<String, Refused> {
        self.create("subscriptions", &[("customer", customer), ("items[0][price]", price)])
    }

    /// Puts a coupon on a customer, as those have who got one before Stripe stopped offering it.
    ///
    /// # Errors
    /// When customer or coupon do not exist, or the coupon is no longer valid.
    pub fn seed_customer_discount(&self, customer: &str, coupon: &str) -> Result<String, Refused> {
        let mut core = self.shared.core();
        core.settle();
        core.state.begin();
        customers::give_discount(&mut core.state, customer, coupon).map_err(|error| {
            core.state.rollback();
            Refused {
                status: error.status,
                message: error.body("").pointer("/error/message").map(Value::to_string).unwrap_or_default(),
            }
        })
    }
}
