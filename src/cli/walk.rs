//! The demo's walk: one subscriber saved by a discount, one let go, every request and answer printed and checked.

use counteroffer::config::Auth;
use counteroffer::domain::ids::{StripeCustomerId, SubscriptionId};
use counteroffer::http::auth::mint;
use counteroffer::sandbox::Sandbox;
use counteroffer::services::App;
use counteroffer::services::keys::{self, Role};
use reqwest::Method;
use secrecy::ExposeSecret;
use serde_json::{Value, json};

use super::{Failure, say};

/// Somebody with a subscription.
pub(crate) struct Subscriber {
    pub(crate) customer: StripeCustomerId,
    pub(crate) subscription: SubscriptionId,
}

/// The running demo, as its own client sees it.
pub(crate) struct Walk {
    pub(crate) base: String,
    pub(crate) sandbox: Sandbox,
    pub(crate) auth: Auth,
    pub(crate) app: App,
}

impl Walk {
    /// Plays the walk.
    pub(crate) async fn play(&self, subscribers: &[Subscriber]) -> Result<(), Failure> {
        let [saved, leaving, ..] = subscribers else { return Err("the demo needs two subscribers".into()) };
        self.be_saved(saved).await?;
        self.leave(leaving).await
    }

    async fn be_saved(&self, who: &Subscriber) -> Result<(), Failure> {
        say("\n# A subscriber clicks \"cancel\": the app mints a customer token and begins a session.")?;
        let token = self.token(who)?;
        let body = json!({"subscription": who.subscription});
        let session = self.call(&token, Method::POST, "/v1/sessions", Some(body), 201).await?;
        let path = format!("/v1/sessions/{}", text(&session, "/id")?);

        say("\n# They say why; the reason changes what is offered.")?;
        let body = json!({"reason": "too_expensive"});
        let session = self.call(&token, Method::POST, &format!("{path}/answers"), Some(body), 200).await?;
        let discount = offer(&session, "discount")?;

        say("\n# They take the discount: billing changes before the answer comes.")?;
        let accept = format!("{path}/offers/{discount}/accept");
        let session = self.call(&token, Method::POST, &accept, Some(json!({})), 200).await?;
        expect(&session, "/status", "saved")?;
        expect(&session, "/billing/state", "applied")?;

        say("\n# Stripe's side of it: the discount on the subscription.")?;
        let subscription = self.in_stripe(who)?;
        let discounts = subscription.pointer("/discounts").and_then(Value::as_array).map_or(0, Vec::len);
        say(&format!("{} discount on {}", discounts, who.subscription))?;
        if discounts == 1 {
            Ok(())
        } else {
            Err(format!("expected 1 discount in Stripe, found {discounts}").into())
        }
    }

    async fn leave(&self, who: &Subscriber) -> Result<(), Failure> {
        say("\n# Another subscriber begins, and cancels at once: the way out is there at every step.")?;
        let token = self.token(who)?;
        let body = json!({"subscription": who.subscription, "reason": "not_using"});
        let session = self.call(&token, Method::POST, "/v1/sessions", Some(body), 201).await?;
        let exit = text(&session, "/exit/cancel_url")?;
        let session = self.call(&token, Method::POST, &exit, Some(json!({})), 200).await?;
        expect(&session, "/status", "canceled")?;

        say("\n# Stripe's side of it: the subscription ends with the period that is paid for.")?;
        let subscription = self.in_stripe(who)?;
        let scheduled = subscription.pointer("/cancel_at_period_end").and_then(Value::as_bool) == Some(true);
        say(&format!("cancel_at_period_end: {scheduled}"))?;
        if scheduled { Ok(()) } else { Err("the cancellation is not in Stripe".into()) }
    }

    /// Prints what there is to try by hand.
    pub(crate) async fn invite(&self, subscribers: &[Subscriber]) -> Result<(), Failure> {
        let Some(who) = subscribers.last() else { return Ok(()) };
        let (_, key) = keys::create(&self.app.store, "demo", Role::Admin, self.app.clock.now()).await?;
        say("\n# Your turn. A customer token (15 minutes) and an API key (admin):\n")?;
        say(&format!("TOKEN={}", self.token(who)?))?;
        say(&format!("KEY={}", key.expose_secret()))?;
        let base = &self.base;
        say(&format!(
            "\ncurl -s {base}/v1/sessions -H \"Authorization: Bearer $TOKEN\" -H 'Content-Type: application/json' \
             -d '{{\"subscription\": \"{}\"}}'",
            who.subscription
        ))?;
        say(&format!("curl -s {base}/v1/sessions -H \"Authorization: Bearer $KEY\""))?;
        say(&format!("curl -s {base}/v1/analytics/summary -H \"Authorization: Bearer $KEY\""))?;
        say(&format!(
            "curl -s {}v1/subscriptions/{} -u sk_test_counteroffer_demo:   # the sandbox in place of Stripe",
            self.sandbox.url(),
            who.subscription
        ))?;
        say(&format!("\nThe API's documentation: {base}/docs\nServing until Ctrl-C."))?;
        Ok(())
    }

    fn token(&self, who: &Subscriber) -> Result<String, Failure> {
        let customer = who.customer.as_str().parse()?;
        Ok(mint(&self.auth, &customer, Some(&who.subscription), 900, self.app.clock.now())?)
    }

    fn in_stripe(&self, who: &Subscriber) -> Result<Value, Failure> {
        self.sandbox
            .object(who.subscription.as_str())
            .ok_or_else(|| "the sandbox lost the subscription".into())
    }

    async fn call(
        &self,
        token: &str,
        method: Method,
        path: &str,
        body: Option<Value>,
        expected: u16,
    ) -> Result<Value, Failure> {
        say(&format!("\n> {method} {path}"))?;
        let mut request =
            reqwest::Client::new().request(method, format!("{}{path}", self.base)).bearer_auth(token);
        if let Some(body) = body {
            say(&format!("> {body}"))?;
            request = request.json(&body);
        }
        let answer = request.send().await?;
        let status = answer.status();
        let body: Value = answer.json().await?;
        say(&format!("< {status}"))?;
        for line in serde_json::to_string_pretty(&body)?.lines() {
            say(&format!("< {line}"))?;
        }
        if status.as_u16() == expected {
            Ok(body)
        } else {
            Err(format!("expected {expected}, got {status}").into())
        }
    }
}

fn text(document: &Value, pointer: &str) -> Result<String, Failure> {
    let found = document.pointer(pointer).and_then(Value::as_str);
    found.map(str::to_owned).ok_or_else(|| format!("the answer has no {pointer}").into())
}

fn expect(document: &Value, pointer: &str, expected: &str) -> Result<(), Failure> {
    let found = text(document, pointer)?;
    if found == expected {
        Ok(())
    } else {
        Err(format!("expected {pointer} to be {expected}, got {found}").into())
    }
}

fn offer(session: &Value, wanted: &str) -> Result<String, Failure> {
    let offers = session.pointer("/offers").and_then(Value::as_array);
    let fitting = offers.into_iter().flatten().find(|offer| {
        offer.pointer("/type").and_then(Value::as_str) == Some(wanted)
            && offer.pointer("/state").and_then(Value::as_str) == Some("presented")
    });
    let offer = fitting.ok_or_else(|| format!("no {wanted} was offered"))?;
    text(offer, "/id")
}
