//! The picture of a subscription: from the database while it is fresh, from Stripe when it is not, and stale rather
//! than not at all.

use jiff::{SignedDuration, Timestamp};
use tracing::info;

use super::app::App;
use super::error::{Cause, ServiceError};
use crate::billing::BreakerState;
use crate::domain::ids::SubscriptionId;
use crate::domain::subscription::Subscription;

/// What is known of a subscription.
pub(super) enum Known {
    /// Its state, and when Stripe showed it.
    Subscription(Box<Subscription>, Timestamp),
    /// Stripe has no such subscription.
    Missing,
    /// Stripe has it in the other mode (live or test) than that of the configured key.
    OtherMode,
    /// Stripe could not be asked, and nothing is known.
    Nothing(Cause),
}

/// The subscription as it is known now.
///
/// # Errors
/// When the database cannot be reached.
pub(super) async fn current(app: &App, id: &SubscriptionId) -> Result<Known, ServiceError> {
    refreshed(app, id, app.store.snapshot(id).await?).await
}

/// The subscription as it is known now, to a caller that has read already what the database knows.
///
/// # Errors
/// When the database cannot be reached.
pub(super) async fn refreshed(
    app: &App,
    id: &SubscriptionId,
    stored: Option<(Subscription, Timestamp)>,
) -> Result<Known, ServiceError> {
    let now = app.clock.now();
    let stored = match stored {
        Some((subscription, fetched_at)) if is_fresh(app, fetched_at, now) => {
            return Ok(Known::Subscription(Box::new(subscription), fetched_at));
        }
        // Nobody waits for a Stripe that is known to be away; the worker sees when it is back.
        Some((subscription, fetched_at)) if app.gateway.breaker() != BreakerState::Closed => {
            return Ok(stale(app, subscription, fetched_at, now));
        }
        stored => stored,
    };
    let asked = tokio::time::timeout(app.settings.snapshot_deadline, app.gateway.subscription(id)).await;
    let cause = match asked {
        Ok(Ok(Some(subscription))) => {
            app.store.put_snapshot(&subscription, now).await?;
            return Ok(Known::Subscription(Box::new(subscription), now));
        }
        Ok(Ok(None)) => return Ok(Known::Missing),
        Ok(Err(error)) if error.is_other_mode() => return Ok(Known::OtherMode),
        Ok(Err(error)) => Cause::new(error),
        Err(elapsed) => Cause::new(elapsed),
    };
    info!(%cause, stale = stored.is_some(), "Stripe could not be asked; going on with what is known");
    Ok(match stored {
        Some((subscription, fetched_at)) => stale(app, subscription, fetched_at, now),
        None => Known::Nothing(cause),
    })
}

fn is_fresh(app: &App, fetched_at: Timestamp, now: Timestamp) -> bool {
    let age = now.duration_since(fetched_at);
    age >= SignedDuration::ZERO && age < app.settings.snapshot_max_age
}

/// Whether so old a picture is too old to promise a change in billing.
pub(super) fn too_old(app: &App, fetched_at: Timestamp, now: Timestamp) -> bool {
    now.duration_since(fetched_at) > app.settings.snapshot_max_stale
}

/// What was known before, with the age that it has.
fn stale(app: &App, subscription: Subscription, fetched_at: Timestamp, now: Timestamp) -> Known {
    app.metrics.stale_snapshot_age.observe(now.duration_since(fetched_at).as_secs_f64());
    Known::Subscription(Box::new(subscription), fetched_at)
}
