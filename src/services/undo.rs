//! Undo what an applied billing operation has brought about, by an operation of its own.

use super::app::App;
use super::deliver;
use super::error::ServiceError;
use super::operations::one;
use crate::domain::ids::OperationId;
use crate::domain::operation::Operation;
use crate::domain::undo::{self, CannotUndo};
use crate::store::{AuditLine, Stored};

/// Undoes an operation: writes the operation that does, and tries it at once. An operation is undone once: whoever asks
/// again gets the operation that was written then.
///
/// # Errors
/// When there is no such operation, or it cannot be undone.
pub async fn undo(app: &App, id: OperationId, reason: &str, actor: &str) -> Result<Operation, ServiceError> {
    let before = one(app, id).await?;
    if let Some(earlier) = before.undone_by {
        return one(app, earlier).await;
    }
    let session = app.store.session(before.session).await?;
    let offers = session.as_ref().map(|Stored { session, .. }| session.offers.as_slice()).unwrap_or_default();
    let offer = offers.iter().find(|offer| Some(offer.id) == before.offer);
    let now = app.clock.now();
    let effect = undo::effect(&before, offer, now).map_err(refused)?;
    let detail = serde_json::json!({"operation": id, "effect": before.effect.as_str(), "reason": reason});
    let line = AuditLine {
        actor: actor.to_owned(),
        action: "billing_operation.undo".to_owned(),
        detail: detail.to_string(),
    };
    let undo = undo::operation(&before, effect, now);
    let undone_by = app.store.undo_operation(undo, line, now).await?;
    let undone_by = undone_by.ok_or(ServiceError::NotFound("billing operation"))?;
    let runner = app.clone();
    let work = app.background.spawn(async move { deliver::claim_and_run(&runner, undone_by).await });
    // Past the deadline it goes on in the background; the answer shows how far it came.
    let _late = tokio::time::timeout(app.settings.apply_deadline, work).await;
    one(app, undone_by).await
}

fn refused(why: CannotUndo) -> ServiceError {
    let state = match why {
        CannotUndo::NotApplied(state) => Some(state.as_str().to_owned()),
        CannotUndo::IsUndo | CannotUndo::Irreversible(_) | CannotUndo::TooLate(_) => None,
    };
    ServiceError::Conflict { code: why.code(), detail: why.to_string(), state }
}
