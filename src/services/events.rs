//! What the app is told of, as its back end and operations read it.

use super::app::App;
use super::error::ServiceError;
use super::page::Page;
use crate::domain::event::Event;
use crate::domain::ids::EventId;
use crate::store::EventFilter;

/// Events, newest first.
///
/// # Errors
/// When the database cannot be reached.
pub async fn list(
    app: &App,
    filter: EventFilter,
    cursor: Option<EventId>,
    limit: u32,
) -> Result<Page<Event>, ServiceError> {
    let found = app.store.events(filter, cursor, limit.saturating_add(1)).await?;
    Ok(Page::of(found, limit, |event| event.id))
}
