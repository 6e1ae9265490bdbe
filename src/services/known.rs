//! What is known of a subscriber when it is chosen which flow runs and decided what is offered.

use std::collections::BTreeMap;
use std::sync::Arc;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::domain::experiment::{Bandits, Exposure};
use crate::domain::facts::{Facts, Value};
use crate::domain::gather::{Given, Sources, gather};
use crate::domain::history::History;
use crate::domain::offer::Key;
use crate::domain::price::Prices;
use crate::domain::reentry::Reentry;
use crate::domain::session::FlowRef;
use crate::domain::subscription::Subscription;
use crate::domain::usage::Usage;
use crate::store::CustomerProfile;

/// What is known when a decision is made.
#[derive(Clone, Debug)]
pub(super) struct Known {
    /// What the app pushed.
    pub(super) profile: Option<CustomerProfile>,
    /// What happened before.
    pub(super) history: History,
    /// On which days the customer was active.
    pub(super) usage: Option<Usage>,
    /// How billing shows the subscription, and since when.
    pub(super) snapshot: Option<(Subscription, Timestamp)>,
    /// The prices that offers of another plan name.
    pub(super) prices: Prices,
    /// The mode that can be reached in Stripe.
    pub(super) livemode: bool,
    /// Whether that was so long ago that no change in billing may be promised.
    pub(super) too_old: bool,
    /// Attributes in the token.
    pub(super) token: BTreeMap<String, Value>,
    /// The arms recorded in the flow, where it has experiments.
    pub(super) recorded: Vec<Exposure>,
    /// The shares of its bandits.
    pub(super) bandits: Arc<Bandits>,
    /// Why the session runs another flow than the configured one, where it begins with one.
    pub(super) routed: Option<Routed>,
    /// What was decided for the earlier session that this one goes on with.
    pub(super) again: Option<Reentry>,
}

impl Known {
    /// All of it, as facts.
    pub(super) fn facts(&self, now: Timestamp) -> Facts {
        let profile = self.profile.as_ref();
        let profile =
            profile.map(|profile| Given { attributes: &profile.attributes, as_of: profile.updated_at });
        let token = Given { attributes: &self.token, as_of: now };
        let subscription = self.snapshot.as_ref().map(|(snapshot, at)| (snapshot, *at));
        let (history, usage) = (&self.history, self.usage.as_ref());
        gather(&Sources { subscription, profile, token: Some(token), history, usage }, now)
    }
}

/// Why a session runs another flow than the configured one.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub(super) struct Routed {
    /// The flow that routed it.
    pub from: FlowRef,
    /// The route, counted from 0.
    pub route: usize,
    /// The route's segments that held.
    pub segments: Vec<Key>,
}
