//! Offers: what may be given, and its terms.
//!
//! A flow defines offers under keys; a session presents them, and from then on keeps its own frozen copy, so that a
//! later version of the flow cannot change what somebody has been promised.

mod ask;
mod discount;
mod key;
mod money;
mod pause;
mod plan;
mod preview;

use std::sync::Arc;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use strum::{EnumString, IntoStaticStr, VariantArray};
use utoipa::ToSchema;

use super::hold::BudgetHold;
use super::ids::{OfferId, PriceId};
use super::span::Span;
pub use ask::{AskState, AskType, PresentedAsk};
pub use discount::{
    DiscountDuration, DiscountTerms, DiscountValue, DiscountWire, DurationWord, InvalidDiscount,
    MAX_DISCOUNT_MONTHS,
};
pub use key::{InvalidKey, Key};
pub use money::{
    Cap, CreditTerms, InstallmentsTerms, MAX_AMOUNT, MAX_PART_DAYS, MAX_PARTS, MAX_WAIVED_INVOICES,
    MIN_PARTS, WaiverTerms,
};
pub use pause::{MAX_PAUSE_DAYS, PauseAccess, PauseBehavior, PauseTerms};
pub use plan::{PlanChangeTerms, PlanChangeWhen, PlanChoice, Proration};
pub use preview::{NewPlan, Part, Preview, Waived};

/// The type of an offer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
#[derive(EnumString, IntoStaticStr, VariantArray)]
#[strum(serialize_all = "snake_case")]
pub enum OfferType {
    /// A coupon on the subscription.
    Discount,
    /// Billing paused for a while, with access kept or withdrawn.
    Pause,
    /// The trial, or the next charge, moved later.
    TrialExtension,
    /// A zero-price item that carries features.
    FreeFeatures,
    /// Another price for the plan.
    PlanChange,
    /// What is owed, or the coming invoice, in parts on dates.
    Installments,
    /// Open invoices forgiven.
    Waiver,
    /// A credit on the customer's balance.
    Credit,
    /// Somebody to talk to.
    Contact,
    /// Another place to go.
    Redirect,
    /// Whatever the app makes of it.
    Custom,
}

impl OfferType {
    /// Every type, in the order of the documentation.
    pub const ALL: &[Self] = Self::VARIANTS;

    /// The word on the wire.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        self.into()
    }
}

/// The furthest a trial may be moved, in days: Stripe allows two years.
pub const MAX_TRIAL_DAYS: u16 = 730;

/// Terms of a trial extension.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct TrialExtensionTerms {
    /// Days added to the trial, 1 to 730.
    #[schema(minimum = 1, maximum = 730)]
    pub days: u16,
}

/// Terms of free features: a price of zero whose product carries them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct FreeFeaturesTerms {
    /// The zero-price price to attach.
    pub price: PriceId,
    /// What the subscriber gets, in words for the page; at most 20.
    #[serde(default)]
    #[schema(max_items = 20)]
    pub features: Vec<String>,
    /// For how long.
    pub lasts: Span,
}

/// Terms of a contact offer; at least one way to reach somebody.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ContactTerms {
    /// Where to write to or to book a call; `https:` or `mailto:`.
    pub url: url::Url,
}

/// Terms of a redirect.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct RedirectTerms {
    /// Where to go; `https:`.
    pub url: url::Url,
}

/// Terms of a custom offer: a JSON object handed to the app as it is.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(transparent)]
#[schema(value_type = Object)]
pub struct CustomTerms(pub serde_json::Map<String, serde_json::Value>);

/// An offer's type with its terms.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(tag = "type", content = "terms", rename_all = "snake_case")]
#[schema(as = OfferTerms)]
pub enum Terms {
    /// A coupon on the subscription.
    #[schema(value_type = DiscountWire)]
    Discount(DiscountTerms),
    /// Billing paused for a while, with access kept or withdrawn.
    Pause(PauseTerms),
    /// The trial, or the next charge, moved later.
    TrialExtension(TrialExtensionTerms),
    /// A zero-price item that carries features.
    FreeFeatures(FreeFeaturesTerms),
    /// Another price for the plan.
    PlanChange(PlanChangeTerms),
    /// What is owed, or the coming invoice, in parts on dates.
    Installments(InstallmentsTerms),
    /// Open invoices forgiven.
    Waiver(WaiverTerms),
    /// A credit on the customer's balance.
    Credit(CreditTerms),
    /// Somebody to talk to.
    Contact(ContactTerms),
    /// Another place to go.
    Redirect(RedirectTerms),
    /// Whatever the app makes of it.
    Custom(CustomTerms),
}

impl Terms {
    /// The type.
    #[must_use]
    pub fn offer_type(&self) -> OfferType {
        match self {
            Self::Discount(_) => OfferType::Discount,
            Self::Pause(_) => OfferType::Pause,
            Self::TrialExtension(_) => OfferType::TrialExtension,
            Self::FreeFeatures(_) => OfferType::FreeFeatures,
            Self::PlanChange(_) => OfferType::PlanChange,
            Self::Installments(_) => OfferType::Installments,
            Self::Waiver(_) => OfferType::Waiver,
            Self::Credit(_) => OfferType::Credit,
            Self::Contact(_) => OfferType::Contact,
            Self::Redirect(_) => OfferType::Redirect,
            Self::Custom(_) => OfferType::Custom,
        }
    }

    /// Whether accepting it changes anything in billing; what only hands on does not.
    #[must_use]
    pub fn changes_billing(&self) -> bool {
        !matches!(self, Self::Contact(_) | Self::Redirect(_) | Self::Custom(_))
    }
}

/// The texts of an offer in one language, variables filled in; plain text, never markup.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[schema(as = OfferCopy)]
pub struct Copy {
    /// One line.
    #[schema(value_type = String)]
    pub headline: Arc<str>,
    /// A paragraph.
    #[schema(value_type = String)]
    pub body: Arc<str>,
    /// The label of the button that accepts.
    #[schema(value_type = String)]
    pub accept: Arc<str>,
    /// The label of the button that declines.
    #[schema(value_type = String)]
    pub decline: Arc<str>,
}

/// What has happened to an offer in its session.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
#[derive(EnumString, IntoStaticStr)]
#[strum(serialize_all = "snake_case")]
pub enum OfferState {
    /// Shown, not answered.
    Presented,
    /// Taken.
    Accepted,
    /// Turned down.
    Declined,
    /// Taken, but billing refused it for good.
    Rejected,
}

impl OfferState {
    /// The word on the wire.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        self.into()
    }
}

/// What the subscriber picks where an offer leaves a choice: an index into the terms' `choices`.
pub type Choice = u8;

/// An offer as one session presented it, frozen.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PresentedOffer {
    /// Its id in this session.
    pub id: OfferId,
    /// Its key in the flow.
    pub key: Key,
    /// Type and terms.
    #[serde(flatten)]
    pub terms: Terms,
    /// What has happened to it.
    pub state: OfferState,
    /// The texts.
    pub copy: Copy,
    /// What the next invoice or dates would become.
    pub preview: Preview,
    /// When it was presented.
    pub presented_at: Timestamp,
    /// Until when it may be accepted.
    pub expires_at: Timestamp,
    /// When it was accepted, declined or rejected.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub decided_at: Option<Timestamp>,
    /// What was picked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub choice: Option<Choice>,
    /// What it asks in return.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub asks: Vec<PresentedAsk>,
    /// What it holds of budgets and caps: set aside as long as it can be accepted, and for good where it is accepted and
    /// no operation carries it out.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub holds: Vec<BudgetHold>,
}
