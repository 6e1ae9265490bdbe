//! What billing has made of a session, and what to tell the subscriber of it.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::domain::ids::{OfferId, OperationId};
use crate::domain::offer::OfferState;
use crate::domain::session::{Session, State};

/// What billing has made of a session.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
#[schema(as = SessionBillingState)]
pub enum BillingState {
    /// Nothing asked of billing.
    None,
    /// On its way.
    Applying,
    /// Done, seen in Stripe.
    Applied,
    /// Refused for good; nothing was changed.
    Rejected,
    /// A person looks after it.
    NeedsAttention,
}

/// What billing has made of a session.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
#[schema(as = SessionBilling)]
pub struct BillingView {
    /// Where it stands.
    pub state: BillingState,
    /// The operation.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub operation: Option<OperationId>,
    /// Where to ask again while it is on its way.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub poll_url: Option<String>,
    /// What to tell the subscriber.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub detail: Option<String>,
}

/// Where it stands with billing.
pub(super) fn billing(session: &Session) -> BillingView {
    let refused = session.offers.iter().any(|offer| offer.state == OfferState::Rejected);
    let (state, detail) = match &session.state {
        State::Applying { .. } if session.needs_attention => {
            (BillingState::NeedsAttention, Some("We have received your choice and will confirm it."))
        }
        State::Canceling { .. } if session.needs_attention => {
            (BillingState::NeedsAttention, Some("We have received your cancellation and will confirm it."))
        }
        State::Applying { .. } => (BillingState::Applying, Some("Your choice is being applied.")),
        State::Resuming { .. } if session.needs_attention => {
            (BillingState::NeedsAttention, Some("We have received your wish to resume and will confirm it."))
        }
        State::Resuming { .. } => (BillingState::Applying, Some("Your subscription is being resumed.")),
        State::Resumed => (BillingState::Applied, None),
        State::Canceling { .. } => (BillingState::Applying, Some("We have received your cancellation.")),
        State::Saved { offer: Some(id) } if changes_billing(session, *id) => (BillingState::Applied, None),
        State::Canceled { .. } => (BillingState::Applied, None),
        State::Deciding if refused => (
            BillingState::Rejected,
            Some("This offer could not be applied and nothing was changed. You can still cancel."),
        ),
        _ => (BillingState::None, None),
    };
    let waiting = session.awaited_operation();
    BillingView {
        state,
        operation: waiting,
        poll_url: waiting.map(|_| format!("/v1/sessions/{}", session.id)),
        detail: detail.map(str::to_owned),
    }
}

fn changes_billing(session: &Session, id: OfferId) -> bool {
    session.offers.iter().any(|offer| offer.id == id && offer.terms.changes_billing())
}
