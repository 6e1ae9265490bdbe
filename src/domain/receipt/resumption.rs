//! How far the end of a pause has come.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::domain::evidence::What;
use crate::domain::session::{Session, State};

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

/// The end of a pause that a session was asked for, if it was.
pub(super) fn resumption(session: &Session) -> Option<Resumption> {
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
