//! Which experiments there are, and how many customers each has.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use serde::Serialize;
use utoipa::ToSchema;

use crate::domain::experiment::{CONTROL, HOLDOUT};
use crate::domain::flow::{Allocation, FlowDocument};
use crate::domain::offer::Key;
use crate::services::app::App;
use crate::services::error::ServiceError;
use crate::store::ArmCount;

/// An experiment, and how many customers it has.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct ExperimentRow {
    /// Its key; `holdout` for the flow's own holdout.
    pub experiment: Key,
    /// The flow.
    pub flow: Key,
    /// Whether the flow's active version has it.
    pub running: bool,
    /// How customers are divided; null where it is not running.
    #[schema(required = true)]
    pub allocation: Option<Allocation>,
    /// When it first could matter to anybody; null until then.
    #[schema(required = true)]
    pub since: Option<Timestamp>,
    /// Its arms, `control` first.
    pub arms: Vec<ArmCustomers>,
}

/// How many customers an arm has.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct ArmCustomers {
    /// The arm; `holdout` sees no offer.
    pub arm: Key,
    /// Customers to whom it could matter, each once.
    pub customers: u64,
}

/// Every experiment of a flow that is running or has customers.
///
/// # Errors
/// When the database cannot be reached.
pub async fn list(
    app: &App,
    flow: Option<Key>,
    livemode: Option<bool>,
) -> Result<Vec<ExperimentRow>, ServiceError> {
    let flow = flow.unwrap_or_else(|| app.settings.flow.clone());
    let counts = app.store.experiment_arms(&flow, livemode.unwrap_or(app.gateway.livemode())).await?;
    let active = app.flows.active(&flow);
    let mut keys: BTreeSet<Key> = counts.iter().map(|count| count.experiment.clone()).collect();
    keys.extend(running(active.document()));
    Ok(keys.into_iter().map(|key| row(&flow, active.document(), key, &counts)).collect())
}

/// The keys of the experiments of a flow, with that of its holdout.
pub(super) fn running(document: &FlowDocument) -> impl Iterator<Item = Key> {
    let holdout = document.holdout.and_then(|_| HOLDOUT.parse().ok());
    document.experiments.keys().cloned().chain(holdout)
}

/// The arms that an experiment has in a flow; none where it is not running.
pub(super) fn arms_of(document: &FlowDocument, experiment: &Key) -> BTreeSet<Key> {
    let words: &[&str] = match document.holdout {
        Some(_) if experiment.as_str() == HOLDOUT => &[CONTROL, HOLDOUT],
        Some(_) if document.experiments.contains_key(experiment) => &[HOLDOUT],
        _ => &[],
    };
    let own = document.experiments.get(experiment).into_iter().flat_map(|one| one.arms.keys().cloned());
    words.iter().filter_map(|word| word.parse().ok()).chain(own).collect()
}

fn row(flow: &Key, document: &FlowDocument, experiment: Key, counts: &[ArmCount]) -> ExperimentRow {
    let own = || counts.iter().filter(|count| count.experiment == experiment);
    let mut arms: BTreeMap<Key, u64> =
        arms_of(document, &experiment).into_iter().map(|arm| (arm, 0)).collect();
    arms.extend(own().map(|count| (count.arm.clone(), count.customers)));
    let mut arms: Vec<_> = arms.into_iter().map(|(arm, customers)| ArmCustomers { arm, customers }).collect();
    arms.sort_by_key(|one| one.arm.as_str() != CONTROL);
    let running = running(document).any(|key| key == experiment);
    let declared = document.experiments.get(&experiment).map(|one| one.allocation);
    ExperimentRow {
        flow: flow.clone(),
        running,
        allocation: declared.or(running.then_some(Allocation::Weights)),
        since: own().map(|count| count.since).min(),
        arms,
        experiment,
    }
}
