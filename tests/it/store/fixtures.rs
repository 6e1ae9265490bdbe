//! Sessions, operations and commands for the store's tests.

use counteroffer::domain::evidence::Evidence;
use counteroffer::domain::ids::{OfferId, OperationId, SessionId};
use counteroffer::domain::offer::{Copy, Key, OfferState, PresentedOffer, Terms};
use counteroffer::domain::operation::{CancelWhen, Effect, Operation};
use counteroffer::domain::session::{Answers, FlowRef, Session, State};
use counteroffer::domain::subscription::Subscription;
use counteroffer::domain::validation::Validated;
use counteroffer::store::{Begin, DecisionRecord, Lease, SavedAnswer};
use jiff::{SignedDuration, Timestamp};

/// The present, as the tests have it.
pub(super) fn now() -> Timestamp {
    "2026-11-22T12:00:00Z".parse().unwrap()
}

/// The present and some seconds.
pub(super) fn later(seconds: i64) -> Timestamp {
    now() + SignedDuration::from_secs(seconds)
}

pub(super) fn key(text: &str) -> Key {
    text.parse().unwrap()
}

/// A subscription at 49 dollars a month.
pub(super) fn subscription(id: &str) -> Subscription {
    serde_json::from_value(serde_json::json!({
        "id": id, "customer": "cus_payer", "livemode": false, "status": "active", "currency": "usd",
        "items": [{
            "id": "si_1", "price": "price_pro", "product": "prod_pro", "name": "Pro", "unit_amount": 4900,
            "every": {"interval": "month", "count": 1}, "usage": "licensed", "quantity": 1,
            "current_period_start": "2026-11-01T00:00:00Z", "current_period_end": "2026-12-01T00:00:00Z"
        }],
        "discounts": [], "customer_discount": null, "created": "2025-01-01T00:00:00Z", "trial_end": null,
        "cancel_at_period_end": false, "cancel_at": null, "canceled_at": null, "ended_at": null,
        "pause_collection": null, "scheduled": false, "pending_update": false, "country": null
    }))
    .unwrap()
}

/// A custom offer under `offer_key`.
pub(super) fn offer(offer_key: &str) -> PresentedOffer {
    PresentedOffer {
        id: OfferId::generate(now()),
        key: key(offer_key),
        terms: serde_json::from_value::<Terms>(serde_json::json!({"type": "custom", "terms": {}})).unwrap(),
        state: OfferState::Presented,
        copy: Copy::default(),
        preview: serde_json::from_value(serde_json::json!({"next_invoice_amount": 4900, "currency": "usd"}))
            .unwrap(),
        presented_at: now(),
        expires_at: later(86_400),
        decided_at: None,
        choice: None,
        asks: Vec::new(),
        holds: Vec::new(),
    }
}

/// A session of `customer` about subscription `id`, with two offers.
pub(super) fn session(customer: &str, id: &str) -> Session {
    Session {
        experiments: Vec::new(),
        id: SessionId::generate(now()),
        customer: customer.parse().unwrap(),
        subscription: id.parse().unwrap(),
        livemode: false,
        snapshot: Some(subscription(id)),
        snapshot_at: Some(now()),
        flow: FlowRef { key: key("default"), version: 1 },
        locale: "en".to_owned(),
        context: None,
        cancel_now_allowed: false,
        pause: None,
        state: State::Deciding,
        answers: Answers::default(),
        offers: vec![offer("gift"), offer("call_back")],
        needs_attention: false,
        created_at: now(),
        updated_at: now(),
        expires_at: later(3600),
        closed_at: None,
        validated: Validated::default(),
        jurisdiction: None,
        evidence: Evidence::default(),
        let_go: false,
        reentry_of: None,
    }
}

pub(super) fn decision(ordinal: i32) -> DecisionRecord {
    DecisionRecord { ordinal, at: now(), body: format!(r#"{{"ordinal":{ordinal}}}"#) }
}

/// The command that begins a session; each offer costs 100.
pub(super) fn begin(session: &Session) -> Begin {
    Begin {
        exposures: Vec::new(),
        session: session.clone(),
        segments: vec![key("loyal"), key("big_spender")],
        costs: session.offers.iter().map(|offer| (offer.id, 100)).collect(),
        decision: decision(0),
        budget: Vec::new(),
        token_id: None,
        saved: None,
        patient: false,
    }
}

pub(super) fn saved(name: &str, body: &str) -> SavedAnswer {
    SavedAnswer {
        caller: "customer:1".to_owned(),
        key: name.to_owned(),
        fingerprint: [7; 32],
        status: 201,
        body: body.to_owned(),
        created_at: now(),
    }
}

/// A cancellation at the end of the period, due at once.
pub(super) fn cancellation(session: &Session) -> Operation {
    let effect =
        Effect::Cancel { when: CancelWhen::PeriodEnd, feedback: None, comment: Some("bye".to_owned()) };
    session.operation(OperationId::generate(now()), None, effect, now())
}

pub(super) fn lease(owner: &str) -> Lease {
    Lease { owner: owner.to_owned(), until: later(60) }
}
