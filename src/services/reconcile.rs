//! Compare what applied operations make us believe with what Stripe shows, take down where it differs, and repair what
//! is safe.
//!
//! All of it is done once a day by one process at a time, which notes how far it has come with every subscription, so
//! that another goes on where it died. Whatever is repaired is repaired by an ordinary billing operation, whose id
//! follows from what was found: however many compare, there is one.

use serde::Serialize;
use tracing::{info, warn};
use utoipa::ToSchema;

use super::app::App;
use super::deliver;
use super::drift::DriftView;
use super::error::{Cause, ServiceError};
use crate::billing::StripeError;
use crate::domain::drift::{Drift, DriftState, compare, is_believed, is_moving};
use crate::domain::ids::SubscriptionId;
use crate::domain::operation::{Operation, OperationState};
use crate::store::{DriftRecord, Lease, Reconciled};

/// How many subscriptions are looked up in one go.
const PAGE: u32 = 100;
/// How many questions in a row Stripe may leave open before the rest waits for another time.
const MAX_FAILURES: u32 = 3;

/// What a comparison of all subscriptions came to.
#[derive(Clone, Debug, Default, Serialize, ToSchema)]
pub struct Report {
    /// Subscriptions with billing operations.
    pub subscriptions: u64,
    /// Those that Stripe was asked about; of the others nothing is believed any more.
    pub asked: u64,
    /// Those that could not be compared: Stripe did not answer, or an operation was under way.
    pub not_compared: Vec<SubscriptionId>,
    /// Every difference that was found, those included that a person has dismissed.
    pub drift: Vec<DriftView>,
}

impl Report {
    /// How many differences are left for a person, or for a repair still under way.
    #[must_use]
    pub fn left(&self) -> usize {
        let left = |drift: &&DriftView| matches!(drift.state, DriftState::Open | DriftState::Repairing);
        self.drift.iter().filter(left).count()
    }
}

/// What the comparison of one subscription came to.
enum Compared {
    /// Nothing is believed of it, so that Stripe was not asked.
    Settled,
    /// Stripe was asked.
    Asked(Vec<DriftRecord>),
    /// An operation is under way.
    Moving,
    /// Stripe did not answer.
    Failed(StripeError),
    /// Somebody else has taken over.
    LostLease,
}

/// Compares every subscription, whoever did so when.
///
/// # Errors
/// When the database cannot be reached.
pub async fn everything(app: &App, repair: bool) -> Result<Report, ServiceError> {
    let mut report = Report::default();
    let mut cursor = None;
    loop {
        let page = app.store.operated_subscriptions(cursor, PAGE).await?;
        cursor = page.last().cloned();
        if cursor.is_none() {
            return Ok(report);
        }
        for id in page {
            report.subscriptions += 1;
            match one(app, &id, None, repair).await? {
                Compared::Settled | Compared::LostLease => {}
                Compared::Asked(found) => {
                    report.asked += 1;
                    report.drift.extend(found.into_iter().map(DriftView::from));
                }
                Compared::Moving | Compared::Failed(_) => report.not_compared.push(id),
            }
        }
    }
}

/// Compares every subscription if it is time, from where it was left off, for as long as `going` says. Says whether it
/// came to an end of it.
///
/// # Errors
/// When the database cannot be reached, or Stripe not be asked; what is left waits for the next call.
pub async fn daily(app: &App, going: impl Fn() -> bool) -> Result<bool, ServiceError> {
    let Some(every) = app.settings.reconciling.every else { return Ok(false) };
    let now = app.clock.now();
    let Some(cursor) = app.store.claim_reconciliation(app.lease(now), now, every).await? else {
        return Ok(false);
    };
    let outcome = all_from(app, cursor, going).await;
    let ended = matches!(outcome, Ok(true)).then(|| app.clock.now());
    app.store.release_reconciliation(&app.owner, ended).await?;
    outcome
}

async fn all_from(
    app: &App,
    mut cursor: Option<SubscriptionId>,
    going: impl Fn() -> bool,
) -> Result<bool, ServiceError> {
    let mut failures = 0;
    loop {
        let page = app.store.operated_subscriptions(cursor, PAGE).await?;
        cursor = page.last().cloned();
        if cursor.is_none() {
            info!("every subscription is compared with Stripe");
            return Ok(true);
        }
        for id in page {
            if !going() {
                return Ok(false);
            }
            let lease = app.lease(app.clock.now());
            match one(app, &id, Some(lease), app.settings.reconciling.repair).await? {
                Compared::LostLease => return Ok(false),
                Compared::Failed(error) => {
                    failures += 1;
                    warn!(subscription = %id, code = %error.code, "not compared with Stripe");
                    if failures >= MAX_FAILURES {
                        return Err(ServiceError::BillingUnavailable(Cause::new(error)));
                    }
                }
                Compared::Settled | Compared::Moving => {}
                Compared::Asked(_) => failures = 0,
            }
        }
    }
}

/// Compares one subscription.
async fn one(
    app: &App,
    id: &SubscriptionId,
    lease: Option<Lease>,
    repair: bool,
) -> Result<Compared, ServiceError> {
    let now = app.clock.now();
    let record = async |drifts: Option<Vec<Drift>>| {
        let result = Reconciled { subscription: id.clone(), drifts, lease: lease.clone(), now };
        app.store.record_reconciled(result).await
    };
    let operations = ours(app, id).await?;
    if is_moving(&operations, now) {
        return Ok(if record(None).await?.is_some() { Compared::Moving } else { Compared::LostLease });
    }
    if !is_believed(&operations, now) || has_ended(app, id).await? {
        let written = record(Some(Vec::new())).await?;
        return Ok(if written.is_some() { Compared::Settled } else { Compared::LostLease });
    }
    let observed = match app.gateway.observe(id).await {
        Ok(observed) => observed,
        Err(error) => return Ok(Compared::Failed(error)),
    };
    tokio::time::sleep(app.settings.reconciling.pause).await;
    if let Some(seen) = &observed {
        app.store.put_snapshot(&seen.subscription, now).await?;
    }
    let drifts = compare(&operations, observed.as_ref(), now);
    if !drifts.is_empty() && ours(app, id).await? != operations {
        // Something was applied while Stripe was asked; what it showed may be of before or after.
        return Ok(if record(None).await?.is_some() { Compared::Moving } else { Compared::LostLease });
    }
    let Some(mut found) = record(Some(drifts)).await? else { return Ok(Compared::LostLease) };
    for drift in &mut found {
        info!(drift = %drift.id, kind = drift.kind.as_str(), subscription = %id, "Stripe differs");
        if drift.found_at == now {
            app.metrics.found_drift(drift);
        }
        if repair {
            mend(app, drift).await?;
        }
    }
    Ok(Compared::Asked(found))
}

/// The operations on a subscription that belong to the key's mode.
async fn ours(app: &App, id: &SubscriptionId) -> Result<Vec<Operation>, ServiceError> {
    let mut operations = app.store.operations_on(id).await?;
    operations.retain(|operation| operation.livemode == app.gateway.livemode());
    Ok(operations)
}

/// Whether the subscription is known to have ended, which it does for good.
async fn has_ended(app: &App, id: &SubscriptionId) -> Result<bool, ServiceError> {
    Ok(app.store.snapshot(id).await?.is_some_and(|(known, _)| known.status.is_ended()))
}

/// Repairs a difference if that is safe, and nobody does already.
async fn mend(app: &App, drift: &mut DriftRecord) -> Result<(), ServiceError> {
    if !drift.repairable || drift.state != DriftState::Open {
        return Ok(());
    }
    let Some(operation) = app.store.repair_drift(drift.id, app.clock.now()).await? else { return Ok(()) };
    deliver::claim_and_run(app, operation.id).await;
    let after = app.store.operation(operation.id).await?;
    if after.is_some_and(|after| after.state == OperationState::Applied) {
        app.store.drift_repaired(drift.id, app.clock.now()).await?;
    }
    if let Some(known) = app.store.drift(drift.id).await? {
        *drift = known;
    }
    Ok(())
}
