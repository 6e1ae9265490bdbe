//! What the app is told of, as its back end and operations read it.

use super::app::App;
use super::error::ServiceError;
use super::read::Page;
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
    // One more than asked tells whether there are more.
    let mut data = app.store.events(filter, cursor, limit.saturating_add(1)).await?;
    let asked = usize::try_from(limit).unwrap_or(usize::MAX);
    let more = data.len() > asked;
    data.truncate(asked);
    let next = data.last().filter(|_| more).map(|last| last.id.to_string());
    Ok(Page { data, next })
}
