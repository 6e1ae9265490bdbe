//! Verify that what is kept fits together, and, if asked to, that Stripe shows each applied operation's effect once.
//!
//! Read-only: nothing is written, to the database or to Stripe, and nothing is repaired. What differs in Stripe because
//! somebody changed it there is reported too; `reconcile` is for telling and mending that.

use jiff::{SignedDuration, Timestamp};
use serde::Serialize;

use crate::billing::{Gateway, StripeError};
use crate::domain::drift::{compare, is_moving};
use crate::domain::ids::SubscriptionId;
use crate::domain::operation::Operation;
use crate::domain::verify::{Held, Invariant, Violation, check_session, check_stripe};
use crate::store::{DatabaseUrl, Inspection, Looking, StoreError};

/// What to verify.
#[derive(Clone, Debug)]
pub struct Verifying {
    /// Where the database is.
    pub database: DatabaseUrl,
    /// How long events are kept.
    pub event_retention: SignedDuration,
    /// Stripe, if it is to be asked.
    pub stripe: Option<Gateway>,
    /// The present.
    pub now: Timestamp,
}

/// What came of it.
#[derive(Debug, Default, Serialize)]
pub struct Verified {
    /// Sessions looked at.
    pub sessions: u64,
    /// Their operations.
    pub operations: u64,
    /// Subscriptions that Stripe was asked about.
    pub asked: u64,
    /// Subscriptions that Stripe did not answer about, or that changed meanwhile.
    pub not_asked: Vec<SubscriptionId>,
    /// What does not hold.
    pub violations: Vec<Violation>,
}

/// Verifies the whole database.
///
/// # Errors
/// When the database cannot be asked.
pub async fn verify(verifying: Verifying) -> Result<Verified, StoreError> {
    let Verifying { database, event_retention, stripe, now } = verifying;
    let events_since = now.checked_sub(event_retention).unwrap_or(Timestamp::MIN);
    let looking = Looking { now, events_since };
    let mut verified = Inspection::of(&database, move |inspection| look(inspection, looking)).await?;
    if let Some(gateway) = stripe {
        ask_all(&gateway.in_background(), &database, now, &mut verified).await?;
    }
    Ok(verified)
}

/// Looks at the database, all of it as of one instant.
fn look(inspection: &mut Inspection, looking: Looking) -> Result<Verified, StoreError> {
    let (mut verified, mut held) = (Verified::default(), Held::default());
    let found = &mut verified.violations;
    found.extend(inspection.subscriptions_with_several_open()?);
    let mut after = None;
    loop {
        let page = inspection.sessions(after.as_deref(), looking)?;
        verified.sessions += page.sessions_read;
        verified.operations += page.operations_read;
        found.extend(page.violations);
        for kept in page.sessions {
            found.extend(check_session(&kept, looking.now));
            kept.operations.iter().for_each(|one| held.count(&one.operation));
            held.count_offers(&kept.session);
        }
        after = page.next;
        if after.is_none() {
            break;
        }
    }
    found.extend(held.check(&inspection.budgets()?));
    found.extend(inspection.documents()?);
    found.extend(inspection.references()?);
    Ok(verified)
}

/// Asks Stripe about every subscription with operations, each page of them as the database is then.
async fn ask_all(
    gateway: &Gateway,
    database: &DatabaseUrl,
    now: Timestamp,
    verified: &mut Verified,
) -> Result<(), StoreError> {
    let mut after: Option<SubscriptionId> = None;
    loop {
        let behind = after.take();
        let page = Inspection::of(database, move |inspection| inspection.operated(behind.as_ref())).await?;
        let Some((last, _)) = page.last() else { return Ok(()) };
        after = Some(last.clone());
        for (subscription, mut operations) in page {
            operations.retain(|operation| operation.livemode == gateway.livemode());
            if operations.is_empty() {
                continue;
            }
            let Ok(found) = ask(gateway, &subscription, &operations, now).await else {
                verified.not_asked.push(subscription);
                continue;
            };
            if found.is_empty() {
                verified.asked += 1;
                continue;
            }
            let id = subscription.clone();
            let current = Inspection::of(database, move |inspection| inspection.operations_on(&id)).await?;
            if operations.iter().all(|one| current.contains(one)) {
                verified.asked += 1;
                verified.violations.extend(found);
            } else {
                // Something was applied while Stripe was asked; what it showed may be of before or after.
                verified.not_asked.push(subscription);
            }
        }
    }
}

/// Compares the operations of one subscription with what Stripe shows.
async fn ask(
    gateway: &Gateway,
    subscription: &SubscriptionId,
    operations: &[Operation],
    now: Timestamp,
) -> Result<Vec<Violation>, StripeError> {
    let observed = gateway.observe(subscription).await?;
    let mut found = Vec::new();
    if let Some(observed) = &observed {
        for operation in operations {
            let traces = gateway.traces(operation, observed).await?;
            found.extend(check_stripe(operation, &traces));
        }
    }
    if !is_moving(operations, now) {
        let drifts = compare(operations, observed.as_ref(), now).into_iter();
        found.extend(drifts.map(|drift| {
            Violation::new(Invariant::Shown, drift.kind.as_str(), drift.operation).and(&drift.subscription)
        }));
    }
    Ok(found)
}
