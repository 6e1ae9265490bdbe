//! What came of an experiment.
//!
//! Here outcomes are made into what is shown of them; what they mean is reckoned in
//! [`statistics`](crate::domain::statistics), and nothing here decides by them.

mod arms;
mod numbers;
mod ratio;

use jiff::Timestamp;
use serde::Serialize;
use utoipa::ToSchema;

use super::list::{arms_of, running};
use crate::domain::offer::Key;
use crate::domain::statistics::{ALPHA, TUNED_FOR};
use crate::services::app::App;
use crate::services::error::ServiceError;
use arms::Results;
pub use arms::{ArmResults, RevenueView, ValidatedView, Verdict};
pub use numbers::{DifferenceView, EstimateView};
pub use ratio::RatioView;
use ratio::ratio;

/// What came of an experiment.
#[derive(Clone, Debug, PartialEq, Serialize, ToSchema)]
#[schema(as = ExperimentResults)]
pub struct ResultsView {
    /// The experiment; `holdout` for the flow's own holdout.
    pub experiment: Key,
    /// The flow.
    pub flow: Key,
    /// Live mode or test mode.
    pub livemode: bool,
    /// Whether the flow's active version has it.
    pub running: bool,
    /// When this was reckoned.
    pub as_of: Timestamp,
    /// How often, at most, an interval is wrong at any time; for differences, any of all arms'.
    pub alpha: f64,
    /// The number of customers at which intervals are narrowest.
    pub tuned_for: f64,
    /// Whether customers are divided as they should be.
    pub sample_ratio: RatioView,
    /// The arms, `control` first.
    pub arms: Vec<ArmResults>,
}

/// What came of an experiment by now.
///
/// # Errors
/// When there is no such experiment, running or with customers.
pub async fn results(
    app: &App,
    experiment: Key,
    flow: Option<Key>,
    livemode: Option<bool>,
) -> Result<ResultsView, ServiceError> {
    let flow = flow.unwrap_or_else(|| app.settings.flow.clone());
    let livemode = livemode.unwrap_or(app.gateway.livemode());
    let now = app.clock.now();
    let outcomes = app.store.experiment_outcomes(&flow, &experiment, livemode, now).await?;
    let active = app.flows.active(&flow);
    let running = running(active.document()).any(|key| key == experiment);
    if !running && outcomes.is_empty() {
        return Err(ServiceError::NotFound("experiment"));
    }
    let mut arms = arms_of(active.document(), &experiment);
    arms.extend(outcomes.iter().map(|outcome| outcome.arm.clone()));
    let sample_ratio = ratio(&outcomes);
    let arms = Results { outcomes: &outcomes, arms: &arms, mismatch: sample_ratio.mismatch }.arms();
    let (alpha, tuned_for, as_of) = (ALPHA, TUNED_FOR, now);
    Ok(ResultsView { experiment, flow, livemode, running, as_of, alpha, tuned_for, sample_ratio, arms })
}

#[cfg(test)]
mod tests;
