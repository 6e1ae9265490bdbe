//! Offers: what may be given, and its terms.
//!
//! A flow defines offers under keys; a session presents them, and from then on keeps its own frozen copy, so that a
//! later version of the flow cannot change what somebody has been promised.

use std::fmt;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::ids::{OfferId, PriceId};
use super::money::{Currency, Money, Percent};
use super::preview::Preview;
use super::span::Span;

/// The key of an offer, segment or reason within a flow: 1 to 64 of `a-z 0-9 - _`, first a letter or digit.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, ToSchema)]
#[serde(try_from = "String", into = "String")]
#[schema(value_type = String, pattern = "^[a-z0-9][a-z0-9_-]{0,63}$")]
pub struct Key(Box<str>);

/// A text that is no key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a key: expected 1 to 64 of `a-z`, `0-9`, `-` and `_`, starting with a letter or digit")]
pub struct InvalidKey;

impl Key {
    /// The key's text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}
impl std::str::FromStr for Key {
    type Err = InvalidKey;

    fn from_str(text: &str) -> Result<Self, InvalidKey> {
        let plain = |b: &u8| b.is_ascii_lowercase() || b.is_ascii_digit();
        let starts_well = text.as_bytes().first().is_some_and(plain);
        let reads_well = text.as_bytes().iter().all(|b| plain(b) || matches!(b, b'-' | b'_'));
        if starts_well && reads_well && text.len() <= 64 { Ok(Self(text.into())) } else { Err(InvalidKey) }
    }
}
impl TryFrom<String> for Key {
    type Error = InvalidKey;

    fn try_from(text: String) -> Result<Self, InvalidKey> {
        text.parse()
    }
}
impl From<Key> for String {
    fn from(key: Key) -> Self {
        key.0.into()
    }
}
impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}
impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The type of an offer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum OfferType {
    /// A coupon on the subscription.
    Discount,
    /// Collection paused for a while.
    Pause,
    /// The trial, or the next charge, moved later.
    TrialExtension,
    /// A zero-price item that carries features.
    FreeFeatures,
    /// Somebody to talk to.
    Contact,
    /// Another place to go.
    Redirect,
    /// Whatever the app makes of it.
    Custom,
}

impl OfferType {
    /// Every type, in the order of the documentation.
    pub const ALL: [Self; 7] = [
        Self::Discount,
        Self::Pause,
        Self::TrialExtension,
        Self::FreeFeatures,
        Self::Contact,
        Self::Redirect,
        Self::Custom,
    ];

    /// The word on the wire.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Discount => "discount",
            Self::Pause => "pause",
            Self::TrialExtension => "trial_extension",
            Self::FreeFeatures => "free_features",
            Self::Contact => "contact",
            Self::Redirect => "redirect",
            Self::Custom => "custom",
        }
    }
}

/// How much a discount takes off.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DiscountValue {
    /// A share of the invoice.
    Percent(Percent),
    /// An amount, greater than zero.
    Amount(Money),
}

/// How long a discount lasts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DiscountDuration {
    /// The next invoice.
    Once,
    /// 1 to [`MAX_DISCOUNT_MONTHS`] months.
    Repeating {
        /// Months.
        months: u16,
    },
    /// For good. Stripe refuses it for amounts (since 2025-03-31.basil).
    Forever,
}

/// The longest repeating discount, in months.
pub const MAX_DISCOUNT_MONTHS: u16 = 36;
/// The longest pause, in days; three years, as in Stripe's customer portal.
pub const MAX_PAUSE_DAYS: u16 = 1095;
/// The furthest a trial may be moved, in days: Stripe allows two years.
pub const MAX_TRIAL_DAYS: u16 = 730;

/// Terms of a discount.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "DiscountWire", into = "DiscountWire")]
pub struct DiscountTerms {
    /// How much.
    pub value: DiscountValue,
    /// How long.
    pub duration: DiscountDuration,
}

/// The words that name a discount's duration on the wire.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum DurationWord {
    /// The next invoice.
    Once,
    /// A number of months.
    Repeating,
    /// For good.
    Forever,
}

/// Terms of a discount as they are written: exactly one of `percent_off` and `amount_off` with `currency`;
/// `duration_in_months` exactly when the duration is `repeating`.
#[derive(Clone, Copy, Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = DiscountTerms)]
pub struct DiscountWire {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    percent_off: Option<Percent>,
    /// Minor units.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(minimum = 1, maximum = 99_999_999)]
    amount_off: Option<i64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    currency: Option<Currency>,
    duration: DurationWord,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(minimum = 1, maximum = 36)]
    duration_in_months: Option<u16>,
}

/// Why written terms of a discount are refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum InvalidDiscount {
    /// None or both of the ways to say how much.
    #[error("expected exactly one of `percent_off` and `amount_off`")]
    Value,
    /// An amount without a currency, or a currency without an amount.
    #[error("`currency` goes with `amount_off`, and `amount_off` needs it")]
    Currency,
    /// An amount of zero or less.
    #[error("`amount_off` must be at least 1 minor unit")]
    Amount,
    /// Months missing, out of range, or given without `repeating`.
    #[error("`duration_in_months` (1 to 36) goes with `duration: repeating`, and that needs it")]
    Months,
    /// An amount for good.
    #[error("Stripe refuses `amount_off` with `duration: forever`; use `percent_off` or `repeating`")]
    AmountForever,
}

impl TryFrom<DiscountWire> for DiscountTerms {
    type Error = InvalidDiscount;

    fn try_from(wire: DiscountWire) -> Result<Self, InvalidDiscount> {
        let value = match (wire.percent_off, wire.amount_off, wire.currency) {
            (Some(percent), None, None) => DiscountValue::Percent(percent),
            (None, Some(amount), Some(currency)) if amount > 0 => {
                DiscountValue::Amount(Money { amount, currency })
            }
            (None, Some(_), Some(_)) => return Err(InvalidDiscount::Amount),
            (Some(_), None, Some(_)) | (None, Some(_), None) => return Err(InvalidDiscount::Currency),
            _ => return Err(InvalidDiscount::Value),
        };
        let duration = match (wire.duration, wire.duration_in_months) {
            (DurationWord::Once, None) => DiscountDuration::Once,
            (DurationWord::Forever, None) => DiscountDuration::Forever,
            (DurationWord::Repeating, Some(months @ 1..=MAX_DISCOUNT_MONTHS)) => {
                DiscountDuration::Repeating { months }
            }
            _ => return Err(InvalidDiscount::Months),
        };
        if matches!((value, duration), (DiscountValue::Amount(_), DiscountDuration::Forever)) {
            return Err(InvalidDiscount::AmountForever);
        }
        Ok(Self { value, duration })
    }
}

impl From<DiscountTerms> for DiscountWire {
    fn from(terms: DiscountTerms) -> Self {
        let (percent_off, amount_off) = match terms.value {
            DiscountValue::Percent(percent) => (Some(percent), None),
            DiscountValue::Amount(money) => (None, Some(money)),
        };
        let (duration, duration_in_months) = match terms.duration {
            DiscountDuration::Once => (DurationWord::Once, None),
            DiscountDuration::Repeating { months } => (DurationWord::Repeating, Some(months)),
            DiscountDuration::Forever => (DurationWord::Forever, None),
        };
        Self {
            percent_off,
            amount_off: amount_off.map(|money| money.amount),
            currency: amount_off.map(|money| money.currency),
            duration,
            duration_in_months,
        }
    }
}

/// What becomes of invoices while collection is paused; Stripe's `pause_collection.behavior`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum PauseBehavior {
    /// Made and voided: the time is free.
    #[default]
    Void,
    /// Kept as drafts, to be collected later.
    KeepAsDraft,
    /// Made and marked uncollectible.
    MarkUncollectible,
}

impl PauseBehavior {
    /// The word on the wire, Stripe's and ours.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Void => "void",
            Self::KeepAsDraft => "keep_as_draft",
            Self::MarkUncollectible => "mark_uncollectible",
        }
    }
}

/// Terms of a pause: the subscriber chooses one of the lengths.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct PauseTerms {
    /// One to ten lengths, each at most three years.
    #[schema(min_items = 1, max_items = 10)]
    pub choices: Vec<Span>,
    /// What becomes of invoices meanwhile.
    #[serde(default)]
    pub behavior: PauseBehavior,
}

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
pub enum Terms {
    /// A coupon on the subscription.
    #[schema(value_type = DiscountWire)]
    Discount(DiscountTerms),
    /// Collection paused for a while.
    Pause(PauseTerms),
    /// The trial, or the next charge, moved later.
    TrialExtension(TrialExtensionTerms),
    /// A zero-price item that carries features.
    FreeFeatures(FreeFeaturesTerms),
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
            Self::Contact(_) => OfferType::Contact,
            Self::Redirect(_) => OfferType::Redirect,
            Self::Custom(_) => OfferType::Custom,
        }
    }
}

/// The texts of an offer in one language, variables filled in; plain text, never markup.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Copy {
    /// One line.
    pub headline: String,
    /// A paragraph.
    pub body: String,
    /// The label of the button that accepts.
    pub accept: String,
    /// The label of the button that declines.
    pub decline: String,
}

/// What has happened to an offer in its session.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
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
        match self {
            Self::Presented => "presented",
            Self::Accepted => "accepted",
            Self::Declined => "declined",
            Self::Rejected => "rejected",
        }
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
    pub decided_at: Option<Timestamp>,
    /// What was picked.
    pub choice: Option<Choice>,
}
