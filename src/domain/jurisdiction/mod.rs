//! What the law of a place lets a page show before a cancellation, as plain data.
//!
//! Here live the rules ([`JurisdictionPolicy`]), the place that they are chosen by ([`Place`]), and what of them governs
//! one session ([`Jurisdiction`]). Which place has which rules is said by the flow; the presets that a flow can name
//! are documents beside it. Nothing here is legal advice, and nothing here stands in the way of a cancellation.

mod place;

use std::fmt;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use strum::{IntoStaticStr, VariantArray};
use utoipa::ToSchema;

use super::offer::Key;
use super::span::{Interval, Span};
pub use place::{EUROPEAN_UNION, InvalidPlace, Place, PlaceName};

/// Whether offers may be shown before a cancellation; from the loosest to the strictest.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
#[derive(IntoStaticStr, VariantArray)]
#[strum(serialize_all = "snake_case")]
#[schema(as = OffersRule)]
pub enum OffersRule {
    /// They may, with the way out in sight beside them.
    #[default]
    Allowed,
    /// Only after the subscriber has said yes to seeing them, asked once per session.
    WithPermission,
    /// Not before the cancellation is confirmed.
    NotBeforeCancel,
}

impl OffersRule {
    /// The word on the wire.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        self.into()
    }
}

/// Whether the survey may be shown before a cancellation; it is never required. From the loosest to the strictest.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
#[derive(IntoStaticStr, VariantArray)]
#[strum(serialize_all = "snake_case")]
#[schema(as = SurveyRule)]
pub enum SurveyRule {
    /// It may; nobody has to answer.
    #[default]
    Optional,
    /// Not before the cancellation is confirmed.
    NotBeforeCancel,
}

impl SurveyRule {
    /// The word on the wire.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        self.into()
    }
}

/// How long the evidence of a session must be kept: so many years from its begin, or so many after the end of the
/// contract, whichever is longer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = EvidenceRetention)]
pub struct Retention {
    /// Years from the begin of the session.
    #[schema(minimum = 1, maximum = 30)]
    pub years: u16,
    /// Years after the end of the contract; 0 where its end does not count.
    #[serde(default)]
    #[schema(required = false, minimum = 0, maximum = 30, default = 0)]
    pub years_after_end: u16,
}

impl Retention {
    /// Whether the evidence of a session begun at `begun` must still be kept at `now`. `ended` is when the contract
    /// ended; as long as that is not known, it goes on.
    #[must_use]
    pub fn holds(self, begun: Timestamp, ended: Option<Timestamp>, now: Timestamp) -> bool {
        let goes_on = self.years_after_end > 0 && ended.is_none();
        goes_on || now < self.until(begun, ended)
    }

    /// Until when it must be kept at least: for good where the contract has ended, and otherwise until it is worth
    /// looking whether it has.
    #[must_use]
    pub fn until(self, begun: Timestamp, ended: Option<Timestamp>) -> Timestamp {
        let after = |from, years| Span { interval: Interval::Year, count: years }.after(from);
        let by_end = ended.filter(|_| self.years_after_end > 0).map(|end| after(end, self.years_after_end));
        by_end.into_iter().fold(after(begun, self.years), Timestamp::max)
    }

    fn or_longer(self, other: Self) -> Self {
        Self {
            years: self.years.max(other.years),
            years_after_end: self.years_after_end.max(other.years_after_end),
        }
    }
}

/// The rules of a place, as a plain versioned document.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct JurisdictionPolicy {
    /// Its key: that of a preset, or one of the flow's own.
    pub key: Key,
    /// Its version, from 1; to be raised with every change.
    #[schema(minimum = 1)]
    pub version: u16,
    /// Whether offers may be shown before a cancellation.
    #[serde(default)]
    #[schema(required = false)]
    pub offers: OffersRule,
    /// Whether the survey may be shown before a cancellation.
    #[serde(default)]
    #[schema(required = false)]
    pub survey: SurveyRule,
    /// How often offers may be put before the subscriber in one session; as often as there are new ones where it is
    /// left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(minimum = 1, maximum = 20)]
    pub max_offer_screens: Option<u8>,
    /// Whether the subscriber must be given the receipt.
    #[serde(default)]
    #[schema(required = false, default = false)]
    pub receipt: bool,
    /// How long evidence must be kept; no rule where it is left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retention: Option<Retention>,
}

impl JurisdictionPolicy {
    /// The rules that satisfy both of two policies, under the key `strictest`.
    #[must_use]
    pub fn and(self, other: &Self) -> Self {
        let screens = [self.max_offer_screens, other.max_offer_screens];
        let retention = match (self.retention, other.retention) {
            (Some(one), Some(other)) => Some(one.or_longer(other)),
            (one, other) => one.or(other),
        };
        // The word is a key, so it always reads.
        let key = "strictest".parse().unwrap_or(self.key);
        Self {
            key,
            version: self.version.max(other.version),
            offers: self.offers.max(other.offers),
            survey: self.survey.max(other.survey),
            max_offer_screens: screens.into_iter().flatten().min(),
            receipt: self.receipt || other.receipt,
            retention,
        }
    }
}

/// Whether the subscriber was asked if offers may be shown, and what came of it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
#[schema(as = OfferPermission)]
pub enum Permission {
    /// Nobody needs to ask: the rules do not want it, or there is nothing to show.
    #[default]
    NotNeeded,
    /// There is something to show, and the rules want the subscriber to be asked first.
    Needed,
    /// The subscriber said yes.
    Granted,
    /// The subscriber said no.
    Refused,
}

/// The rules that govern one session, frozen when it begins, and what has come of them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Jurisdiction {
    /// The rules.
    pub policy: JurisdictionPolicy,
    /// What they were chosen by.
    #[serde(default, skip_serializing_if = "Place::is_unknown")]
    pub place: Place,
    /// Whether offers may be shown.
    #[serde(default)]
    pub permission: Permission,
    /// How often offers were put before the subscriber.
    #[serde(default)]
    pub screens: u8,
}

impl Jurisdiction {
    /// The rules of a place, at the begin of a session.
    #[must_use]
    pub fn new(policy: JurisdictionPolicy, place: Place) -> Self {
        Self { policy, place, permission: Permission::NotNeeded, screens: 0 }
    }

    /// Whether the survey may be shown before a cancellation.
    #[must_use]
    pub fn shows_survey(&self) -> bool {
        self.policy.survey == SurveyRule::Optional
    }

    /// What keeps offers from being shown now, if anything does.
    #[must_use]
    pub fn bar(&self) -> Option<Bar> {
        let used_up = self.policy.max_offer_screens.is_some_and(|most| self.screens >= most);
        let rule = match (self.policy.offers, self.permission) {
            (OffersRule::NotBeforeCancel, _) => BarRule::NotBeforeCancel,
            (OffersRule::WithPermission, Permission::Refused) => BarRule::PermissionRefused,
            (OffersRule::WithPermission, Permission::NotNeeded | Permission::Needed) => {
                BarRule::PermissionNeeded
            }
            _ if used_up => BarRule::ScreensUsedUp,
            _ => return None,
        };
        Some(Bar { policy: self.policy.key.clone(), version: self.policy.version, rule })
    }
}

/// The rule that keeps offers from being shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum BarRule {
    /// No offers before a confirmed cancellation.
    NotBeforeCancel,
    /// The subscriber has to be asked first.
    PermissionNeeded,
    /// The subscriber was asked and said no.
    PermissionRefused,
    /// Offers were shown as often as they may be.
    ScreensUsedUp,
}

/// What keeps offers from being shown, and whose rule it is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Bar {
    /// The policy.
    pub policy: Key,
    /// Its version.
    pub version: u16,
    /// Its rule.
    pub rule: BarRule,
}

impl Bar {
    /// The stable code under which offers are left out.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self.rule {
            BarRule::NotBeforeCancel => "not_permitted_here",
            BarRule::PermissionNeeded => PERMISSION_NEEDED,
            BarRule::PermissionRefused => "permission_refused",
            BarRule::ScreensUsedUp => "over_max_offer_screens",
        }
    }
}

/// The code of offers that wait for the subscriber's permission.
pub const PERMISSION_NEEDED: &str = "permission_needed";

impl fmt::Display for Bar {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { policy, version, rule } = self;
        write!(f, "the policy `{policy}`, version {version}, ")?;
        f.write_str(match rule {
            BarRule::NotBeforeCancel => "allows no offers before a confirmed cancellation",
            BarRule::PermissionNeeded => "allows offers only to a subscriber who was asked and said yes",
            BarRule::PermissionRefused => "allows offers only with permission, and the subscriber said no",
            BarRule::ScreensUsedUp => "allows no more screens with offers in this session",
        })
    }
}

#[cfg(test)]
mod tests;
