//! Take in one event from Stripe: refetch what it is about, and write everything it means at once.
//!
//! Events come twice and out of order, so none is believed: it only says what to look at. The event's id is written in
//! the same transaction as what was found, so that a crash in between makes Stripe send it again.

use jiff::Timestamp;
use tracing::info;

use super::app::App;
use super::error::{Cause, ServiceError};
use super::pauses;
use super::saves;
use crate::billing::webhook::Event;
use crate::domain::ids::SubscriptionId;
use crate::domain::session::Session;
use crate::domain::subscription::Subscription;
use crate::store::{Change, Changed};

/// How often an event is worked through again when the session moved meanwhile.
const MAX_RACES: usize = 8;

/// Takes in a verified event.
///
/// # Errors
/// When Stripe or the database cannot be reached; Stripe sends the event again then.
pub async fn take_in(app: &App, event: &Event) -> Result<(), ServiceError> {
    let Some(id) = &event.subscription else { return Ok(()) };
    // Taken before the question, since what Stripe answers may be older than the answer.
    let seen_at = app.clock.now();
    let subscription = app.gateway.in_background().subscription(id).await;
    let subscription = subscription.map_err(|error| ServiceError::BillingUnavailable(Cause::new(error)))?;
    if let Some(found) = &subscription {
        saves::noticed(app, found, seen_at).await?;
        pauses::noticed(app, found, seen_at).await?;
    }
    for _ in 0..MAX_RACES {
        let now = app.clock.now();
        let change = Change {
            session: closed(app, id, subscription.as_ref(), now).await?,
            snapshot: subscription.clone().map(|subscription| (subscription, seen_at)),
            recheck_signals: app.flows.active(&app.settings.flow).has_signals(),
            webhook_event: Some(event.id.clone()),
            ..Change::new(now)
        };
        match app.store.change(change).await? {
            Changed::Stale => {}
            _ => {
                app.metrics.webhook_events.inc();
                app.metrics.webhook_lag.observe(now.duration_since(event.created).as_secs_f64().max(0.0));
                info!(event = %event.id, kind = %event.kind, "event taken in");
                return Ok(());
            }
        }
    }
    Err(ServiceError::Busy { retry_after: 1 })
}

/// The open session of a subscription that has ended, or is set to end, without us.
async fn closed(
    app: &App,
    id: &SubscriptionId,
    subscription: Option<&Subscription>,
    now: Timestamp,
) -> Result<Option<(Session, i64)>, ServiceError> {
    let effective_at = match subscription {
        Some(found) if found.status.is_ended() => found.ended_at.or(found.canceled_at),
        Some(found) if found.ends_with_period() => found.cancel_at.or_else(|| found.current_period_end()),
        Some(_) => return Ok(None),
        None => None,
    };
    let Some(mut stored) = app.store.open_session(id).await? else { return Ok(None) };
    // What is on its way to billing writes its own outcome.
    if stored.session.awaited_operation().is_some() || !stored.session.ended_elsewhere(effective_at, now) {
        return Ok(None);
    }
    Ok(Some((stored.session, stored.version)))
}
