//! What the app is told of: events, written with the change they speak of, to be read or delivered later.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::drift::DriftKind;
use super::feature::FeatureTag;
use super::ids::{
    AskId, CustomerId, DriftId, EventId, OfferId, OperationId, PriceId, ProductId, SessionId, SignalId,
    SubscriptionId,
};
use super::offer::{AskType, Key, PauseAccess};
use super::pause::{Mechanism, PauseEnd};
use super::session::FlowRef;
use super::validation::Evidence;

/// The type of an event.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
pub enum EventType {
    /// Free features have ended, and could now be sold.
    #[serde(rename = "features.ended")]
    FeaturesEnded,
    /// A pause has begun for which access is to be withdrawn.
    #[serde(rename = "pause.started")]
    PauseStarted,
    /// A pause that we made is over.
    #[serde(rename = "pause.ended")]
    PauseEnded,
    /// A save has reached 30, 60 or 90 days, or its subscription has ended before.
    #[serde(rename = "save.checked")]
    SaveChecked,
    /// Stripe no longer shows what a billing operation brought about.
    #[serde(rename = "drift.found")]
    DriftFound,
    /// A subscription's facts have become what a signal of the flow waits for.
    #[serde(rename = "signal.raised")]
    SignalRaised,
    /// A feature is there for whose lack somebody had left.
    #[serde(rename = "winback.feature_shipped")]
    FeatureShipped,
    /// A subscriber has done what an offer asked in return.
    #[serde(rename = "ask.fulfilled")]
    AskFulfilled,
    /// What an offer asked in return is asked no more.
    #[serde(rename = "ask.waived")]
    AskWaived,
}

impl EventType {
    /// The word on the wire.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::FeaturesEnded => "features.ended",
            Self::PauseStarted => "pause.started",
            Self::PauseEnded => "pause.ended",
            Self::SaveChecked => "save.checked",
            Self::DriftFound => "drift.found",
            Self::SignalRaised => "signal.raised",
            Self::FeatureShipped => "winback.feature_shipped",
            Self::AskFulfilled => "ask.fulfilled",
            Self::AskWaived => "ask.waived",
        }
    }
}

/// An event's type with what it tells.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(tag = "type", content = "data")]
pub enum EventData {
    /// Free features have ended, and could now be sold.
    #[serde(rename = "features.ended")]
    FeaturesEnded(FeaturesEnded),
    /// A pause has begun for which access is to be withdrawn.
    #[serde(rename = "pause.started")]
    PauseStarted(PauseStarted),
    /// A pause that we made is over.
    #[serde(rename = "pause.ended")]
    PauseEnded(PauseEnded),
    /// A save has reached 30, 60 or 90 days, or its subscription has ended before.
    #[serde(rename = "save.checked")]
    SaveChecked(SaveChecked),
    /// Stripe no longer shows what a billing operation brought about.
    #[serde(rename = "drift.found")]
    DriftFound(DriftFound),
    /// A subscription's facts have become what a signal of the flow waits for.
    #[serde(rename = "signal.raised")]
    SignalRaised(SignalRaised),
    /// A feature is there for whose lack somebody had left.
    #[serde(rename = "winback.feature_shipped")]
    FeatureShipped(FeatureShipped),
    /// A subscriber has done what an offer asked in return.
    #[serde(rename = "ask.fulfilled")]
    AskFulfilled(AskSettled),
    /// What an offer asked in return is asked no more.
    #[serde(rename = "ask.waived")]
    AskWaived(AskSettled),
}

impl EventData {
    /// The type.
    #[must_use]
    pub fn event_type(&self) -> EventType {
        match self {
            Self::FeaturesEnded(_) => EventType::FeaturesEnded,
            Self::PauseStarted(_) => EventType::PauseStarted,
            Self::PauseEnded(_) => EventType::PauseEnded,
            Self::SaveChecked(_) => EventType::SaveChecked,
            Self::DriftFound(_) => EventType::DriftFound,
            Self::SignalRaised(_) => EventType::SignalRaised,
            Self::FeatureShipped(_) => EventType::FeatureShipped,
            Self::AskFulfilled(_) => EventType::AskFulfilled,
            Self::AskWaived(_) => EventType::AskWaived,
        }
    }
}

/// How free features ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum FeaturesEnd {
    /// Taken away by us.
    Removed,
    /// Somebody else had taken them away before.
    RemovedElsewhere,
    /// The whole subscription had ended before.
    SubscriptionEnded,
}

/// Free features that have ended, and what could now be sold to the subscriber who knows them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[schema(as = FeaturesEndedData)]
pub struct FeaturesEnded {
    /// The zero price that carried them.
    pub price: PriceId,
    /// Its product, whose paid prices are what could be sold; absent where it is not known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub product: Option<ProductId>,
    /// What the subscriber had, in the words of the offer.
    pub features: Vec<String>,
    /// The offer that gave them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub offer: Option<OfferId>,
    /// The offer's key in the flow.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub offer_key: Option<Key>,
    /// When they were given; absent where it is not known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub given_at: Option<Timestamp>,
    /// When we saw that they had ended.
    pub ended_at: Timestamp,
    /// How.
    pub how: FeaturesEnd,
    /// The billing operation that took them away, or found them gone.
    pub operation: OperationId,
}

/// A pause for which access is to be withdrawn.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[schema(as = PauseStartedData)]
pub struct PauseStarted {
    /// `withdrawn`; a pause that keeps access is not told.
    pub access: PauseAccess,
    /// How Stripe pauses: with `subscription` its status is `paused` too, with `collection` it stays `active` and only
    /// the app can withdraw access.
    pub mechanism: Mechanism,
    /// When it is to end.
    pub resumes_at: Timestamp,
    /// The offer that gave it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub offer: Option<OfferId>,
    /// The offer's key in the flow.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub offer_key: Option<Key>,
    /// The billing operation that paused.
    pub operation: OperationId,
}

/// A pause that we made and that is over.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[schema(as = PauseEndedData)]
pub struct PauseEnded {
    /// Where `withdrawn`, access is to be given back, unless the subscription ended.
    pub access: PauseAccess,
    /// How it ended.
    pub how: PauseEnd,
    /// When we saw that it had ended.
    pub ended_at: Timestamp,
    /// The billing operation that had paused.
    pub pause: OperationId,
    /// The billing operation that ended it, or found it ended.
    pub operation: OperationId,
}

/// What became of a save.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[schema(as = SaveCheckedData)]
pub struct SaveChecked {
    /// Days after the save: 30, 60 or 90.
    pub days: u16,
    /// Whether it had held; absent where Stripe was asked too late to tell.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub validated: Option<bool>,
    /// What Stripe showed.
    pub evidence: Evidence,
}

/// Where Stripe differs from what a billing operation brought about.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[schema(as = DriftFoundData)]
pub struct DriftFound {
    /// Where it is listed.
    pub drift: DriftId,
    /// How Stripe differs.
    pub kind: DriftKind,
    /// The billing operation whose effect it is about.
    pub operation: OperationId,
    /// What should be there.
    pub expected: String,
    /// What Stripe showed.
    pub found: String,
    /// Whether it is repaired without a person.
    pub repairable: bool,
}

/// A signal that was raised.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[schema(as = SignalRaisedData)]
pub struct SignalRaised {
    /// Where it is listed.
    pub signal: SignalId,
    /// The signal's key in the flow.
    pub key: Key,
    /// The flow that waits for it.
    pub flow: FlowRef,
    /// Those of its segments that hold.
    pub segments: Vec<Key>,
}

/// A feature that is there, to somebody who left for its lack and did not ask not to be contacted.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[schema(as = FeatureShippedData)]
pub struct FeatureShipped {
    /// The feature.
    pub feature: FeatureTag,
    /// When operations said that it is there.
    pub shipped_at: Timestamp,
    /// When the subscriber left.
    pub left_at: Timestamp,
}

/// What an accepted offer asked in return, and nobody waits for any more.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[schema(as = AskSettledData)]
pub struct AskSettled {
    /// Where it is listed.
    pub ask: AskId,
    /// Its key in the offer.
    pub key: Key,
    /// Its type.
    pub ask_type: AskType,
    /// The offer.
    pub offer: OfferId,
    /// The offer's key in the flow.
    pub offer_key: Key,
    /// When the subscriber agreed to it.
    pub agreed_at: Timestamp,
    /// When operations said that it is done, or asked no more.
    pub settled_at: Timestamp,
}

/// Something to tell the app, not yet written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewEvent {
    /// Live or test mode.
    pub livemode: bool,
    /// The app's customer, where it is known; erased with the customer.
    pub customer: Option<CustomerId>,
    /// The subscription it is about.
    pub subscription: SubscriptionId,
    /// The session it goes back to, if it goes back to one.
    pub session: Option<SessionId>,
    /// For what may be told only once, what makes it the same: a second event with this text is not written.
    pub once: Option<String>,
    /// What it tells.
    pub data: EventData,
}

/// An event as written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Event {
    /// Its id, sortable by time.
    pub id: EventId,
    /// When it was written, in the same transaction as what it speaks of.
    pub created_at: Timestamp,
    /// Live or test mode.
    pub livemode: bool,
    /// The app's customer, where it is known.
    pub customer: Option<CustomerId>,
    /// The subscription it is about.
    pub subscription: SubscriptionId,
    /// The session it goes back to, if it goes back to one.
    pub session: Option<SessionId>,
    /// What it tells.
    pub data: EventData,
}
