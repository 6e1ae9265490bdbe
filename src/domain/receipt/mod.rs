//! The receipt of a session: what its subscriber can keep of what was asked, shown, accepted and canceled.
//!
//! It is made of the session alone and tells no time of its own, so that it is the same whenever it is asked for. It is
//! in no language: keys and terms, and no texts. A cancellation that was received is not called confirmed before billing
//! has it. Each thing that takes its time has a file of its own; nothing here changes a session.

mod acceptance;
mod cancellation;
mod resumption;

use jiff::Timestamp;
use serde::Serialize;
use utoipa::ToSchema;

use super::evidence::{Entry, Evidence, What};
use super::ids::{SessionId, SubscriptionId};
use super::jurisdiction::Permission;
use super::offer::Key;
use super::session::{Session, Status};
use acceptance::acceptance;
pub use acceptance::{Acceptance, AcceptanceState};
use cancellation::cancellation;
pub use cancellation::{Cancellation, CancellationState};
use resumption::resumption;
pub use resumption::{Resumption, ResumptionState};

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

#[cfg(test)]
mod tests;
