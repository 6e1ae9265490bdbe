//! Accept an offer: durable first, then tried at once, then left to the worker.

use jiff::Timestamp;

use super::app::App;
use super::decide::budget_name;
use super::deliver;
use super::error::ServiceError;
use super::idempotency::{IdempotencyKey, Reply};
use super::transition::{Access, Effects, refused, transition};
use crate::domain::cost::cost;
use crate::domain::flow::FlowDocument;
use crate::domain::ids::{OfferId, OperationId, SessionId};
use crate::domain::offer::{Choice, OfferType};
use crate::domain::operation::{BudgetHold, Operation};
use crate::domain::session::Session;
use crate::store::BudgetTake;

/// Accepts an offer of a session.
///
/// # Errors
/// When the session or offer is not known to `access`, or the state, the choice or a budget does not allow it; nothing
/// is written then.
pub async fn accept(
    app: &App,
    access: &Access,
    id: SessionId,
    offer: OfferId,
    choice: Option<Choice>,
    key: Option<&IdempotencyKey>,
) -> Result<Reply, ServiceError> {
    let done = transition(app, access, id, key, "accept", |session, flow, now| {
        let operation = OperationId::generate(now);
        let effect = session.accept(offer, choice, operation, now).map_err(|why| refused(session, &why))?;
        let Some(effect) = effect else { return Ok(Effects { status: 200, ..Effects::default() }) };
        let amount = price(session, offer, choice, now);
        let budget = amount.map(|priced| takes(flow, session, priced, now)).unwrap_or_default();
        let mut operation = Operation::new(operation, session, Some(offer), effect, now, now);
        operation.holds = budget.iter().map(hold).collect();
        let costs = amount.iter().map(|(_, amount)| (offer, *amount)).collect();
        Ok(Effects {
            operation: Some(operation),
            leased: true,
            budget,
            costs,
            status: 202,
            ..Effects::default()
        })
    })
    .await?;
    deliver::at_once(app, access, id, key, done).await
}

/// The type of an accepted offer, and what it costs at most, in minor units.
fn price(
    session: &Session,
    offer: OfferId,
    choice: Option<Choice>,
    now: Timestamp,
) -> Option<(OfferType, i64)> {
    let accepted = session.offers.iter().find(|candidate| candidate.id == offer)?;
    let snapshot = session.snapshot.as_ref()?;
    Some((accepted.terms.offer_type(), cost(&accepted.terms, snapshot, choice, now)))
}

/// What an accepted offer takes from the flow's budgets.
fn takes(
    flow: &FlowDocument,
    session: &Session,
    (offer_type, amount): (OfferType, i64),
    now: Timestamp,
) -> Vec<BudgetTake> {
    let Some(currency) = session.snapshot.as_ref().map(|snapshot| snapshot.currency) else {
        return Vec::new();
    };
    flow.budgets_for(offer_type, currency)
        .map(|budget| BudgetTake {
            budget: budget_name(&flow.key, budget, now),
            amount,
            limit: budget.amount,
        })
        .collect()
}

fn hold(take: &BudgetTake) -> BudgetHold {
    BudgetHold { budget: take.budget.clone(), amount: take.amount }
}
