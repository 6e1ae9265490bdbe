use std::collections::BTreeMap;

use super::*;
use crate::domain::ids::{OfferId, OperationId};
use crate::domain::offer::PresentedOffer;
use crate::domain::operation::{CancelWhen, Effect, Operation, OperationState};

fn at(minute: i64) -> Timestamp {
    "2027-03-01T12:00:00Z".parse::<Timestamp>().unwrap() + jiff::SignedDuration::from_mins(minute)
}

/// A session just begun, with an offer that changes billing and one that does not.
fn session() -> Session {
    let offer = |key: &str, terms: serde_json::Value| {
        let mut offer = serde_json::json!({
            "id": OfferId::generate(at(0)), "key": key, "state": "presented", "preview": {},
            "copy": {"headline": "Dear Grace", "body": "", "accept": "", "decline": ""},
            "presented_at": at(0), "expires_at": at(600),
        });
        offer.as_object_mut().unwrap().extend(terms.as_object().unwrap().clone());
        serde_json::from_value::<PresentedOffer>(offer).unwrap()
    };
    let half = serde_json::json!({"type": "discount", "terms": {"percent_off": 50, "duration": "once"}});
    let talk = serde_json::json!({"type": "contact", "terms": {"url": "https://example.com/"}});
    let mut session: Session = serde_json::from_value(serde_json::json!({
        "id": SessionId::generate(at(0)), "customer": "grace", "subscription": "sub_1", "livemode": false,
        "flow": {"key": "default", "version": 1}, "locale": "en", "cancel_now_allowed": false,
        "state": {"state": "deciding"}, "answers": {}, "needs_attention": false, "created_at": at(0),
        "updated_at": at(0), "expires_at": at(600),
    }))
    .unwrap();
    session.govern(None, at(0));
    session.present(vec![offer("half", half), offer("talk", talk)], at(0)).unwrap();
    session
}

fn operation(session: &Session, effect: Effect, offer: Option<OfferId>) -> Operation {
    let id = session.awaited_operation().unwrap();
    session.operation(id, offer, effect, at(0))
}

fn undo(of: &Operation) -> Operation {
    let id = OperationId::generate(at(0));
    Operation { id, effect: Effect::KeepSubscription, undoes: Some(of.id), ..of.clone() }
}

#[test]
fn a_cancellation_is_received_until_billing_has_it_and_says_when_it_was_taken_back() {
    let mut session = session();
    assert_eq!(receipt(&session).cancellation, None);
    let effect = session.cancel(CancelWhen::PeriodEnd, OperationId::generate(at(1)), at(1)).unwrap();
    let operation = operation(&session, effect, None);
    let received = receipt(&session).cancellation.unwrap();
    assert_eq!(received.state, CancellationState::Received);
    assert_eq!((received.when, received.received_at), (Some(CancelWhen::PeriodEnd), Some(at(1))));
    assert_eq!((received.confirmed_at, received.effective_at), (None, None));
    session.settle(&operation, OperationState::NeedsAttention, None, at(2));
    assert_eq!(receipt(&session).cancellation, Some(received));
    session.settle(&operation, OperationState::Applied, None, at(3));
    let confirmed = receipt(&session).cancellation.unwrap();
    assert_eq!((confirmed.state, confirmed.confirmed_at), (CancellationState::Confirmed, Some(at(3))));
    assert!(session.settle(&undo(&operation), OperationState::Applied, None, at(4)));
    let back = receipt(&session).cancellation.unwrap();
    assert_eq!((back.state, back.taken_back_at), (CancellationState::TakenBack, Some(at(4))));
    assert_eq!((back.received_at, back.effective_at), (Some(at(1)), None));
    assert!(!session.settle(&undo(&operation), OperationState::Applied, None, at(5)), "told once");
    assert!(session.evidence.is_sound());
}

#[test]
fn what_ended_elsewhere_was_not_asked_for_here() {
    let mut session = session();
    session.ended_elsewhere(Some(at(60)), at(1));
    let found = receipt(&session).cancellation.unwrap();
    assert_eq!((found.state, found.effective_at), (CancellationState::Confirmed, Some(at(60))));
    assert_eq!((found.when, found.received_at), (None, None));
}

#[test]
fn an_accepted_offer_is_applied_once_billing_has_it_also_behind_a_cancellation() {
    for canceled in [false, true] {
        let mut session = session();
        let half = session.offers[0].id;
        let effect = session
            .accept(half, None, &BTreeMap::new(), OperationId::generate(at(1)), at(1))
            .unwrap()
            .unwrap();
        let operation = operation(&session, effect, Some(half));
        if canceled {
            session.cancel(CancelWhen::PeriodEnd, OperationId::generate(at(2)), at(2)).unwrap();
        }
        let state = |session: &Session| {
            let [accepted] = <[_; 1]>::try_from(receipt(session).accepted).unwrap();
            (accepted.state, accepted.settled_at, accepted.taken_back_at)
        };
        assert_eq!(state(&session), (AcceptanceState::Applying, None, None));
        let mut rejected = session.clone();
        rejected.settle(&operation, OperationState::Rejected, None, at(3));
        assert_eq!(state(&rejected), (AcceptanceState::Rejected, Some(at(3)), None));
        session.settle(&operation, OperationState::Applied, None, at(3));
        assert_eq!(state(&session), (AcceptanceState::Applied, Some(at(3)), None));
        session.settle(&undo(&operation), OperationState::Rejected, None, at(4));
        assert_eq!(state(&session), (AcceptanceState::Applied, Some(at(3)), None), "it stays given");
        session.settle(&undo(&operation), OperationState::Applied, None, at(5));
        assert_eq!(state(&session), (AcceptanceState::TakenBack, Some(at(3)), Some(at(5))));
    }
}

#[test]
fn what_asks_nothing_of_billing_is_recorded() {
    let mut session = session();
    let talk = session.offers[1].id;
    session.accept(talk, None, &BTreeMap::new(), OperationId::generate(at(1)), at(1)).unwrap();
    let receipt = receipt(&session);
    assert_eq!((receipt.accepted[0].state, receipt.status), (AcceptanceState::Recorded, Status::Saved));
}

#[test]
fn it_is_the_same_whenever_asked_for_names_no_text_and_outlives_the_evidence() {
    let mut session = session();
    session.cancel(CancelWhen::PeriodEnd, OperationId::generate(at(1)), at(1)).unwrap();
    session.ended_elsewhere(None, at(2));
    let before = receipt(&session);
    let text = serde_json::to_string(&before).unwrap();
    let kept: Session = serde_json::from_str(&serde_json::to_string(&session).unwrap()).unwrap();
    assert_eq!(serde_json::to_string(&receipt(&kept)).unwrap(), text);
    assert!(!text.contains("Grace") && !text.contains("grace"), "{text}");
    assert_eq!((before.exit_visible, before.events.len()), (Some(true), 4));
    session.evidence.delete(at(3));
    let after = receipt(&session);
    assert_eq!((after.exit_visible, after.events.len()), (None, 1));
    assert_eq!(after.evidence.deleted_at, Some(at(3)));
    let (was, is) = (before.cancellation.unwrap(), after.cancellation.unwrap());
    assert_eq!((was.state, was.confirmed_at), (is.state, is.confirmed_at));
}
