//! What earlier sessions of a customer came to.

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use super::money::{Currency, Money};
use super::offer::{Key, OfferType};

/// The most offers remembered of each kind, the most recent first.
pub const MAX_REMEMBERED_OFFERS: usize = 100;

/// What earlier sessions of a customer came to.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct History {
    /// Sessions begun.
    pub sessions: u32,
    /// Sessions that ended in a save.
    pub saves: u32,
    /// When the last of those ended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_save_at: Option<Timestamp>,
    /// Offers accepted, with the time; at most [`MAX_REMEMBERED_OFFERS`], the most recent first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub accepted: Vec<(OfferType, Key, Timestamp)>,
    /// Offers declined, with the time; at most [`MAX_REMEMBERED_OFFERS`], the most recent first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub declined: Vec<(OfferType, Key, Timestamp)>,
    /// What the discounts among the accepted offers give at most, with the time they were accepted.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub discounts: Vec<(Timestamp, Money)>,
}

/// How far back discounts count as received.
const DISCOUNT_WINDOW: SignedDuration = SignedDuration::from_hours(24 * 365);

impl History {
    /// When an offer of this type was last accepted.
    #[must_use]
    pub fn last_accepted(&self, offer_type: OfferType) -> Option<Timestamp> {
        last(&self.accepted, |of, _| of == offer_type)
    }

    /// What the discounts of this currency that were accepted in the 365 days before `now` give at most, in minor units.
    #[must_use]
    pub fn discount_received(&self, currency: Currency, now: Timestamp) -> i64 {
        let recent = self
            .discounts
            .iter()
            .filter(|(at, given)| given.currency == currency && now.duration_since(*at) < DISCOUNT_WINDOW);
        recent.map(|(_, given)| given.amount).fold(0, i64::saturating_add)
    }
}

/// When the last of those that fit was decided on.
pub(super) fn last(
    offers: &[(OfferType, Key, Timestamp)],
    fits: impl Fn(OfferType, &Key) -> bool,
) -> Option<Timestamp> {
    offers.iter().filter(|(of, key, _)| fits(*of, key)).map(|(_, _, at)| *at).max()
}
