//! Stripe's webhooks: the signature, and an envelope of our own.
//!
//! Events come twice, late and out of order, and their objects have the shape of whatever API version the endpoint was
//! made with. So nothing is taken from an event but what it is about; the object is fetched anew.

use hmac::{Hmac, KeyInit, Mac};
use jiff::{SignedDuration, Timestamp};
use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;
use serde_json::Value;
use sha2::Sha256;

use crate::domain::ids::{MAX_EXTERNAL_ID, StripeCustomerId, SubscriptionId};

/// How far a signature's time may lie from ours, either way.
pub const TOLERANCE: SignedDuration = SignedDuration::from_secs(300);

/// The events that say something of interest: those that the endpoint should be sent, and those that are caught up
/// with after an outage. Stripe takes at most twenty.
pub const TYPES: [&str; 9] = [
    "customer.subscription.created",
    "customer.subscription.updated",
    "customer.subscription.deleted",
    "customer.subscription.paused",
    "customer.subscription.resumed",
    "invoice.paid",
    "invoice.payment_failed",
    "invoice.voided",
    "invoice.marked_uncollectible",
];

/// What has happened in Stripe, and to what.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Event {
    /// The event's id, `evt_…`: letters, digits and `_`, at most 255.
    pub id: String,
    /// Its type: `customer.subscription.updated`.
    pub kind: String,
    /// When it happened.
    pub created: Timestamp,
    /// Live or test mode.
    pub livemode: bool,
    /// The id of the object that it carries, if that has one.
    pub object_id: Option<String>,
    /// The subscription it is about, if any.
    pub subscription: Option<SubscriptionId>,
    /// The customer it is about, if any.
    pub customer: Option<StripeCustomerId>,
}

/// Why a webhook is refused; the caller learns no more than that it was.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum WebhookError {
    /// The header is not `t=…,v1=…`.
    #[error("the Stripe-Signature header cannot be read")]
    Malformed,
    /// No signature in it was made with one of the secrets.
    #[error("no signature matches")]
    BadSignature,
    /// It was signed more than [`TOLERANCE`] ago, or ahead.
    #[error("the signature's time is too far from the present")]
    Stale,
    /// The signature is good, but the body is no event.
    #[error("the body is not an event")]
    BadBody,
}

/// Checks `payload` against the `Stripe-Signature` header and reads what it is about. Any `v1` signature made with any
/// of the secrets will do, so that secrets can be rotated.
///
/// # Errors
/// When the header, the signature, its time or the body is not as it should be.
pub fn verify(
    secrets: &[SecretString],
    header: &str,
    payload: &[u8],
    now: Timestamp,
) -> Result<Event, WebhookError> {
    let (signed_at, signatures) = read_header(header).ok_or(WebhookError::Malformed)?;
    let matches = |secret: &SecretString| matches_any(secret, signed_at, &signatures, payload);
    if !secrets.iter().any(matches) {
        return Err(WebhookError::BadSignature);
    }
    let at = signed_at.parse().ok().and_then(|seconds| Timestamp::from_second(seconds).ok());
    let at = at.ok_or(WebhookError::Malformed)?;
    if now.duration_since(at).abs() > TOLERANCE {
        return Err(WebhookError::Stale);
    }
    read_event(payload).ok_or(WebhookError::BadBody)
}

/// The time, as it was signed, and the decoded `v1` signatures.
fn read_header(header: &str) -> Option<(&str, Vec<Vec<u8>>)> {
    let mut time = None;
    let mut signatures = Vec::new();
    for (name, value) in header.split(',').filter_map(|part| part.split_once('=')) {
        match name.trim() {
            "t" => time = Some(value.trim()),
            // One that is no hexadecimal cannot match; others still may.
            "v1" => signatures.extend(hex::decode(value.trim()).ok()),
            _ => {}
        }
    }
    time.filter(|_| !signatures.is_empty()).map(|time| (time, signatures))
}

fn matches_any(secret: &SecretString, signed_at: &str, signatures: &[Vec<u8>], payload: &[u8]) -> bool {
    let Ok(mac) = Hmac::<Sha256>::new_from_slice(secret.expose_secret().as_bytes()) else {
        return false;
    };
    let mac = mac.chain_update(signed_at.as_bytes()).chain_update(b".").chain_update(payload);
    // `verify_slice` takes the same time wherever the difference is.
    signatures.iter().any(|signature| mac.clone().verify_slice(signature).is_ok())
}

#[derive(Deserialize)]
struct Envelope {
    id: String,
    #[serde(rename = "type")]
    kind: String,
    created: i64,
    livemode: bool,
    data: Data,
}

#[derive(Deserialize)]
struct Data {
    object: Value,
}

fn read_event(payload: &[u8]) -> Option<Event> {
    event(serde_json::from_slice(payload).ok()?)
}

/// The event in an element of Stripe's list of events.
pub(super) fn listed(element: &Value) -> Option<Event> {
    event(Envelope::deserialize(element).ok()?)
}

fn event(envelope: Envelope) -> Option<Event> {
    let plain = |text: &str, more: char| {
        (1..=MAX_EXTERNAL_ID).contains(&text.len())
            && text.chars().all(|c| c.is_ascii_alphanumeric() || c == '_' || c == more)
    };
    if !plain(&envelope.id, '_') || !plain(&envelope.kind, '.') {
        return None;
    }
    let object = &envelope.data.object;
    let is = |kind: &str| object.get("object").and_then(Value::as_str) == Some(kind);
    let own_id = object.get("id").and_then(Value::as_str);
    let subscription = if is("subscription") {
        own_id
    } else {
        // Invoices name their subscription under `parent` since 2025-03-31.basil, and at the top before it.
        let nested = object.pointer("/parent/subscription_details/subscription");
        reference(object.get("subscription")).or_else(|| reference(nested))
    };
    let customer = if is("customer") { own_id } else { reference(object.get("customer")) };
    Some(Event {
        created: Timestamp::from_second(envelope.created).ok()?,
        livemode: envelope.livemode,
        object_id: own_id.map(str::to_owned),
        subscription: subscription.and_then(|id| id.parse().ok()),
        customer: customer.and_then(|id| id.parse().ok()),
        id: envelope.id,
        kind: envelope.kind,
    })
}

/// The id behind a reference, which Stripe writes as a text or as the whole object.
fn reference(value: Option<&Value>) -> Option<&str> {
    let value = value?;
    value.as_str().or_else(|| value.get("id").and_then(Value::as_str))
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: i64 = 1_800_000_000;

    fn sign(secret: &str, at: i64, payload: &str) -> String {
        let mac = Hmac::<Sha256>::new_from_slice(secret.as_bytes()).unwrap();
        let mac = mac.chain_update(format!("{at}.{payload}"));
        hex::encode(mac.finalize().into_bytes())
    }

    fn check(secrets: &[&str], header: &str, payload: &str) -> Result<Event, WebhookError> {
        let secrets: Vec<SecretString> = secrets.iter().map(|s| SecretString::from(*s)).collect();
        verify(&secrets, header, payload.as_bytes(), Timestamp::from_second(NOW).unwrap())
    }

    fn event(object: &str) -> String {
        format!(
            r#"{{"id":"evt_1","object":"event","type":"a.b","created":{NOW},"livemode":false,"new":1,"data":{{"object":{object}}}}}"#
        )
    }

    #[test]
    fn any_v1_of_any_secret_matches() {
        let payload = event(r#"{"object":"subscription","id":"sub_1","customer":"cus_1"}"#);
        let good = sign("whsec_new", NOW, &payload);
        let header = format!("t={NOW},v1=zz,v1={},v1={good},v0=1", sign("whsec_old", NOW, "x"));
        let event = check(&["whsec_other", "whsec_new"], &header, &payload).unwrap();
        assert_eq!(event.id, "evt_1");
        assert_eq!(event.subscription, "sub_1".parse().ok());
        assert_eq!(event.customer, "cus_1".parse().ok());
        assert_eq!(check(&["whsec_other"], &header, &payload), Err(WebhookError::BadSignature));
        let changed = payload.replace("sub_1", "sub_2");
        assert_eq!(check(&["whsec_new"], &header, &changed), Err(WebhookError::BadSignature));
    }

    #[test]
    fn the_time_may_be_five_minutes_off() {
        let payload = event("{}");
        for (off, good) in [(-300, true), (300, true), (-301, false), (301, false)] {
            let at = NOW + off;
            let header = format!("t={at},v1={}", sign("s", at, &payload));
            let expected = if good { None } else { Some(WebhookError::Stale) };
            assert_eq!(check(&["s"], &header, &payload).err(), expected, "{off}");
        }
    }

    #[test]
    fn unreadable_headers_and_bodies_are_refused() {
        for header in ["", "t=1", "v1=00", "v1=00,t=", "t=x,v1=00"] {
            assert!(check(&["s"], header, "{}").is_err(), "{header}");
        }
        for body in ["", "{}", "[]", r#"{"id":"evt 1"}"#] {
            let header = format!("t={NOW},v1={}", sign("s", NOW, body));
            assert_eq!(check(&["s"], &header, body), Err(WebhookError::BadBody), "{body}");
        }
        let huge = "9".repeat(30);
        let header = format!("t={huge},v1={}", {
            let mac = Hmac::<Sha256>::new_from_slice(b"s").unwrap();
            hex::encode(mac.chain_update(format!("{huge}.x")).finalize().into_bytes())
        });
        assert_eq!(check(&["s"], &header, "x"), Err(WebhookError::Malformed));
    }

    #[test]
    fn finds_the_subscription_behind_other_objects() {
        for (object, expected) in [
            (
                r#"{"object":"invoice","id":"in_1","parent":{"subscription_details":{"subscription":"sub_9"}}}"#,
                Some("sub_9"),
            ),
            (r#"{"object":"discount","id":"di_1","subscription":"sub_9"}"#, Some("sub_9")),
            (r#"{"object":"invoice","subscription":{"id":"sub_9"}}"#, Some("sub_9")),
            (r#"{"object":"charge","id":"ch_1"}"#, None),
        ] {
            let payload = event(object);
            let header = format!("t={NOW},v1={}", sign("s", NOW, &payload));
            let found = check(&["s"], &header, &payload).unwrap().subscription;
            assert_eq!(found.map(|id| id.to_string()).as_deref(), expected, "{object}");
        }
    }
}
