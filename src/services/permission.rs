//! Take the subscriber's word on whether offers may be shown; with a yes, decide again what to offer.

use std::collections::BTreeMap;

use super::answer::deciding;
use super::app::App;
use super::error::ServiceError;
use super::idempotency::{IdempotencyKey, Reply};
use super::transition::{Access, load, refused};
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
    let decides = granted.then_some((&session, &*flow, &token));
    deciding(app, access, id, key, "permission", decides, |session, now| {
        session.permit(granted, now).map_err(|why| refused(session, &why))
    })
    .await
}
