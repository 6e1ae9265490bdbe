//! Numbers with their intervals, rounded to be shown.

use serde::Serialize;
use utoipa::ToSchema;

use crate::domain::statistics::{Difference, Estimate, float, interval};

/// A number with the interval in which it lies.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, ToSchema)]
#[schema(as = ExperimentEstimate)]
pub struct EstimateView {
    /// The number, each customer weighted by the inverse of the propensity; null of nobody.
    #[schema(required = true)]
    pub value: Option<f64>,
    /// From here; null while there are too few customers.
    #[schema(required = true)]
    pub lower: Option<f64>,
    /// To here.
    #[schema(required = true)]
    pub upper: Option<f64>,
}

/// How an arm differs from another.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, ToSchema)]
#[schema(as = ExperimentDifference)]
pub struct DifferenceView {
    /// How much more.
    pub value: f64,
    /// From here; null while there are too few customers.
    #[schema(required = true)]
    pub lower: Option<f64>,
    /// To here.
    #[schema(required = true)]
    pub upper: Option<f64>,
}

/// An estimate, rounded to parts of one by `to`.
pub(super) fn view(found: Option<Estimate>, to: f64) -> EstimateView {
    let interval = found.as_ref().and_then(interval);
    EstimateView {
        value: found.map(|found| rounded(found.mean, to)),
        lower: interval.map(|interval| rounded(interval.lower, to)),
        upper: interval.map(|interval| rounded(interval.upper, to)),
    }
}

/// A difference, rounded in the same way.
pub(super) fn difference_view(found: Difference, to: f64) -> DifferenceView {
    DifferenceView {
        value: rounded(found.value, to),
        lower: found.interval.map(|interval| rounded(interval.lower, to)),
        upper: found.interval.map(|interval| rounded(interval.upper, to)),
    }
}

/// A number of customers, to reckon with.
pub(super) fn customers(number: u64) -> f64 {
    float(i64::try_from(number).unwrap_or(i64::MAX))
}

/// Rounded to parts of one by `to`; what is so large that it would lose by it stays.
pub(super) fn rounded(number: f64, to: f64) -> f64 {
    if number.abs() > 1e12 { number } else { (number * to).round() / to }
}
