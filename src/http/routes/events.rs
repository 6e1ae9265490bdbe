//! What the app is told of.

use actix_web::web::Data;
use actix_web::{HttpResponse, get};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use validator::Validate;

use super::paging::{Limit, List};
use crate::domain::event::{Event, EventData, EventType};
use crate::domain::ids::{CustomerId, EventId, SessionId, SubscriptionId};
use crate::http::auth::permission::ServerOrAnalyst;
use crate::http::problem::Problem;
use crate::http::query::Query;
use crate::services::{App, events};
use crate::store::EventFilter;

/// Something that has happened and the app may want to act on.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Event)]
pub(crate) struct EventView {
    /// Its id. The same event always has the same id: keep those you have acted on.
    id: EventId,
    /// When it was written, together with what it speaks of.
    created_at: Timestamp,
    /// Live or test mode.
    livemode: bool,
    /// The app's customer, where it is known.
    customer: Option<CustomerId>,
    /// The subscription it is about.
    subscription: SubscriptionId,
    /// The session it goes back to, if it goes back to one.
    session: Option<SessionId>,
    /// Type and data.
    #[serde(flatten)]
    told: EventData,
}

impl From<Event> for EventView {
    fn from(event: Event) -> Self {
        Self {
            id: event.id,
            created_at: event.created_at,
            livemode: event.livemode,
            customer: event.customer,
            subscription: event.subscription,
            session: event.session,
            told: event.data,
        }
    }
}

/// Which events to list.
#[derive(Debug, Deserialize, IntoParams, Validate)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct EventQuery {
    /// At most so many; 1 to 200, 50 where left out.
    #[serde(default)]
    limit: Limit,
    /// Where the page before ended: its `next_cursor`.
    cursor: Option<EventId>,
    /// Only of this type.
    #[serde(rename = "type")]
    event_type: Option<EventType>,
    /// Only about this customer of the app's.
    customer: Option<CustomerId>,
    /// Only about this subscription.
    subscription: Option<SubscriptionId>,
}

/// List events, newest first.
///
/// Each is written once, in the same transaction as what it speaks of, and kept for `events.retention_days`. Read from
/// the newest back to those you know already, by id.
#[utoipa::path(
    tag = "operations", operation_id = "listEvents",
    params(EventQuery),
    responses((status = 200, description = "A page of events", body = List<EventView>)),
    security(("apiKey" = ["server", "analyst", "operator", "admin"])),
)]
#[get("/v1/events")]
pub(crate) async fn list(
    _caller: ServerOrAnalyst,
    app: Data<App>,
    query: Query<EventQuery>,
) -> Result<HttpResponse, Problem> {
    let query = query.0;
    let filter = EventFilter {
        event_type: query.event_type,
        customer: query.customer,
        subscription: query.subscription,
    };
    let page = events::list(&app, filter, query.cursor, query.limit.get()).await?;
    Ok(HttpResponse::Ok().json(List::from(page.map(EventView::from))))
}
