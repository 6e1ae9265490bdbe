//! A missing feature is there: tell those who left for its lack.

use jiff::Timestamp;
use serde::Serialize;
use utoipa::ToSchema;

use super::app::App;
use super::error::ServiceError;
use crate::domain::feature::FeatureTag;
use crate::domain::ids::{CustomerId, SessionId, SubscriptionId};
use crate::store::Departure;

/// Somebody who left for the lack of a feature.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[schema(as = Departure)]
pub struct DepartureView {
    /// The app's customer.
    pub customer: CustomerId,
    /// The subscription that they left.
    pub subscription: SubscriptionId,
    /// The session in which they left.
    pub session: SessionId,
    /// When.
    pub left_at: Timestamp,
}

/// A page of those who left for the lack of a feature.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct ShippedFeature {
    /// The feature.
    pub feature: FeatureTag,
    /// When it was first said to be there; who left later is not told.
    pub shipped_at: Timestamp,
    /// Who is told, each by an event `winback.feature_shipped`.
    pub data: Vec<DepartureView>,
    /// How many on this page asked not to be contacted.
    #[schema(minimum = 0)]
    pub left_out: usize,
    /// What to give as `cursor` for the next page; null on the last.
    #[schema(required = true)]
    pub next_cursor: Option<CustomerId>,
}

impl From<Departure> for DepartureView {
    fn from(departure: Departure) -> Self {
        Self {
            customer: departure.customer,
            subscription: departure.subscription,
            session: departure.session,
            left_at: departure.left_at,
        }
    }
}

/// Lists a page of those who left for the lack of a feature, and tells those of them who have not been told yet. The
/// same page again changes nothing.
///
/// # Errors
/// When the database cannot be reached.
pub async fn shipped(
    app: &App,
    feature: FeatureTag,
    cursor: Option<CustomerId>,
    limit: u32,
) -> Result<ShippedFeature, ServiceError> {
    let page = app.store.ship_feature(feature.clone(), cursor, limit, app.clock.now()).await?;
    Ok(ShippedFeature {
        feature,
        shipped_at: page.shipped_at,
        data: page.told.into_iter().map(DepartureView::from).collect(),
        left_out: page.left_out,
        next_cursor: page.next,
    })
}
