//! Take the subscriber's word on whether offers may be shown; with a yes, decide again what to offer.

use std::collections::BTreeMap;

use super::answer::known;
use super::app::App;
use super::decide::decide;
use super::error::ServiceError;
use super::idempotency::{IdempotencyKey, Reply};
use super::transition::{Access, Effects, load, refused, transition};
use crate::domain::facts::Value;
use crate::domain::ids::SessionId;

/// Records whether the subscriber wants to see offers.
///
/// # Errors
/// When the session is not known to `access`, nobody has to ask, or the subscriber has answered; nothing is written
/// then.
pub async fn permission(
    app: &App,
    access: &Access,
    id: SessionId,
    granted: bool,
    token: BTreeMap<String, Value>,
    key: Option<&IdempotencyKey>,
) -> Result<Reply, ServiceError> {
    let session = load(app, access, id).await?.session;
    let flow = app.flows.version(&app.store, &session.flow).await?;
    let known = if granted { Some(known(app, session, &flow, token).await?) } else { None };
    let done = transition(app, access, id, key, "permission", |session, _, now| {
        session.permit(granted, now).map_err(|why| refused(session, &why))?;
        let effects = Effects { status: 200, ..Effects::default() };
        let Some((known, left, ordinal)) = &known else { return Ok(effects) };
        Ok(effects.decided(decide(&flow, session, known, left.clone(), *ordinal, now)?))
    })
    .await?;
    Ok(done.reply)
}
