//! The subscription that a session is about, in few words.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::domain::ids::SubscriptionId;
use crate::domain::money::Currency;
use crate::domain::session::Session;
use crate::domain::span::Interval;
use crate::domain::subscription::{Subscription, SubscriptionStatus};

/// The subscription a session is about.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
#[schema(as = SessionSubscription)]
pub struct SubscriptionView {
    /// Stripe's id.
    pub id: SubscriptionId,
    /// Its status when the session began; absent when billing could not be asked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub status: Option<SubscriptionStatus>,
    /// When billing showed all this: before the session began where billing could not be asked then.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub as_of: Option<Timestamp>,
    /// The plan.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub plan: Option<PlanView>,
    /// The end of the period that is paid for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub current_period_end: Option<Timestamp>,
}

/// A plan in few words.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
#[schema(as = Plan)]
pub struct PlanView {
    /// The product's name.
    pub name: String,
    /// Minor units per interval, quantity included; absent for tiered prices.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub amount: Option<i64>,
    /// The currency.
    pub currency: Currency,
    /// How often it is billed.
    pub interval: Interval,
    /// Every so many intervals.
    pub interval_count: u16,
}

/// The subscription as billing showed it when the session began.
pub(super) fn subscription(session: &Session) -> SubscriptionView {
    let snapshot = session.snapshot.as_ref();
    SubscriptionView {
        id: session.subscription.clone(),
        status: snapshot.map(|known| known.status),
        as_of: session.snapshot_at,
        plan: snapshot.and_then(plan),
        current_period_end: snapshot.and_then(Subscription::current_period_end),
    }
}

fn plan(subscription: &Subscription) -> Option<PlanView> {
    let item = subscription.main_item()?;
    Some(PlanView {
        name: item.name.clone(),
        amount: item.unit_amount.and_then(|unit| unit.checked_mul(item.quantity)),
        currency: subscription.currency,
        interval: item.every.interval,
        interval_count: item.every.count,
    })
}
