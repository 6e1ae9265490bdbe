//! A pause while it lasts: by which of Stripe's mechanisms, whether it is ours, and how it comes to its end.
//!
//! Stripe has two. `pause_collection` leaves the subscription `active` and resumes by itself at a date. The pause of the
//! subscription itself makes it `paused`, needs the flexible billing mode, and knows no date, so that we resume it. A
//! pause that an operation of ours has made bears that operation's id in the subscription's metadata.

use std::fmt;
use std::str::FromStr;

use jiff::Timestamp;
use serde::de::IntoDeserializer;
use serde::de::value::{Error as ValueError, StrDeserializer};
use serde::{Deserialize, Serialize};
use strum::IntoStaticStr;
use utoipa::ToSchema;

use super::ids::OperationId;
use super::offer::PauseAccess;
use super::subscription::{BillingMode, CollectionMethod, PausedBy, Subscription, SubscriptionStatus};

/// How Stripe pauses.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
#[schema(as = PauseMechanism)]
pub enum Mechanism {
    /// `pause_collection`: the status stays `active`, Stripe resumes at the date.
    #[default]
    Collection,
    /// The pause call: the status is `paused` until the resume call.
    Subscription,
}

/// How a pause is carried out. Stripe pauses the subscription itself only in the flexible billing mode, where it is
/// charged automatically, and outside of a trial; everywhere else access can be withdrawn by the app alone.
#[must_use]
pub fn mechanism(access: PauseAccess, subscription: &Subscription) -> Mechanism {
    let able = subscription.billing_mode == BillingMode::Flexible
        && subscription.collection_method == CollectionMethod::ChargeAutomatically
        && subscription.status == SubscriptionStatus::Active;
    if able && access == PauseAccess::Withdrawn { Mechanism::Subscription } else { Mechanism::Collection }
}

/// How the subscription is paused now, whoever did it.
#[must_use]
pub fn in_force(subscription: &Subscription) -> Option<Mechanism> {
    if subscription.status == SubscriptionStatus::Paused {
        Some(Mechanism::Subscription)
    } else {
        subscription.pause_collection.map(|_| Mechanism::Collection)
    }
}

/// The operation of ours that has paused the subscription, if it is paused and one has.
#[must_use]
pub fn ours(subscription: &Subscription) -> Option<OperationId> {
    in_force(subscription)?;
    match subscription.paused_by? {
        PausedBy::Operation(operation) => Some(operation),
        PausedBy::Others => None,
    }
}

/// Why a pause is ended by us.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Resumer {
    /// Its time is over.
    Time,
    /// The subscriber wants to come back.
    Subscriber,
    /// Billing operations took it back.
    Operations,
}

/// How a pause ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
#[derive(IntoStaticStr)]
#[strum(serialize_all = "snake_case")]
pub enum PauseEnd {
    /// Its time was over.
    Time,
    /// The subscriber came back early.
    Subscriber,
    /// Billing operations took it back.
    Operations,
    /// Somebody ended it in Stripe.
    Elsewhere,
    /// The whole subscription ended.
    SubscriptionEnded,
}

impl PauseEnd {
    /// The word on the wire.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        self.into()
    }

    /// The end with this word.
    #[must_use]
    pub fn of_word(word: &str) -> Option<Self> {
        let word: StrDeserializer<'_, ValueError> = word.into_deserializer();
        Self::deserialize(word).ok()
    }
}

impl From<Resumer> for PauseEnd {
    fn from(by: Resumer) -> Self {
        match by {
            Resumer::Time => Self::Time,
            Resumer::Subscriber => Self::Subscriber,
            Resumer::Operations => Self::Operations,
        }
    }
}

/// The end of a pause of ours, as an operation brings it about or finds it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Resumption {
    /// The operation that paused; what it did not pause is not resumed.
    pub pause: OperationId,
    /// Why.
    pub by: Resumer,
    /// How it was paused.
    #[serde(default)]
    pub mechanism: Mechanism,
    /// Whether the app gives access back.
    #[serde(default)]
    pub access: PauseAccess,
    /// When it was to end, where that is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub until: Option<Timestamp>,
}

/// A pause of ours that a session has met.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct OpenPause {
    /// The operation that paused.
    pub operation: OperationId,
    /// How.
    pub mechanism: Mechanism,
    /// Whether access was withdrawn with it.
    pub access: PauseAccess,
    /// When it is to end, where that is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub resumes_at: Option<Timestamp>,
    /// Whether the subscriber is asked whether to come back, before anything about leaving.
    pub asking: bool,
}

impl OpenPause {
    /// Its end, for this reason.
    #[must_use]
    pub fn resumption(&self, by: Resumer) -> Resumption {
        Resumption {
            pause: self.operation,
            by,
            mechanism: self.mechanism,
            access: self.access,
            until: self.resumes_at,
        }
    }
}

/// What stands in a subscription's metadata once an operation of ours ends a pause: the mark of the pause stays, so that
/// whoever's answer was lost still finds out whose pause it was and who ended it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ResumeMark {
    /// The operation that paused.
    pub pause: OperationId,
    /// The operation that resumes.
    pub operation: OperationId,
    /// Whether it was written before Stripe was asked to resume, rather than together with it.
    pub before: bool,
}

const BEFORE: &str = "asked";

impl fmt::Display for ResumeMark {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.pause, self.operation)?;
        if self.before { write!(f, "/{BEFORE}") } else { Ok(()) }
    }
}

/// A text that is no such mark.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not the mark of a resumption")]
pub struct NoMark;

impl FromStr for ResumeMark {
    type Err = NoMark;

    fn from_str(text: &str) -> Result<Self, NoMark> {
        let mut parts = text.split('/');
        let mut id = || parts.next().and_then(|part| part.parse().ok()).ok_or(NoMark);
        let (pause, operation) = (id()?, id()?);
        match (parts.next(), parts.next()) {
            (None, None) => Ok(Self { pause, operation, before: false }),
            (Some(BEFORE), None) => Ok(Self { pause, operation, before: true }),
            _ => Err(NoMark),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::sample::{now, subscription};

    #[test]
    fn a_mark_reads_back_and_nothing_else_does() {
        let ids = (OperationId::derived(now(), "pause"), OperationId::derived(now(), "resume"));
        for before in [false, true] {
            let mark = ResumeMark { pause: ids.0, operation: ids.1, before };
            assert_eq!(mark.to_string().parse(), Ok(mark));
        }
        for text in ["", "bop_1", &ids.0.to_string(), &format!("{}/{}/x", ids.0, ids.1)] {
            assert_eq!(text.parse::<ResumeMark>(), Err(NoMark), "{text}");
        }
    }

    #[test]
    fn the_subscription_itself_is_paused_only_where_stripe_can() {
        let of = |change: fn(&mut Subscription)| {
            let mut subscription = subscription();
            subscription.billing_mode = BillingMode::Flexible;
            change(&mut subscription);
            mechanism(PauseAccess::Withdrawn, &subscription)
        };
        assert_eq!(of(|_| {}), Mechanism::Subscription);
        assert_eq!(of(|s| s.billing_mode = BillingMode::Classic), Mechanism::Collection);
        assert_eq!(of(|s| s.status = SubscriptionStatus::Trialing), Mechanism::Collection);
        assert_eq!(of(|s| s.collection_method = CollectionMethod::SendInvoice), Mechanism::Collection);
        assert_eq!(mechanism(PauseAccess::Kept, &subscription()), Mechanism::Collection);
    }
}
