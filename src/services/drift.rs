//! Differences between Stripe and what we believe, as operations see them.

use jiff::Timestamp;
use serde::Serialize;
use utoipa::ToSchema;

use super::app::App;
use super::error::ServiceError;
use super::page::Page;
use crate::domain::drift::{DriftKind, DriftState};
use crate::domain::ids::{DriftId, OperationId, SessionId, SubscriptionId};
use crate::store::{DriftFilter, DriftRecord};

/// A difference between Stripe and what an applied billing operation makes us believe.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[schema(as = Drift)]
pub struct DriftView {
    /// Its id.
    pub id: DriftId,
    /// How Stripe differs.
    pub kind: DriftKind,
    /// What has become of it.
    pub state: DriftState,
    /// The subscription.
    pub subscription: SubscriptionId,
    /// The session that the operation came from.
    pub session: SessionId,
    /// The billing operation whose effect it is about.
    pub operation: OperationId,
    /// What should be there.
    pub expected: String,
    /// What Stripe showed.
    pub found: String,
    /// What to do about it.
    pub advice: &'static str,
    /// Whether it is repaired without a person.
    pub repairable: bool,
    /// The billing operation that repairs it.
    #[schema(required = true)]
    pub repair: Option<OperationId>,
    /// When it was found, or found again after it had gone.
    pub found_at: Timestamp,
    /// When it was last seen.
    pub seen_at: Timestamp,
    /// When it went, or was dismissed.
    #[schema(required = true)]
    pub closed_at: Option<Timestamp>,
}

impl From<DriftRecord> for DriftView {
    fn from(record: DriftRecord) -> Self {
        Self {
            id: record.id,
            kind: record.kind,
            state: record.state,
            subscription: record.subscription,
            session: record.session,
            operation: record.operation,
            expected: record.expected,
            found: record.found,
            advice: record.kind.advice(),
            repairable: record.repairable,
            repair: record.repair,
            found_at: record.found_at,
            seen_at: record.seen_at,
            closed_at: record.closed_at,
        }
    }
}

/// Differences, newest first.
///
/// # Errors
/// When the database cannot be reached.
pub async fn list(
    app: &App,
    filter: DriftFilter,
    cursor: Option<DriftId>,
    limit: u32,
) -> Result<Page<DriftView>, ServiceError> {
    let found = app.store.drifts(filter, cursor, limit.saturating_add(1)).await?;
    Ok(Page::of(found, limit, |drift| drift.id).map(DriftView::from))
}

/// Dismisses a difference: it was meant, and is not told again as long as it stays. Twice is the same as once.
///
/// # Errors
/// When there is no such difference, or it is gone or being repaired.
pub async fn dismiss(app: &App, id: DriftId) -> Result<DriftView, ServiceError> {
    app.store.dismiss_drift(id, app.clock.now()).await?;
    let known = app.store.drift(id).await?.ok_or(ServiceError::NotFound("drift"))?;
    if known.state == DriftState::Dismissed {
        return Ok(known.into());
    }
    Err(ServiceError::Conflict {
        code: "drift_not_open",
        detail: "only drift in the state `open` can be dismissed".to_owned(),
        state: Some(known.state.as_str().to_owned()),
    })
}
