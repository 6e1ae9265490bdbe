//! How far a cancellation has come.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::domain::evidence::What;
use crate::domain::operation::CancelWhen;
use crate::domain::session::{Session, State};

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

/// The cancellation of a session, as far as its evidence and its state tell; none where there is none.
pub(super) fn cancellation(session: &Session) -> Option<Cancellation> {
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
