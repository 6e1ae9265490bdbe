//! Experiments: which there are, what came of one, and what bandits learn from it. Who is in which arm is decided by the
//! domain, and kept with the session.

mod learn;
mod list;
mod results;

pub use learn::learn;
pub use list::{ArmCustomers, ExperimentRow, list};
pub use results::{
    ArmResults, DifferenceView, EstimateView, RatioView, ResultsView, RevenueView, ValidatedView, Verdict,
    results,
};
