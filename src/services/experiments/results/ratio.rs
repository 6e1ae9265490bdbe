//! Whether customers are divided among the arms as they should be.

use std::collections::BTreeMap;

use serde::Serialize;
use utoipa::ToSchema;

use super::numbers::{customers, rounded};
use crate::domain::experiment::Shares;
use crate::domain::offer::Key;
use crate::domain::statistics::{Outcome, RATIO_ALPHA, ratio_evidence};

/// Whether customers are divided as they should be.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, ToSchema)]
#[schema(as = ExperimentSampleRatio)]
pub struct RatioView {
    /// The evidence that they are not: an e-value, at most 1e300.
    pub e_value: f64,
    /// From here on it is a mismatch; a sound experiment ever comes here once in so many.
    pub threshold: f64,
    /// Whether it is one.
    pub mismatch: bool,
}

/// The evidence of all customers, each under the shares that held when they came.
pub(super) fn ratio(outcomes: &[Outcome]) -> RatioView {
    let mut stretches: BTreeMap<&Shares, BTreeMap<Key, f64>> = BTreeMap::new();
    for outcome in outcomes {
        let counts = stretches.entry(&outcome.shares).or_default();
        *counts.entry(outcome.arm.clone()).or_default() += customers(outcome.customers);
    }
    let evidence = ratio_evidence(stretches.iter().map(|(shares, counts)| (*shares, counts)));
    let threshold = 1.0 / RATIO_ALPHA;
    RatioView {
        e_value: rounded(evidence.min(690.0).exp(), 1e4),
        threshold: threshold.round(),
        mismatch: evidence >= threshold.ln(),
    }
}
