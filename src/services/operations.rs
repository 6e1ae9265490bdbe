//! Billing operations as operations see them, and the retry by hand.

use super::app::App;
use super::deliver;
use super::error::ServiceError;
use super::page::Page;
use crate::domain::ids::OperationId;
use crate::domain::operation::{Operation, OperationState};
use crate::store::{Change, OperationFilter, Stored};

/// Billing operations, newest first.
///
/// # Errors
/// When the database cannot be reached.
pub async fn list(
    app: &App,
    filter: OperationFilter,
    cursor: Option<OperationId>,
    limit: u32,
) -> Result<Page<Operation>, ServiceError> {
    let found = app.store.operations(filter, cursor, limit.saturating_add(1)).await?;
    Ok(Page::of(found, limit, |operation| operation.id))
}

/// Tries an operation that needs attention once more, at once, with the keys it had. One that is settled otherwise, or
/// still on its way, is left alone.
///
/// # Errors
/// When there is no such operation, or it does not need attention.
pub async fn retry(app: &App, id: OperationId) -> Result<Operation, ServiceError> {
    let before = one(app, id).await?;
    if before.state != OperationState::NeedsAttention {
        return Err(ServiceError::Conflict {
            code: "operation_not_retriable",
            detail: "only operations in the state `needs_attention` can be retried".to_owned(),
            state: Some(before.state.as_str().to_owned()),
        });
    }
    let now = app.clock.now();
    app.store.retry_operation(id, now).await?;
    if let Some(Stored { mut session, version }) = app.store.session(before.session).await?
        && session.settle(&before, OperationState::Pending, None, now)
    {
        // Losing this race only leaves a word of caution on the page until the outcome is written.
        app.store.change(Change { session: Some((session, version)), ..Change::new(now) }).await?;
    }
    let runner = app.clone();
    let work = app.background.spawn(async move { deliver::claim_and_run(&runner, id).await });
    // Past the deadline it goes on in the background; the answer shows how far it came.
    let _late = tokio::time::timeout(app.settings.apply_deadline, work).await;
    one(app, id).await
}

/// An operation.
pub(super) async fn one(app: &App, id: OperationId) -> Result<Operation, ServiceError> {
    app.store.operation(id).await?.ok_or(ServiceError::NotFound("billing operation"))
}
