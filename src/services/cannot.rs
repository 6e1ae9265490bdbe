//! What a subscription cannot take, and what is possible instead: the conflict with a reason of the published table.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::view::{Action, actions, cancel_url};
use crate::domain::ids::OfferId;
use crate::domain::ineligible::Ineligible;
use crate::domain::offer::OfferState;
use crate::domain::session::Session;
use crate::domain::subscription::Subscription;

/// Why a change was refused, and what may be done instead.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cannot {
    /// The reason, one of the published table.
    pub reason: Ineligible,
    /// The present state, in the words of the API.
    pub state: String,
    /// What is possible instead.
    pub possible: Possible,
}

/// What is possible instead.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Possible {
    /// What the session allows now; empty where there is none.
    #[schema(max_items = 10)]
    pub actions: Vec<Action>,
    /// The offers that may still be accepted.
    #[schema(max_items = 100)]
    pub offers: Vec<OfferId>,
    /// Where to post a cancellation.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub cancel_url: Option<String>,
    /// When the subscription ends or ended, where that is settled.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub effective_at: Option<Timestamp>,
}

impl Cannot {
    /// A session cannot begin, since the subscription ends anyway or has ended.
    pub(super) fn begin(reason: Ineligible, subscription: &Subscription) -> Self {
        let ends = subscription.ended_at.or(subscription.cancel_at);
        let ends =
            ends.or_else(|| subscription.current_period_end().filter(|_| !subscription.status.is_ended()));
        Self {
            reason,
            state: subscription.status.as_str().to_owned(),
            possible: Possible { effective_at: ends, ..Possible::default() },
        }
    }

    /// An accepted offer turned out to be impossible; the session goes on.
    pub(super) fn accept(reason: Ineligible, session: &Session) -> Self {
        let open = session.offers.iter().filter(|offer| offer.state == OfferState::Presented);
        let actions = actions(session);
        let cancel_url = actions.contains(&Action::Cancel).then(|| cancel_url(session.id));
        Self {
            reason,
            state: session.step().as_str().to_owned(),
            possible: Possible {
                offers: open.map(|offer| offer.id).collect(),
                cancel_url,
                actions,
                effective_at: None,
            },
        }
    }
}
