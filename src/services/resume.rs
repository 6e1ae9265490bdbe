//! Resume: the subscriber comes back early from a pause of ours.

use super::app::App;
use super::deliver;
use super::error::ServiceError;
use super::idempotency::{IdempotencyKey, Reply, saved_reply};
use super::transition::{Access, Effects, load, refused, render, transition};
use crate::domain::ids::{OperationId, SessionId};
use crate::domain::session::State;

/// Ends the pause that the session has met. Asked again while that is on its way, or after billing has it, it answers
/// with the session as it is.
///
/// # Errors
/// When the session is not known to `access`, the state does not allow it, or no pause of ours was met; nothing is
/// written then.
pub async fn resume(
    app: &App,
    access: &Access,
    id: SessionId,
    key: Option<&IdempotencyKey>,
) -> Result<Reply, ServiceError> {
    if let Some(reply) = saved_reply(app, key).await? {
        return Ok(reply);
    }
    let session = load(app, access, id).await?.session;
    let status = match session.state {
        State::Resuming { .. } => Some(202),
        State::Resumed => Some(200),
        _ => None,
    };
    if let Some(status) = status {
        return Ok(Reply { status, body: render(app, &session).await?, replayed: false });
    }
    let done = transition(app, access, id, key, "resume", |session, _, now| {
        let operation = OperationId::generate(now);
        let effect = session.resume(operation, now).map_err(|why| refused(session, &why))?;
        let operation = session.operation(operation, None, effect, now);
        Ok(Effects { operation: Some(operation), status: 202, ..Effects::default() })
    })
    .await?;
    deliver::at_once(app, access, id, key, done).await
}
