//! Pauses of ours as they are met: by a session that begins, and by what Stripe tells of a subscription.

use jiff::Timestamp;

use super::app::App;
use super::error::ServiceError;
use crate::domain::offer::PauseAccess;
use crate::domain::operation::Effect;
use crate::domain::pause::{self, Mechanism, OpenPause};
use crate::domain::subscription::Subscription;

/// The pause of ours that a session meets when it begins; the subscriber is asked first whether to come back. Only for a
/// subscription that bears our mark does this ask the database.
///
/// # Errors
/// When the database cannot be reached.
pub(super) async fn met(app: &App, subscription: &Subscription) -> Result<Option<OpenPause>, ServiceError> {
    let (Some(id), Some(mechanism)) = (pause::ours(subscription), pause::in_force(subscription)) else {
        return Ok(None);
    };
    let effect = app.store.operation(id).await?.map(|operation| operation.effect);
    let (access, resumes_at) = match effect {
        Some(Effect::Pause { access, resumes_at, .. }) => (access, Some(resumes_at)),
        // The mark of another installation, or of one whose database was lost.
        _ if mechanism == Mechanism::Subscription => (PauseAccess::Withdrawn, None),
        _ => (PauseAccess::Kept, None),
    };
    // Stripe's own date is what counts, where there is one.
    let resumes_at = subscription.pause_collection.map_or(resumes_at, |pause| pause.resumes_at);
    Ok(Some(OpenPause { operation: id, mechanism, access, resumes_at, asking: true }))
}

/// Lets the end of a pause be looked at now, where Stripe shows a subscription that is no longer paused. Who ended it is
/// found out by the operation that waits for the end.
///
/// # Errors
/// When the database cannot be reached.
pub(super) async fn noticed(
    app: &App,
    subscription: &Subscription,
    seen_at: Timestamp,
) -> Result<(), ServiceError> {
    for waiting in app.store.unsettled_on(&subscription.id).await? {
        let Effect::Resume { resumption } = &waiting.effect else { continue };
        let over = pause::ours(subscription) != Some(resumption.pause) || subscription.status.is_ended();
        // What was seen before the pause was made says nothing of its end.
        if over && waiting.created_at < seen_at {
            app.store.hasten_operation(waiting.id, app.clock.now()).await?;
        }
    }
    Ok(())
}
