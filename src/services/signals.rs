//! Look at subscriptions for what the flow's signals wait for, and tell the app.
//!
//! A subscription is looked at soon after a webhook, a profile or activity has changed what is known of it, and once a
//! day for what changes with time alone. Each look is claimed, so that several processes share the work; that a signal
//! is raised once per cooldown is held by its row.

use futures_util::future::join_all;
use jiff::{SignedDuration, Timestamp};
use serde::Serialize;
use tracing::{info, warn};
use utoipa::ToSchema;

use super::app::App;
use super::error::ServiceError;
use super::flows::Published;
use super::page::Page;
use crate::domain::gather::{Given, Sources, gather};
use crate::domain::ids::{CustomerId, SignalId, SubscriptionId};
use crate::domain::offer::Key;
use crate::domain::session::FlowRef;
use crate::store::{DueSignal, SignalCheck, SignalFilter, SignalLook, SignalRecord, Subscriber};

/// How many subscriptions are taken up in one go.
const TAKE_UP: u32 = 100;
/// How long until the next look where nothing is told.
const LOOK_AGAIN: SignedDuration = SignedDuration::from_hours(24);

/// A signal as it was last raised for a subscription.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[schema(as = Signal)]
pub struct SignalView {
    /// Its id, of this raising.
    pub id: SignalId,
    /// The signal's key in the flow.
    pub key: Key,
    /// The app's customer that is linked to the subscription, else Stripe's own id.
    pub customer: CustomerId,
    /// The subscription.
    pub subscription: SubscriptionId,
    /// Live or test mode.
    pub livemode: bool,
    /// The flow that waited for it.
    pub flow: FlowRef,
    /// Those of its segments that held.
    pub segments: Vec<Key>,
    /// When it was raised.
    pub raised_at: Timestamp,
}

impl From<SignalRecord> for SignalView {
    fn from(record: SignalRecord) -> Self {
        Self {
            id: record.id,
            key: record.key,
            customer: record.customer,
            subscription: record.subscription,
            livemode: record.livemode,
            flow: record.flow,
            segments: record.segments,
            raised_at: record.raised_at,
        }
    }
}

/// Looks at every subscription that is due. Says how many those were.
///
/// # Errors
/// When the database cannot be reached.
pub async fn drain(app: &App) -> Result<usize, ServiceError> {
    let mut taken = 0;
    loop {
        match take_up(app).await? {
            0 => return Ok(taken),
            more => taken += more,
        }
    }
}

/// Looks at a bounded number of subscriptions that are due, all at once, and writes what came of it at once; none while
/// the flow waits for nothing.
pub(super) async fn take_up(app: &App) -> Result<usize, ServiceError> {
    let flow = app.flows.active(&app.settings.flow);
    if !flow.has_signals() {
        return Ok(0);
    }
    let now = app.clock.now();
    let claimed = app.store.claim_signal_checks(now, app.lease(now).until, TAKE_UP).await?;
    let taken = claimed.len();
    let looks = join_all(claimed.into_iter().map(|check| look(app, &flow, check, now))).await;
    let looks: Vec<SignalLook> = looks.into_iter().flatten().collect();
    if !looks.is_empty() {
        let raised = app.store.settle_signal_checks(looks, flow.reference(), now).await?;
        if raised > 0 {
            info!(raised, "signals raised");
        }
    }
    Ok(taken)
}

/// What one look shows; nothing where it failed, which leaves it to its lease, or where the subscription is gone.
async fn look(app: &App, flow: &Published, check: SignalCheck, now: Timestamp) -> Option<SignalLook> {
    let (customer, subscription) = (&check.customer, &check.subscription);
    let found = app
        .store
        .subscriber(customer, subscription, Vec::new(), None, Vec::new(), false)
        .await
        .inspect_err(|error| warn!(%subscription, ?error, "a look for signals is left to its lease"));
    let Subscriber { profile, snapshot, history, usage, .. } = found.ok()?;
    let (subscription, seen_at) = snapshot.as_ref()?;
    let (livemode, ended) = (subscription.livemode, subscription.status.is_ended());
    let profile = profile.as_ref();
    let profile = profile.map(|profile| Given { attributes: &profile.attributes, as_of: profile.updated_at });
    let (subscription, usage) = (Some((subscription, *seen_at)), usage.as_ref());
    let known = Sources { subscription, profile, token: None, history: &history, usage };
    // What has ended waits for a webhook, should it ever come.
    let (signals, next) = if ended {
        (Vec::new(), Timestamp::MAX)
    } else {
        (due(flow, &known, now), now.checked_add(LOOK_AGAIN).unwrap_or(Timestamp::MAX))
    };
    Some(SignalLook { check, livemode, signals, next })
}

fn due(flow: &Published, known: &Sources<'_>, now: Timestamp) -> Vec<DueSignal> {
    let raised = flow.compiled.signals(&gather(known, now), now);
    let due = raised.into_iter().map(|(key, signal, segments)| DueSignal {
        key: key.clone(),
        segments,
        cooldown: SignedDuration::from_hours(24 * i64::from(signal.cooldown_days)),
    });
    due.collect()
}

/// Signals as last raised, newest first.
///
/// # Errors
/// When the database cannot be reached.
pub async fn list(
    app: &App,
    filter: SignalFilter,
    cursor: Option<SignalId>,
    limit: u32,
) -> Result<Page<SignalView>, ServiceError> {
    let found = app.store.signals(filter, cursor, limit.saturating_add(1)).await?;
    Ok(Page::of(found, limit, |signal| signal.id).map(SignalView::from))
}
