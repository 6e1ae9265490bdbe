//! Subscription schedules, as far as a change of the plan reads them and says them again.

use std::collections::HashMap;

use serde::{Deserialize, Serialize};

use super::{Expandable, Named};

/// A schedule with its phases.
#[derive(Debug, Deserialize)]
pub(in crate::billing) struct Planned {
    pub(in crate::billing) id: String,
    /// Unix seconds.
    pub(in crate::billing) created: i64,
    #[serde(default)]
    pub(in crate::billing) phases: Vec<Phase>,
}

/// A phase, read and said again: what it holds of its own. What the schedule's `default_settings` hold stays there.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub(in crate::billing) struct Phase {
    pub(in crate::billing) items: Vec<PhaseItem>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    start_date: Option<i64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    end_date: Option<i64>,
    #[serde(skip_deserializing, skip_serializing_if = "Option::is_none")]
    duration: Option<Duration>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    trial_end: Option<i64>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    discounts: Vec<PhaseDiscount>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(in crate::billing) proration_behavior: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    collection_method: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    default_payment_method: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    description: Option<String>,
    #[serde(default, deserialize_with = "ids", skip_serializing_if = "Vec::is_empty")]
    default_tax_rates: Vec<String>,
    #[serde(default, deserialize_with = "or_default", skip_serializing_if = "HashMap::is_empty")]
    metadata: HashMap<String, String>,
}

impl Phase {
    /// The phase that follows, for a day and without a trial: what goes on after it needs no schedule.
    pub(in crate::billing) fn following(&self) -> Self {
        Self {
            start_date: None,
            end_date: None,
            duration: Some(Duration { interval: "day", interval_count: 1 }),
            trial_end: None,
            ..self.clone()
        }
    }
}

#[derive(Clone, Debug, Serialize)]
struct Duration {
    interval: &'static str,
    interval_count: u16,
}

/// A line of a phase.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub(in crate::billing) struct PhaseItem {
    #[serde(deserialize_with = "id")]
    pub(in crate::billing) price: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(in crate::billing) quantity: Option<u64>,
    #[serde(default, deserialize_with = "or_default", skip_serializing_if = "Vec::is_empty")]
    discounts: Vec<PhaseDiscount>,
    #[serde(default, deserialize_with = "ids", skip_serializing_if = "Vec::is_empty")]
    tax_rates: Vec<String>,
    #[serde(default, deserialize_with = "or_default", skip_serializing_if = "HashMap::is_empty")]
    metadata: HashMap<String, String>,
}

/// A discount of a phase: one that is there, or a coupon or code to be redeemed.
#[derive(Clone, Debug, Deserialize, Serialize)]
struct PhaseDiscount {
    #[serde(default, deserialize_with = "maybe_id", skip_serializing_if = "Option::is_none")]
    discount: Option<String>,
    #[serde(default, deserialize_with = "maybe_id", skip_serializing_if = "Option::is_none")]
    coupon: Option<String>,
    #[serde(default, deserialize_with = "maybe_id", skip_serializing_if = "Option::is_none")]
    promotion_code: Option<String>,
}

type Reference = Expandable<String, Named>;

fn named(reference: Reference) -> String {
    match reference {
        Expandable::Id(id) => id,
        Expandable::Object(object) => object.id,
    }
}

fn id<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<String, D::Error> {
    Reference::deserialize(deserializer).map(named)
}

fn maybe_id<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<Option<String>, D::Error> {
    Ok(Option::<Reference>::deserialize(deserializer)?.map(named))
}

fn ids<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<Vec<String>, D::Error> {
    let all = Option::<Vec<Reference>>::deserialize(deserializer)?;
    Ok(all.unwrap_or_default().into_iter().map(named).collect())
}

fn or_default<'de, D: serde::Deserializer<'de>, T: Default + Deserialize<'de>>(
    deserializer: D,
) -> Result<T, D::Error> {
    Ok(Option::<T>::deserialize(deserializer)?.unwrap_or_default())
}
