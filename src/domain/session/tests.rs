use proptest::prelude::*;

use super::*;
use crate::domain::ids::OfferId;
use crate::domain::offer::Preview;
use crate::domain::offer::{ContactTerms, Copy, PauseAccess, PauseBehavior, PauseTerms, Terms};
use crate::domain::operation::{Operation, OperationState};
use crate::domain::pause::Mechanism;
use crate::domain::receipt::{CancellationState, receipt};
use crate::domain::span::{Interval, Span};

fn now() -> Timestamp {
    "2027-03-01T12:00:00Z".parse().unwrap()
}

fn later(hours: i64) -> Timestamp {
    now() + jiff::SignedDuration::from_hours(hours)
}

fn offer(key: &str, terms: Terms) -> PresentedOffer {
    PresentedOffer {
        id: OfferId::generate(now()),
        key: key.parse().unwrap(),
        terms,
        state: OfferState::Presented,
        copy: Copy::default(),
        preview: Preview::default(),
        presented_at: now(),
        expires_at: later(24),
        decided_at: None,
        choice: None,
        asks: Vec::new(),
        holds: Vec::new(),
    }
}

fn session() -> Session {
    let length = |count| Span { interval: Interval::Month, count };
    let pause = PauseTerms {
        choices: vec![length(1), length(3)],
        behavior: PauseBehavior::Void,
        access: PauseAccess::Kept,
    };
    let contact = ContactTerms { url: "https://example.com/".parse().unwrap() };
    Session {
        id: SessionId::generate(now()),
        customer: "customer".parse().unwrap(),
        subscription: "sub_1".parse().unwrap(),
        livemode: false,
        snapshot: None,
        snapshot_at: None,
        flow: FlowRef { key: "default".parse().unwrap(), version: 1 },
        locale: "en".to_owned(),
        context: None,
        cancel_now_allowed: false,
        pause: Some(OpenPause {
            operation: OperationId::derived(now(), "pause"),
            mechanism: Mechanism::Collection,
            access: PauseAccess::Kept,
            resumes_at: Some(later(720)),
            asking: true,
        }),
        state: State::Deciding,
        answers: Answers::default(),
        offers: vec![offer("pause", Terms::Pause(pause)), offer("talk", Terms::Contact(contact))],
        experiments: Vec::new(),
        needs_attention: false,
        created_at: now(),
        updated_at: now(),
        expires_at: later(24),
        closed_at: None,
        validated: Validated::default(),
        jurisdiction: None,
        evidence: Evidence::default(),
        let_go: false,
        reentry_of: None,
    }
}

/// Something that can happen to a session, by a subscriber, billing or time.
#[derive(Clone, Copy, Debug)]
enum Event {
    Answer,
    Accept(usize, Option<u8>),
    Decline(usize),
    Cancel(CancelWhen),
    Keep,
    Settle(OperationState),
    Refuse(usize),
    Resume,
    EndElsewhere,
    Expire,
}

fn events() -> impl Strategy<Value = Vec<Event>> {
    let outcome = prop_oneof![
        Just(OperationState::Applied),
        Just(OperationState::Rejected),
        Just(OperationState::NeedsAttention),
        Just(OperationState::Pending),
    ];
    let event = prop_oneof![
        Just(Event::Answer),
        (0..2_usize, prop::option::of(0..4_u8)).prop_map(|(offer, choice)| Event::Accept(offer, choice)),
        (0..2_usize).prop_map(Event::Decline),
        prop_oneof![Just(CancelWhen::PeriodEnd), Just(CancelWhen::Now)].prop_map(Event::Cancel),
        Just(Event::Keep),
        outcome.prop_map(Event::Settle),
        (0..2_usize).prop_map(Event::Refuse),
        Just(Event::Resume),
        Just(Event::EndElsewhere),
        Just(Event::Expire),
    ];
    prop::collection::vec(event, 0..20)
}

fn carried_out(session: &Session, id: OperationId, offer: Option<OfferId>) -> Operation {
    let effect =
        Effect::Pause { behavior: PauseBehavior::Void, access: PauseAccess::Kept, resumes_at: later(720) };
    session.operation(id, offer, effect, now())
}

/// Lets an event happen; says whether it was refused.
fn happen(session: &mut Session, event: Event) -> bool {
    let operation = OperationId::generate(now());
    let id = |session: &Session, index: usize| session.offers[index].id;
    match event {
        Event::Answer => session.answer(Answers::default(), now()).is_err(),
        Event::Accept(index, choice) => {
            let id = id(session, index);
            session.accept(id, choice, &Default::default(), operation, now()).is_err()
        }
        Event::Decline(index) => {
            let id = id(session, index);
            session.decline(id, now()).is_err()
        }
        Event::Cancel(when) => session.cancel(when, operation, now()).is_err(),
        Event::Keep => session.keep(now()).is_err(),
        Event::Settle(outcome) => {
            let awaited = session.awaited_operation().unwrap_or(operation);
            let offer = match session.state {
                State::Applying { offer, .. } => Some(offer),
                _ => None,
            };
            let awaited = carried_out(session, awaited, offer);
            !session.settle(&awaited, outcome, None, now())
        }
        Event::Refuse(index) => {
            // Of an operation that was left behind by a cancellation.
            let left = carried_out(session, operation, Some(id(session, index)));
            let behind = matches!(session.state, State::Canceling { .. } | State::Canceled { .. });
            !behind || !session.settle(&left, OperationState::Rejected, None, now())
        }
        Event::EndElsewhere => !session.ended_elsewhere(None, now()),
        Event::Resume => session.resume(operation, now()).is_err(),
        Event::Expire => !session.expire(later(25)),
    }
}

proptest! {
    /// Whatever happens in whatever order: an outcome is final, a refusal changes nothing, an accepted cancellation is
    /// never taken back, and as long as the session is open a cancel is accepted or on its way.
    #[test]
    fn the_rules_hold_under_any_sequence(events in events()) {
        let mut session = session();
        session.govern(None, now());
        for event in events {
            let before = session.clone();
            if happen(&mut session, event) {
                prop_assert_eq!(&session, &before);
            }
            if before.status() != Status::InProgress {
                prop_assert_eq!(&session.state, &before.state);
                prop_assert_eq!(session.closed_at, before.closed_at);
            }
            if matches!(before.state, State::Canceling { .. }) {
                let kept = matches!(session.state, State::Canceling { .. } | State::Canceled { .. });
                prop_assert!(kept, "the cancellation was taken back");
            }
            prop_assert_eq!(session.closed_at.is_some(), session.status() != Status::InProgress);
            prop_assert!(session.evidence.is_sound());
            let said = receipt(&session).cancellation.map(|cancellation| cancellation.state);
            let true_one = match session.state {
                State::Canceling { .. } => Some(CancellationState::Received),
                State::Canceled { .. } => Some(CancellationState::Confirmed),
                _ => None,
            };
            prop_assert_eq!(said, true_one);
            let mut copy = session.clone();
            let canceling = matches!(copy.state, State::Canceling { .. });
            let accepted = copy.cancel(CancelWhen::PeriodEnd, OperationId::generate(now()), now()).is_ok();
            prop_assert_eq!(accepted || canceling, session.status() == Status::InProgress);
        }
    }
}

#[test]
fn an_operation_settled_twice_changes_nothing_the_second_time() {
    let mut session = session();
    let operation = OperationId::generate(now());
    let pause = session.offers[0].id;
    session.accept(pause, Some(1), &Default::default(), operation, now()).unwrap();
    let operation = carried_out(&session, operation, Some(pause));
    assert!(session.settle(&operation, OperationState::Applied, None, now()));
    let saved = session.clone();
    assert!(!session.settle(&operation, OperationState::Applied, None, later(1)));
    assert_eq!(session, saved);
}

#[test]
fn an_offer_refused_behind_a_cancellation_was_not_given() {
    for canceled in [false, true] {
        let mut session = session();
        let (offer, pausing, leaving) =
            (session.offers[0].id, OperationId::generate(now()), OperationId::generate(now()));
        session.accept(offer, Some(1), &Default::default(), pausing, now()).unwrap();
        let pausing = carried_out(&session, pausing, Some(offer));
        session.cancel(CancelWhen::PeriodEnd, leaving, now()).unwrap();
        if canceled {
            let leaving = carried_out(&session, leaving, None);
            assert!(session.settle(&leaving, OperationState::Applied, None, now()));
        }
        let state = session.state.clone();
        assert!(session.settle(&pausing, OperationState::Rejected, None, later(1)));
        assert_eq!((session.offers[0].state, &session.state), (OfferState::Rejected, &state));
        assert!(!session.settle(&pausing, OperationState::Rejected, None, later(2)));
    }
}

#[test]
fn who_was_paused_is_asked_to_come_back_until_they_say_why_they_leave() {
    let mut session = session();
    session.offers.clear();
    assert_eq!(session.step(), Step::Resume);
    let comment = Answers { comment: Some("hm".to_owned()), ..Answers::default() };
    session.answer(comment, now()).unwrap();
    assert_eq!(session.step(), Step::Resume);
    let reason = Answers { reason: Some("other".parse().unwrap()), ..Answers::default() };
    session.answer(reason, now()).unwrap();
    assert_eq!(session.step(), Step::Confirm);
    let operation = OperationId::generate(now());
    assert!(session.resume(operation, now()).is_ok());
    assert_eq!(session.awaited_operation(), Some(operation));
    assert_eq!(session.keep(now()), Err(Refused::Resuming));
    let mut canceled = session.clone();
    assert!(
        canceled.cancel(CancelWhen::Now, operation, now()).is_err_and(|why| why == Refused::NowNotAllowed)
    );
    assert!(canceled.cancel(CancelWhen::PeriodEnd, OperationId::generate(now()), now()).is_ok());
    let resumed = carried_out(&session, operation, None);
    assert!(session.settle(&resumed, OperationState::Applied, None, now()));
    assert_eq!((session.status(), session.step()), (Status::Saved, Step::Done));
}

#[test]
fn an_expired_offer_cannot_be_accepted_but_the_way_out_stays() {
    let mut session = session();
    let talk = session.offers[1].id;
    let operation = OperationId::generate(now());
    assert_eq!(
        session.accept(talk, None, &Default::default(), operation, later(25)),
        Err(Refused::OfferExpired)
    );
    assert!(session.cancel(CancelWhen::PeriodEnd, operation, later(25)).is_ok());
}

#[test]
fn the_pause_fixes_its_end_when_it_is_accepted() {
    let mut session = session();
    let pause = session.offers[0].id;
    let effect =
        session.accept(pause, Some(1), &Default::default(), OperationId::generate(now()), now()).unwrap();
    let resumes_at = "2027-06-01T12:00:00Z".parse().unwrap();
    assert_eq!(
        effect,
        Some(Effect::Pause { behavior: PauseBehavior::Void, access: PauseAccess::Kept, resumes_at })
    );
}
