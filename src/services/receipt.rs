//! The receipt of a session, for its subscriber.

use super::app::App;
use super::error::ServiceError;
use super::transition::{Access, load};
use crate::domain::ids::SessionId;
use crate::domain::receipt::{Receipt, receipt};

/// What the subscriber can keep of a session, at every state of it.
///
/// # Errors
/// When `access` may not know of it.
pub async fn of(app: &App, access: &Access, id: SessionId) -> Result<Receipt, ServiceError> {
    Ok(receipt(&load(app, access, id).await?.session))
}
