//! How far an accepted offer has come.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::domain::evidence::What;
use crate::domain::ids::OfferId;
use crate::domain::offer::{Choice, Key, OfferState, PresentedOffer, Terms};
use crate::domain::session::{Session, State};

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

/// What became of an offer that was accepted; none of any other.
pub(super) fn acceptance(session: &Session, offer: &PresentedOffer) -> Option<Acceptance> {
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
