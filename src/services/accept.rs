//! Accept an offer: durable first, then tried at once, then left to the worker.

use std::collections::BTreeMap;

use super::app::App;
use super::books::{customer_caps, draws};
use super::deliver;
use super::error::ServiceError;
use super::idempotency::{IdempotencyKey, Reply};
use super::transition::{Access, Effects, refused, transition};
use crate::domain::cost::cost;
use crate::domain::ids::{OfferId, OperationId, SessionId};
use crate::domain::offer::{Choice, Key};

/// What the subscriber says when accepting.
#[derive(Clone, Debug, Default)]
pub struct Taken {
    /// Which of the terms' choices.
    pub choice: Option<Choice>,
    /// Which of the offer's asks the subscriber agrees to, by key.
    pub agreed: BTreeMap<Key, bool>,
}

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
    Taken { choice, agreed }: Taken,
    key: Option<&IdempotencyKey>,
) -> Result<Reply, ServiceError> {
    let done = transition(app, access, id, key, "accept", |session, flow, now| {
        let operation = OperationId::generate(now);
        let effect =
            session.accept(offer, choice, &agreed, operation, now).map_err(|why| refused(session, &why))?;
        let reserved = session.hold(offer, Vec::new());
        let accepted = session.offers.iter().find(|candidate| candidate.id == offer);
        let accepted = accepted.ok_or(ServiceError::NotFound("offer"))?;
        let snapshot = session.snapshot.as_ref().filter(|_| effect.is_some());
        let amount = snapshot.map(|snapshot| cost(&accepted.terms, snapshot, choice, now));
        let drawn = draws(flow, session, accepted, (amount, reserved), now);
        let effects = Effects {
            budget: drawn.takes,
            budget_return: drawn.returns,
            customer_caps: customer_caps(flow, session, accepted, now),
            status: 200,
            ..Effects::default()
        };
        let Some(effect) = effect else {
            session.hold(offer, drawn.holds);
            return Ok(effects);
        };
        let mut operation = session.operation(operation, Some(offer), effect, now);
        operation.holds = drawn.holds;
        Ok(Effects {
            operation: Some(operation),
            leased: true,
            costs: amount.iter().map(|amount| (offer, *amount)).collect(),
            status: 202,
            ..effects
        })
    })
    .await?;
    deliver::at_once(app, access, id, key, done).await
}
