//! The words of care in a flow: how long to wait, how often to give, how deep, and what is asked in return.

use std::borrow::Cow;
use std::collections::BTreeMap;

use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use strum::{IntoStaticStr, VariantArray};
use utoipa::ToSchema;

use crate::domain::money::Percent;
use crate::domain::offer::{AskType, DiscountTerms, DiscountValue, Key, OfferType, Terms};

/// Days that must pass after an accepted offer.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Cooldowns {
    /// Before any offer is presented again.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub any: Option<u16>,
    /// Before one of the same type is.
    #[serde(flatten)]
    pub by_type: BTreeMap<OfferType, u16>,
}

/// Days that must pass after a declined offer.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct DeclinedCooldowns {
    /// Before the same offer is presented again.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub offer: Option<u16>,
    /// Before one of the same type is.
    #[serde(flatten)]
    pub by_type: BTreeMap<OfferType, u16>,
}

impl DeclinedCooldowns {
    /// Whether nothing is asked.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

/// How often offers may be accepted, in all or in a rolling window.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct AcceptCap {
    /// What is counted.
    #[serde(flatten)]
    pub scope: CapScope,
    /// The most that may be accepted; at least 1.
    pub max: u32,
    /// In so many days; in all where it is left out. Of one customer, to the second; of an offer or a campaign, the
    /// present day (UTC) and those before it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub within_days: Option<u16>,
}

/// What a cap counts.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(tag = "per", rename_all = "snake_case")]
pub enum CapScope {
    /// What one customer accepts, on whatever subscription and in whatever flow.
    Customer {
        /// Of these types; of all where none is named.
        #[serde(skip_serializing_if = "Vec::is_empty")]
        offer_types: Vec<OfferType>,
    },
    /// How often one offer of the flow is accepted, by whomever.
    Offer {
        /// The offer.
        offer: Key,
    },
    /// How often the flow's offers of one campaign are accepted, by whomever.
    Campaign {
        /// The campaign.
        campaign: Key,
    },
}

impl AcceptCap {
    /// Names a cap on an offer or a campaign within its flow, the same in every version: `offer/half-off/30`. None for
    /// one on a customer, which is counted where the customer's offers are.
    #[must_use]
    pub fn key(&self) -> Option<String> {
        let (what, name) = match &self.scope {
            CapScope::Customer { .. } => return None,
            CapScope::Offer { offer } => ("offer", offer),
            CapScope::Campaign { campaign } => ("campaign", campaign),
        };
        let window = self.within_days.map_or_else(|| "all".to_owned(), |days| days.to_string());
        Some([what, name.as_str(), &window].join("/"))
    }

    /// Names the day that `now` is in, and the oldest day that counts; both none where all days count alike.
    #[must_use]
    pub fn days(&self, now: Timestamp) -> Option<(String, String)> {
        let before = SignedDuration::from_hours(24 * (i64::from(self.within_days?) - 1));
        let oldest = now.checked_sub(before).unwrap_or(Timestamp::MIN);
        let day = |at: Timestamp| TimeZone::UTC.to_datetime(at).date().to_string();
        Some((day(now), day(oldest)))
    }

    /// Since when what one customer accepted counts; none where all of it does.
    #[must_use]
    pub fn since(&self, now: Timestamp) -> Option<Timestamp> {
        let window = SignedDuration::from_hours(24 * i64::from(self.within_days?));
        Some(now.checked_sub(window).unwrap_or(Timestamp::MIN))
    }

    /// Whether accepting this offer counts.
    #[must_use]
    pub fn covers(&self, key: &Key, offer_type: OfferType, campaign: Option<&Key>) -> bool {
        match &self.scope {
            CapScope::Customer { offer_types } => offer_types.is_empty() || offer_types.contains(&offer_type),
            CapScope::Offer { offer } => offer == key,
            CapScope::Campaign { campaign: named } => campaign == Some(named),
        }
    }
}

/// How deep a discount may go. Its terms say the least, which everybody gets for whom no segment here holds.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = FlowDepth)]
pub struct Depth {
    /// The most, in percent; no segment may be given more.
    pub max: Percent,
    /// Percent off by segment, from the terms' `percent_off` to `max`. Where several hold, the least of theirs counts.
    #[schema(value_type = super::schema::DepthSegments)]
    pub segments: BTreeMap<Key, Percent>,
}

impl Depth {
    /// The terms for somebody in these segments.
    #[must_use]
    pub(in crate::domain) fn deepen<'a>(&self, terms: &'a Terms, segments: &[Key]) -> Cow<'a, Terms> {
        let given = segments.iter().filter_map(|segment| self.segments.get(segment)).min();
        match (terms, given) {
            (Terms::Discount(discount), Some(percent)) => Cow::Owned(Terms::Discount(DiscountTerms {
                value: DiscountValue::Percent(*percent),
                duration: discount.duration,
            })),
            _ => Cow::Borrowed(terms),
        }
    }
}

/// What an offer asks in return.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = FlowAsk)]
pub struct Ask {
    /// Its key; unique in the offer.
    pub key: Key,
    /// Its type.
    #[serde(rename = "type")]
    pub ask_type: AskType,
    /// What to show, by language.
    #[schema(value_type = super::schema::LocalizedText)]
    pub label: BTreeMap<String, String>,
    /// Whether the offer can only be accepted together with it; not unless said otherwise.
    #[schema(required = false, default = false)]
    pub required: bool,
}

/// When a budget is drawn on, besides when an offer is accepted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
#[derive(IntoStaticStr, VariantArray)]
#[strum(serialize_all = "snake_case")]
#[schema(as = FlowReserve)]
pub enum Reserve {
    /// When an offer is presented, for as long as it can be accepted.
    Presented,
}
