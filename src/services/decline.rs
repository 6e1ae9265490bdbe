//! Decline an offer, or keep the subscription without one.

use super::app::App;
use super::error::ServiceError;
use super::idempotency::{IdempotencyKey, Reply};
use super::transition::{Access, Effects, refused, transition};
use crate::domain::ids::{OfferId, SessionId};

/// Declines an offer; what was presented beside it stays.
///
/// # Errors
/// When the session or offer is not known to `access`, or the state does not allow it; nothing is written then.
pub async fn decline(
    app: &App,
    access: &Access,
    id: SessionId,
    offer: OfferId,
    key: Option<&IdempotencyKey>,
) -> Result<Reply, ServiceError> {
    let done = transition(app, access, id, key, "decline", |session, _, now| {
        session.decline(offer, now).map_err(|why| refused(session, &why))?;
        Ok(Effects { status: 200, ..Effects::default() })
    })
    .await?;
    Ok(done.reply)
}

/// Closes a session as saved without an offer.
///
/// # Errors
/// When the session is not known to `access`, or the state does not allow it; nothing is written then.
pub async fn keep(
    app: &App,
    access: &Access,
    id: SessionId,
    key: Option<&IdempotencyKey>,
) -> Result<Reply, ServiceError> {
    let done = transition(app, access, id, key, "keep", |session, _, now| {
        session.keep(now).map_err(|why| refused(session, &why))?;
        Ok(Effects { status: 200, ..Effects::default() })
    })
    .await?;
    Ok(done.reply)
}
