//! Cancel: accepted durably at any step, whether or not Stripe can be reached.

use super::app::App;
use super::deliver;
use super::error::ServiceError;
use super::idempotency::{IdempotencyKey, Reply, saved_reply};
use super::transition::{Access, Effects, load, refused, render, transition};
use crate::domain::ids::{OperationId, SessionId};
use crate::domain::operation::CancelWhen;
use crate::domain::session::State;

/// Accepts a cancellation. Asked again while it is on its way, or after billing has it, it answers with the session as
/// it is.
///
/// # Errors
/// When the session is not known to `access`, has another outcome, or may not end at once.
pub async fn cancel(
    app: &App,
    access: &Access,
    id: SessionId,
    when: CancelWhen,
    key: Option<&IdempotencyKey>,
) -> Result<Reply, ServiceError> {
    if let Some(reply) = saved_reply(app, key).await? {
        return Ok(reply);
    }
    let session = load(app, access, id).await?.session;
    match session.state {
        State::Canceling { .. } => return again(app, &session, 202).await,
        State::Canceled { .. } => return again(app, &session, 200).await,
        _ => {}
    }
    let done = transition(app, access, id, key, "cancel", |session, _, now| {
        let operation = OperationId::generate(now);
        let effect = session.cancel(when, operation, now).map_err(|why| refused(session, &why))?;
        let operation = session.operation(operation, None, effect, now);
        Ok(Effects { operation: Some(operation), patient: true, status: 202, ..Effects::default() })
    })
    .await?;
    deliver::at_once(app, access, id, key, done).await
}

async fn again(
    app: &App,
    session: &crate::domain::session::Session,
    status: u16,
) -> Result<Reply, ServiceError> {
    Ok(Reply { status, body: render(app, session).await?, replayed: false })
}
