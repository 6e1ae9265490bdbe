//! Webhooks: the queue of events to deliver, Stripe's signature, and the delivery itself.
use super::record::text_of;
use super::render;
use super::state::{ObjectKind, State};
use hmac::{Hmac, KeyInit, Mac};
use reqwest::Client;
use secrecy::{ExposeSecret, SecretString};
use serde::Serialize;
use sha2::Sha256;
use std::collections::VecDeque;
use std::sync::LazyLock;
use std::time::Duration;
use url::Url;

/// An event waiting for delivery.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct WebhookEvent {
    /// `evt_…`.
    pub id: String,
    /// Such as `customer.subscription.updated`.
    pub name: String,
    /// The JSON to be signed and sent, byte for byte.
    pub payload: String,
}

/// What became of one delivery: the status answered, or nothing when nobody answered.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Delivery {
    /// The event sent.
    pub event: String,
    /// The status of the receiver's answer.
    pub status: Option<u16>,
}

impl Delivery {
    /// Whether the receiver took it (any 2xx).
    pub fn taken(&self) -> bool {
        self.status.is_some_and(|status| (200..300).contains(&status))
    }
}

/// The queue and where it leads.
#[derive(Debug, Default)]
pub(super) struct Outbox {
    pub(super) queue: VecDeque<WebhookEvent>,
    pub(super) url: Option<Url>,
    pub(super) secret: SecretString,
    pub(super) automatic: bool,
}

impl Outbox {
    /// Queues the events of the call that just ended well.
    pub(super) fn collect(&mut self, state: &mut State) {
        for id in std::mem::take(&mut state.fresh_events) {
            let event = render::object(state, ObjectKind::Event, &id);
            let name = event.get("type").and_then(|t| t.as_str()).unwrap_or_default().to_owned();
            self.queue.push_back(WebhookEvent { id, name, payload: text_of(&event) });
        }
    }
}

/// Stripe's `Stripe-Signature` header over a payload at a time.
pub fn signature(secret: &str, timestamp: i64, payload: &str) -> String {
    // HMAC takes keys of any length, so this cannot fail; were it to, the signature would simply not verify.
    let digest = Hmac::<Sha256>::new_from_slice(secret.as_bytes()).map_or_else(
        |_| String::new(),
        |mut mac| {
            mac.update(format!("{timestamp}.{payload}").as_bytes());
            hex::encode(mac.finalize().into_bytes())
        },
    );
    format!("t={timestamp},v1={digest}")
}

/// The clients for webhooks, for `http` and for `https`: for the first, to read the system's certificates would take
/// longer than a whole test. Without idle connections, because those would belong to whichever runtime delivered first.
static PLAIN: LazyLock<Client> = LazyLock::new(|| {
    Client::builder().tls_certs_only([]).pool_max_idle_per_host(0).build().unwrap_or_default()
});
static ENCRYPTED: LazyLock<Client> =
    LazyLock::new(|| Client::builder().pool_max_idle_per_host(0).build().unwrap_or_default());

/// Sends one event, signed with the sandbox's time.
pub(super) async fn send(url: &Url, secret: &SecretString, now: i64, event: &WebhookEvent) -> Delivery {
    let client = if url.scheme() == "http" { &PLAIN } else { &ENCRYPTED };
    let sent = client
        .post(url.clone())
        .header("Stripe-Signature", signature(secret.expose_secret(), now, &event.payload))
        .header("Content-Type", "application/json; charset=utf-8")
        .header("User-Agent", "Stripe/1.0 (+https://stripe.com/docs/webhooks)")
        .timeout(Duration::from_secs(10))
        .body(event.payload.clone())
        .send()
        .await;
    Delivery { event: event.id.clone(), status: sent.ok().map(|answer| answer.status().as_u16()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_signature_is_hmac_sha256_over_time_and_payload() {
        let got = signature("whsec_x", 1, "{}");
        // Computed with: printf "1.{}" | openssl dgst -sha256 -hmac whsec_x
        assert_eq!(got, "t=1,v1=36ee2f7498f0c1777d1312b2a7361947fe5ad31223be30d0c62421f4ca753401");
    }
}
