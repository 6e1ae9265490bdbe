//! Something in return: what accepted offers ask, as operations see it and settle it.

use jiff::Timestamp;
use serde::Serialize;
use utoipa::ToSchema;

use super::app::App;
use super::error::ServiceError;
use super::page::Page;
use crate::domain::ids::{AskId, CustomerId, OfferId, SessionId, SubscriptionId};
use crate::domain::offer::{AskState, AskType, Key};
use crate::store::{AskFilter, AskRecord, AuditLine};

/// What an accepted offer asks in return.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[schema(as = Ask)]
pub struct AskView {
    /// Its id.
    pub id: AskId,
    /// What became of it.
    pub state: AskState,
    /// Its key in the offer.
    pub key: Key,
    /// Its type.
    #[serde(rename = "type")]
    pub ask_type: AskType,
    /// What was shown to the subscriber.
    pub label: String,
    /// The offer.
    pub offer: OfferId,
    /// The offer's key in the flow.
    pub offer_key: Key,
    /// The session in which the offer was accepted.
    pub session: SessionId,
    /// The app's customer.
    pub customer: CustomerId,
    /// The subscription.
    pub subscription: SubscriptionId,
    /// Live or test mode.
    pub livemode: bool,
    /// When the offer was accepted.
    pub created_at: Timestamp,
    /// When it was fulfilled or waived, or withdrawn with the offer.
    #[schema(required = true)]
    pub settled_at: Option<Timestamp>,
}

impl From<AskRecord> for AskView {
    fn from(record: AskRecord) -> Self {
        Self {
            id: record.id,
            state: record.state,
            key: record.key,
            ask_type: record.ask_type,
            label: record.label,
            offer: record.offer,
            offer_key: record.offer_key,
            session: record.session,
            customer: record.customer,
            subscription: record.subscription,
            livemode: record.livemode,
            created_at: record.created_at,
            settled_at: record.settled_at,
        }
    }
}

/// What operations say of an ask.
#[derive(Clone, Copy, Debug)]
pub enum Settlement {
    /// The subscriber has done it.
    Fulfilled,
    /// It is asked no more.
    Waived,
}

impl Settlement {
    fn state(self) -> AskState {
        match self {
            Self::Fulfilled => AskState::Fulfilled,
            Self::Waived => AskState::Waived,
        }
    }

    fn action(self) -> &'static str {
        match self {
            Self::Fulfilled => "ask.fulfill",
            Self::Waived => "ask.waive",
        }
    }
}

/// Asks, newest first.
///
/// # Errors
/// When the database cannot be reached.
pub async fn list(
    app: &App,
    filter: AskFilter,
    cursor: Option<AskId>,
    limit: u32,
) -> Result<Page<AskView>, ServiceError> {
    let found = app.store.asks(filter, cursor, limit.saturating_add(1)).await?;
    Ok(Page::of(found, limit, |ask| ask.id).map(AskView::from))
}

/// Takes an ask as fulfilled or waived. Twice the same is the same as once.
///
/// # Errors
/// When there is no such ask, or nobody waits for it.
pub async fn settle(app: &App, id: AskId, how: Settlement, actor: &str) -> Result<AskView, ServiceError> {
    let line = AuditLine {
        actor: actor.to_owned(),
        action: how.action().to_owned(),
        detail: serde_json::json!({"ask": id}).to_string(),
    };
    let ask = app.store.settle_ask(id, how.state(), line, app.clock.now()).await?;
    let ask = ask.ok_or(ServiceError::NotFound("ask"))?;
    if ask.state == how.state() {
        return Ok(ask.into());
    }
    Err(ServiceError::Conflict {
        code: "ask_not_open",
        detail: "only asks in the state `agreed` can be fulfilled or waived".to_owned(),
        state: Some(ask.state.as_str().to_owned()),
    })
}
