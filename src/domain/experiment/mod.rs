//! Experiments: who is in which, in which arm, and what an arm does to the offers of a rule.
//!
//! An assignment is a pure function of keys, shares and the customer's id, so that every process finds the same one.
//! The first that counted is recorded and stays, whatever becomes of the shares. What a flow says of its experiments is
//! in [`super::flow`]; what came of them is reckoned in [`super::statistics`].

mod arm;
mod draw;
mod share;

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::ids::CustomerId;
use super::offer::Key;
pub use arm::{Arm, changes, rearranged};
pub use draw::{drawn, held_out, position};
pub use share::{Share, Shares, shares_of_parts, shares_of_weights, with_holdout};

/// The arm that sees no offer; also the experiment that the flow's own holdout is recorded as.
pub const HOLDOUT: &str = "holdout";
/// The arm that others are compared with; it sees what the rules say.
pub const CONTROL: &str = "control";

/// The shares of each bandit of a flow as they are today.
pub type Bandits = BTreeMap<Key, Shares>;

/// The arm that a customer is in.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[schema(as = SessionExperiment)]
pub struct Assignment {
    /// The experiment; `holdout` for the flow's own holdout.
    pub experiment: Key,
    /// The arm; `holdout` sees no offer.
    pub arm: Key,
    /// How likely this arm was when it was drawn, 0 to 1.
    pub propensity: Share,
}

/// An assignment in a decision in which it could matter.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[schema(as = ExperimentExposure)]
pub struct Exposure {
    /// The arm.
    #[serde(flatten)]
    pub assignment: Assignment,
    /// How likely each arm was when it was drawn, 0 to 1.
    #[schema(value_type = std::collections::BTreeMap<String, f64>)]
    pub shares: Shares,
}

/// Whom arms are drawn for.
#[derive(Clone, Copy, Debug)]
pub struct Unit<'a> {
    /// The customer.
    pub customer: &'a CustomerId,
    /// What was recorded of this customer in the same flow, the oldest first.
    pub recorded: &'a [Exposure],
    /// The bandits' shares; an experiment that is not named goes by its weights.
    pub bandits: &'a Bandits,
}

impl Unit<'_> {
    /// What was recorded first in an experiment.
    #[must_use]
    pub fn recorded_in(&self, experiment: &str) -> Option<&Exposure> {
        self.recorded.iter().find(|exposure| exposure.assignment.experiment.as_str() == experiment)
    }
}

#[cfg(test)]
mod tests;
