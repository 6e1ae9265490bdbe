//! The receipt of a session: what its subscriber can keep of what was asked, shown, accepted and canceled.
//!
//! It is made of the session alone and tells no time of its own, so that it is the same whenever it is asked for. It is
//! in no language: keys and terms, and no texts. A cancellation that was received is not called confirmed before billing
//! has it.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::evidence::{Entry, Evidence, What};
use super::ids::{OfferId, SessionId, SubscriptionId};
use super::jurisdiction::Permission;
use super::offer::{Choice, Key, OfferState, PresentedOffer, Terms};
use super::operation::CancelWhen;
use super::session::{Session, State, Status};

/// What the subscriber can keep of a session.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[schema(as = SessionReceipt)]
pub struct Receipt {
    /// The session.
    pub session: SessionId,
    /// Live or test mode.
    pub livemode: bool,
    /// The subscription it is about.
    pub subscription: SubscriptionId,
    /// In progress, or the outcome.
    pub status: Status,
    /// When it began.
    pub created_at: Timestamp,
    /// When it got its outcome.
    pub closed_at: Option<Timestamp>,
    /// The rules of the subscriber's place that governed it; `none`, version 1, where the flow has none.
    pub policy: PolicyName,
    /// Whether the way out was in sight from the begin of the session on, beside every offer; null where the evidence
    /// of it is not there, or no longer.
    pub exit_visible: Option<bool>,
    /// Whether the subscriber was asked if offers may be shown, and what came of it.
    pub permission: Permission,
    /// The reason that was given.
    pub reason: Option<Key>,
    /// The cancellation, once it was asked for or found in billing.
    pub cancellation: Option<Cancellation>,
    /// The offers that were accepted, in order.
    pub accepted: Vec<Acceptance>,
    /// The end of a pause that was asked for.
    pub resumption: Option<Resumption>,
    /// Everything that happened, first to last: what was asked, what was shown, and what the subscriber did.
    pub events: Vec<ReceiptEvent>,
    /// What stands for the events.
    pub evidence: Standing,
}

/// The rules of a place, by name.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[schema(as = ReceiptPolicy)]
pub struct PolicyName {
    /// The key.
    pub key: String,
    /// The version.
    pub version: u16,
}

/// A cancellation.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[schema(as = ReceiptCancellation)]
pub struct Cancellation {
    /// How far it has come.
    pub state: CancellationState,
    /// What was asked for; null where it was not asked for in this session.
    pub when: Option<CancelWhen>,
    /// When it was received; null where it was not asked for in this session.
    pub received_at: Option<Timestamp>,
    /// When billing had it.
    pub confirmed_at: Option<Timestamp>,
    /// When the subscription ends or ended, as billing had it then; null before that.
    pub effective_at: Option<Timestamp>,
    /// When operations took it back, where they did: the subscription goes on then.
    pub taken_back_at: Option<Timestamp>,
}

/// How far a cancellation has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
#[schema(as = ReceiptCancellationState)]
pub enum CancellationState {
    /// It was received and is on its way to billing.
    Received,
    /// Billing has it; `effective_at` says when it takes effect.
    Confirmed,
    /// It was confirmed, and operations took it back afterwards.
    TakenBack,
}

/// An offer that was accepted.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[schema(as = ReceiptOffer)]
pub struct Acceptance {
    /// The offer.
    pub offer: OfferId,
    /// Its key in the flow.
    pub key: Key,
    /// Type and terms.
    #[serde(flatten)]
    pub terms: Terms,
    /// What was picked of the terms' `choices`, counted from 0.
    #[schema(value_type = Option<u8>)]
    pub choice: Option<Choice>,
    /// How far it has come.
    pub state: AcceptanceState,
    /// When it was accepted.
    pub accepted_at: Option<Timestamp>,
    /// When billing had it, or had refused it for good.
    pub settled_at: Option<Timestamp>,
    /// When operations took it back, where they did.
    pub taken_back_at: Option<Timestamp>,
}

/// How far an accepted offer has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
#[schema(as = ReceiptOfferState)]
pub enum AcceptanceState {
    /// Recorded; it asks nothing of billing.
    Recorded,
    /// On its way to billing.
    Applying,
    /// Billing has it.
    Applied,
    /// Billing refused it for good; nothing was changed.
    Rejected,
    /// It was applied, and operations took it back afterwards.
    TakenBack,
}

/// The end of a pause that was asked for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[schema(as = ReceiptResumption)]
pub struct Resumption {
    /// How far it has come.
    pub state: ResumptionState,
    /// When it was received.
    pub received_at: Option<Timestamp>,
    /// When billing had it, or had refused it for good.
    pub settled_at: Option<Timestamp>,
}

/// How far the end of a pause has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
#[schema(as = ReceiptResumptionState)]
pub enum ResumptionState {
    /// It was received and is on its way to billing, or gave way to a cancellation.
    Received,
    /// Billing has it.
    Confirmed,
    /// Billing refused it for good; nothing was changed.
    Rejected,
}

/// One thing that happened. Texts are in no language here: of them there is a digest.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct ReceiptEvent {
    /// When.
    pub at: Timestamp,
    /// What.
    #[serde(flatten)]
    pub what: What,
    /// The SHA-256, in hexadecimal, of the `hash` before it (empty for the first), a line feed, and the compact JSON of
    /// this event without `hash`.
    pub hash: String,
}

impl From<&Entry> for ReceiptEvent {
    fn from(entry: &Entry) -> Self {
        Self { at: entry.at, what: entry.what.clone(), hash: entry.hash.clone() }
    }
}

/// What stands for the events.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[schema(as = ReceiptEvidence)]
pub struct Standing {
    /// The last `hash`: who keeps it can show later that no event before it was changed or taken out. Null where nothing
    /// is recorded.
    pub head: Option<String>,
    /// When the events were deleted, since they had to be kept no longer.
    pub deleted_at: Option<Timestamp>,
}

/// The receipt of a session.
#[must_use]
pub fn receipt(session: &Session) -> Receipt {
    let evidence = &session.evidence;
    let policy = session.jurisdiction.as_ref().map(|rules| &rules.policy);
    Receipt {
        session: session.id,
        livemode: session.livemode,
        subscription: session.subscription.clone(),
        status: session.status(),
        created_at: session.created_at,
        closed_at: session.closed_at,
        policy: PolicyName {
            key: policy.map_or_else(|| "none".to_owned(), |policy| policy.key.to_string()),
            version: policy.map_or(1, |policy| policy.version),
        },
        exit_visible: exit_visible(evidence),
        permission: session.permission(),
        reason: session.answers.reason.clone(),
        cancellation: cancellation(session),
        accepted: session.offers.iter().filter_map(|offer| acceptance(session, offer)).collect(),
        resumption: resumption(session),
        events: evidence.entries().iter().map(ReceiptEvent::from).collect(),
        evidence: Standing { head: evidence.head().map(str::to_owned), deleted_at: evidence.deleted_at() },
    }
}

fn exit_visible(evidence: &Evidence) -> Option<bool> {
    let said = |entry: &Entry| match entry.what {
        What::Begun { exit_visible, .. } | What::Presented { exit_visible, .. } => Some(exit_visible),
        _ => None,
    };
    evidence.entries().iter().filter_map(said).reduce(|before, next| before && next)
}

fn cancellation(session: &Session) -> Option<Cancellation> {
    let evidence = &session.evidence;
    let received = evidence.entries().iter().rev().find_map(|entry| match entry.what {
        What::CancelReceived { when } => Some((entry.at, when)),
        _ => None,
    });
    let taken_back_at = evidence.last(|what| *what == What::TakenBack { offer: None });
    let (state, when, effective_at) = match session.state {
        State::Canceling { when, .. } => (CancellationState::Received, Some(when), None),
        State::Canceled { effective_at } => {
            let state = match taken_back_at {
                None => CancellationState::Confirmed,
                Some(_) => CancellationState::TakenBack,
            };
            (state, received.map(|(_, when)| when), effective_at.filter(|_| taken_back_at.is_none()))
        }
        _ => return None,
    };
    Some(Cancellation {
        state,
        when,
        received_at: received.map(|(at, _)| at),
        confirmed_at: session.closed_at,
        effective_at,
        taken_back_at,
    })
}

fn acceptance(session: &Session, offer: &PresentedOffer) -> Option<Acceptance> {
    let id = offer.id;
    let last = |of: What| session.evidence.last(|what| *what == of);
    let (applied, rejected) = (last(What::Applied { offer: id }), last(What::Rejected { offer: id }));
    let taken_back_at = last(What::TakenBack { offer: Some(id) });
    let saved = session.state == State::Saved { offer: Some(id) };
    let state = match offer.state {
        OfferState::Presented | OfferState::Declined => return None,
        OfferState::Rejected => AcceptanceState::Rejected,
        OfferState::Accepted if taken_back_at.is_some() => AcceptanceState::TakenBack,
        OfferState::Accepted if !offer.terms.changes_billing() => AcceptanceState::Recorded,
        OfferState::Accepted if applied.is_some() || saved => AcceptanceState::Applied,
        OfferState::Accepted => AcceptanceState::Applying,
    };
    let settled_at = match state {
        AcceptanceState::Rejected => rejected,
        // Where no evidence is left, what closed the session was this.
        AcceptanceState::Applied => applied.or(session.closed_at.filter(|_| saved)),
        AcceptanceState::TakenBack => applied,
        AcceptanceState::Recorded | AcceptanceState::Applying => None,
    };
    Some(Acceptance {
        offer: id,
        key: offer.key.clone(),
        terms: offer.terms.clone(),
        choice: offer.choice,
        state,
        accepted_at: offer.decided_at,
        settled_at,
        taken_back_at,
    })
}

fn resumption(session: &Session) -> Option<Resumption> {
    let evidence = &session.evidence;
    let received_at = evidence.last(|what| *what == What::ResumeReceived);
    let rejected = evidence.last(|what| *what == What::ResumeRejected);
    let (state, settled_at) = match (&session.state, received_at) {
        (State::Resumed, _) => (ResumptionState::Confirmed, session.closed_at),
        (State::Resuming { .. }, _) => (ResumptionState::Received, None),
        (_, Some(_)) if rejected >= received_at => (ResumptionState::Rejected, rejected),
        (_, Some(_)) => (ResumptionState::Received, None),
        (_, None) => return None,
    };
    Some(Resumption { state, received_at, settled_at })
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::domain::ids::OperationId;
    use crate::domain::operation::{Effect, Operation, OperationState};

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
        Operation::new(id, session, offer, effect, at(0), at(0))
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
}
