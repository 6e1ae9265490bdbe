//! The words of a session: where it stands, what was answered, and why an action is refused.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use strum::{EnumString, IntoStaticStr};
use utoipa::ToSchema;

use crate::domain::feature::FeatureTag;
use crate::domain::ids::{OfferId, OperationId};
use crate::domain::offer::{Key, OfferState};
use crate::domain::operation::{CancelWhen, StripeFeedback};

/// Where a session stands, and, once it is closed, how it ended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "state", rename_all = "snake_case")]
pub enum State {
    /// The subscriber is deciding.
    Deciding,
    /// An offer is accepted and billing has not answered for good.
    Applying {
        /// The offer.
        offer: OfferId,
        /// Its operation.
        operation: OperationId,
    },
    /// A cancellation is accepted and billing has not answered for good.
    Canceling {
        /// When it takes effect.
        when: CancelWhen,
        /// Its operation.
        operation: OperationId,
    },
    /// The subscriber has come back from a pause and billing has not answered for good.
    Resuming {
        /// The operation that ends the pause.
        operation: OperationId,
    },
    /// The subscriber has come back from a pause.
    Resumed,
    /// The subscriber stays.
    Saved {
        /// The accepted offer, or none where the subscriber stayed without one.
        offer: Option<OfferId>,
    },
    /// Billing has the cancellation.
    Canceled {
        /// When the subscription ends or ended.
        effective_at: Option<Timestamp>,
    },
    /// Left open past its time.
    Abandoned,
}

/// The status of a session: in progress, then an outcome.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
#[derive(EnumString, IntoStaticStr)]
#[strum(serialize_all = "snake_case")]
#[schema(as = SessionStatus)]
pub enum Status {
    /// No outcome yet.
    InProgress,
    /// The subscriber stays.
    Saved,
    /// Billing has the cancellation.
    Canceled,
    /// Left open past its time.
    Abandoned,
}

impl Status {
    /// The word on the wire.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        self.into()
    }
}

/// What the front end should show next.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
#[derive(IntoStaticStr)]
#[strum(serialize_all = "snake_case")]
#[schema(as = SessionStep)]
pub enum Step {
    /// Ask a subscriber whom we have paused whether to come back.
    Resume,
    /// Ask why, if the subscriber wants to say.
    Survey,
    /// Ask whether offers may be shown.
    Permission,
    /// Show the offers.
    Offer,
    /// Confirm the cancellation.
    Confirm,
    /// An offer, or the end of a pause, is being applied.
    Applying,
    /// The cancellation is on its way to billing.
    Canceling,
    /// Nothing more.
    Done,
}

impl Step {
    /// The word on the wire.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        self.into()
    }
}

/// Which flow a session runs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct FlowRef {
    /// The flow's key.
    pub key: Key,
    /// The published version, from 1.
    pub version: i32,
}

/// The survey's answers.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Answers {
    /// The reason's key.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<Key>,
    /// The reason in Stripe's words.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub feedback: Option<StripeFeedback>,
    /// The answer to the reason's follow-up question.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub follow_up: Option<String>,
    /// Anything else the subscriber wrote.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub comment: Option<String>,
    /// The features that are missed.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub feature_tags: Vec<FeatureTag>,
    /// Whether the subscriber asked not to be contacted, once they have said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub do_not_contact: Option<bool>,
}

/// Why a session refuses an action.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    /// The session has its outcome.
    #[error("the session is closed with the outcome `{}`; begin a new one", .0.as_str())]
    Closed(Status),
    /// An offer is being applied.
    #[error("an accepted offer is being applied; read the session again, or cancel")]
    Applying,
    /// A pause is being ended.
    #[error("the subscription is being resumed; read the session again, or cancel")]
    Resuming,
    /// There is no pause of ours to end.
    #[error("no offer has paused this subscription; read the session for what is possible")]
    NotPaused,
    /// A cancellation is on its way.
    #[error("the cancellation is already on its way to billing; read the session again")]
    Canceling,
    /// The session has no such offer.
    #[error("the session has no such offer")]
    NoSuchOffer,
    /// The offer has been answered.
    #[error("the offer is `{}` already", .0.as_str())]
    OfferDecided(OfferState),
    /// The offer's time is over.
    #[error("the offer has expired; read the session for what is possible now")]
    OfferExpired,
    /// Billing could not be asked when the session began.
    #[error("billing could not be asked when this session began; begin a new one to get this offer")]
    BillingUnknown,
    /// A choice is missing, out of range, or there is none to make.
    #[error("{0}")]
    Choice(&'static str),
    /// The rules of the subscriber's place allow no survey.
    #[error("no survey may be shown here before the cancellation; cancel, or keep the subscription")]
    SurveyNotPermitted,
    /// Nobody has to ask whether offers may be shown.
    #[error("no permission is needed; read the session for what is possible")]
    PermissionNotNeeded,
    /// The subscriber has answered whether offers may be shown.
    #[error("the subscriber has answered already, and is asked once per session")]
    PermissionAnswered,
    /// An ask is answered that the offer does not have.
    #[error("the offer asks no `{0}`; its `asks` say what it does")]
    UnknownAsk(Key),
    /// The offer cannot be had without it.
    #[error("this offer needs your agreement to `{0}`; send `true` for it")]
    AskRequired(Key),
    /// The flow does not let subscriptions end at once.
    #[error("this flow ends subscriptions with the paid period; send `period_end`")]
    NowNotAllowed,
}
