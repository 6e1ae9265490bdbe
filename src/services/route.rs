//! Which flow a session runs: the configured one, or the one that it routes this subscriber to.

use std::sync::Arc;

use jiff::Timestamp;

use super::app::App;
use super::books;
use super::error::ServiceError;
use super::flows::Published;
use super::known::{Known, Routed};
use crate::domain::experiment::{Bandits, Exposure};
use crate::domain::ids::{CustomerId, PriceId, SubscriptionId};
use crate::domain::offer::Key;
use crate::store::Account;

/// The flow for a subscriber of whom this much is known, and why it is not the configured one where it is another. Routes
/// of the flow routed to are not followed. A route to a flow without a published version leads nowhere: the configured
/// one runs, since nobody's way out waits for operations.
pub(super) fn choose(app: &App, known: &Known, now: Timestamp) -> (Arc<Published>, Option<Routed>) {
    let entry = app.flows.active(&app.settings.flow);
    if entry.document().routes.is_empty() {
        return (entry, None);
    }
    let Some((route, segments)) = entry.compiled.route(&known.facts(now), now) else { return (entry, None) };
    let target = entry.document().routes.get(route).map(|route| &route.flow);
    match target.and_then(|target| app.flows.published(target)) {
        Some(flow) => (flow, Some(Routed { from: entry.reference(), route, segments })),
        None => {
            tracing::warn!(flow = %app.settings.flow, route, "a route leads to a flow that is not published");
            (entry, None)
        }
    }
}

/// The flows that a session begun now may run.
fn possible(app: &App) -> Vec<Arc<Published>> {
    let entry = app.flows.active(&app.settings.flow);
    let targets = entry.document().routes.iter().filter_map(|route| app.flows.published(&route.flow));
    let mut flows: Vec<_> = targets.collect();
    flows.push(entry);
    flows
}

/// Where the budgets and caps of every flow that a session begun now may run are found in the books.
pub(super) fn possible_budgets(app: &App, now: Timestamp) -> Vec<Account> {
    let flows = possible(app);
    let mut accounts: Vec<_> = flows.iter().flat_map(|flow| books::accounts(flow.document(), now)).collect();
    accounts.sort_unstable();
    accounts.dedup();
    accounts
}

/// Whether one of those flows has a window in which sessions are gone on with.
pub(super) fn may_go_on(app: &App) -> bool {
    possible(app).iter().any(|flow| flow.document().policy.reentry_window_hours.is_some())
}

/// The prices that offers of those flows name, each once.
pub(super) fn possible_prices(app: &App) -> Vec<PriceId> {
    let mut prices: Vec<PriceId> = Vec::new();
    for price in possible(app).iter().flat_map(|flow| flow.document().prices()) {
        if !prices.contains(&price) {
            prices.push(price);
        }
    }
    prices
}

/// What is recorded of the customer's arms in the flow routed to, and its bandits' shares; nothing, and nothing asked of
/// the database, where that flow has no experiments.
pub(super) async fn experiments(
    app: &App,
    customer: &CustomerId,
    subscription: &SubscriptionId,
    flow: Option<Key>,
) -> Result<(Vec<Exposure>, Arc<Bandits>), ServiceError> {
    let Some(flow) = flow else { return Ok(Default::default()) };
    let bandits = app.flows.bandits(&flow);
    let read =
        app.store.subscriber(customer, subscription, Vec::new(), Some(flow), Vec::new(), false).await?;
    Ok((read.exposures, bandits))
}
