//! Something in return: what an offer asks of the subscriber, and what becomes of it.

use serde::{Deserialize, Serialize};
use strum::{EnumString, IntoStaticStr, VariantArray};
use utoipa::ToSchema;

use super::Key;

/// What is asked in return.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
#[derive(EnumString, IntoStaticStr, VariantArray)]
#[strum(serialize_all = "snake_case")]
pub enum AskType {
    /// To recommend the app to somebody.
    Referral,
    /// To tell in public how the app helped.
    SuccessStory,
    /// To take part in a webinar.
    Webinar,
    /// To stay for a year.
    AnnualCommitment,
    /// Whatever the label says.
    Custom,
}

impl AskType {
    /// Every type, in the order of the documentation.
    pub const ALL: &[Self] = Self::VARIANTS;

    /// The word on the wire.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        self.into()
    }
}

/// What became of an ask of an accepted offer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
#[derive(EnumString, IntoStaticStr)]
#[strum(serialize_all = "snake_case")]
pub enum AskState {
    /// The subscriber agreed to it.
    Agreed,
    /// The subscriber accepted the offer without it.
    Refused,
    /// The subscriber has done it.
    Fulfilled,
    /// It is asked no more.
    Waived,
    /// Billing refused the offer, so that nothing is asked for it.
    Withdrawn,
}

impl AskState {
    /// The word on the wire.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        self.into()
    }
}

/// What one presented offer asks in return, frozen.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[schema(as = OfferAsk)]
pub struct PresentedAsk {
    /// Its key, unique in the offer; what to send when accepting.
    pub key: Key,
    /// Its type.
    #[serde(rename = "type")]
    pub ask_type: AskType,
    /// What to show.
    pub label: String,
    /// Whether the offer can only be accepted together with it.
    pub required: bool,
    /// Whether the subscriber agreed to it; absent until the offer is accepted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub agreed: Option<bool>,
}
