//! One step of a session: load it, let the domain change it, write everything at once, answer.
//!
//! The write is guarded by the session's version. Whoever loses a race loads again and asks the domain again, so that
//! the loser's answer speaks of the state as the winner left it.

use jiff::Timestamp;

use super::app::App;
use super::decide::Decided;
use super::error::{Cause, ServiceError};
use super::idempotency::{IdempotencyKey, Reply, matching, saved_reply};
use super::view::session_view;
use crate::domain::experiment::Exposure;
use crate::domain::flow::{CompiledFlow, FlowDocument};
use crate::domain::hold::BudgetHold;
use crate::domain::ids::{CustomerId, OfferId, SessionId};
use crate::domain::offer::Key;
use crate::domain::operation::Operation;
use crate::domain::session::{Refused, Session};
use crate::store::{
    AuditLine, BudgetTake, Change, Changed, CustomerCap, DecisionRecord, SavedAnswer, Stored,
};

/// How often a lost race is run again before giving up; each loss means that another request got through.
const MAX_RACES: usize = 8;
/// The code of the conflict that a budget does not hold what a step would take or set aside.
pub(super) const BUDGET_SPENT: &str = "budget_spent";

/// Who asks for a session.
#[derive(Clone, Debug)]
pub enum Access {
    /// A customer, who reaches only their own.
    Customer(CustomerId),
    /// Somebody with a role that reaches all.
    Staff,
}

impl Access {
    /// Whether this session may be known to the one who asks.
    #[must_use]
    pub fn allows(&self, session: &Session) -> bool {
        match self {
            Self::Customer(customer) => *customer == session.customer,
            Self::Staff => true,
        }
    }
}

/// What one step writes besides the session.
#[derive(Debug, Default)]
pub(super) struct Effects {
    /// A new operation.
    pub(super) operation: Option<Operation>,
    /// Whether this process may take it up at once, since none before it on the subscription can be on its way.
    pub(super) leased: bool,
    /// A new decision.
    pub(super) decision: Option<DecisionRecord>,
    /// The arms of experiments that the customer is in, in that decision.
    pub(super) exposures: Vec<Exposure>,
    /// What offers cost at most, in minor units.
    pub(super) costs: Vec<(OfferId, i64)>,
    /// Amounts taken from budgets.
    pub(super) budget: Vec<BudgetTake>,
    /// What goes back to budgets.
    pub(super) budget_return: Vec<BudgetHold>,
    /// Caps that the customer must be below.
    pub(super) customer_caps: Vec<CustomerCap>,
    /// Whether the write waits in a full queue rather than being refused.
    pub(super) patient: bool,
    /// The status of the answer.
    pub(super) status: u16,
}

impl Effects {
    /// Writes a new decision besides.
    pub(super) fn decided(self, decided: Decided) -> Self {
        let Decided { record, exposures, costs, budget, budget_return, segments: _ } = decided;
        Self { decision: Some(record), exposures, costs, budget, budget_return, ..self }
    }
}

/// What one step did.
pub(super) struct Done {
    pub(super) reply: Reply,
    pub(super) operation: Option<Operation>,
    pub(super) leased: bool,
    /// The session as this step has written it.
    pub(super) written: Option<Stored>,
}

impl Done {
    fn earlier(reply: Reply) -> Self {
        Self { reply, operation: None, leased: false, written: None }
    }
}

/// Loads a session that `access` may know of.
pub(super) async fn load(app: &App, access: &Access, id: SessionId) -> Result<Stored, ServiceError> {
    let stored = app.store.session(id).await?;
    stored.filter(|stored| access.allows(&stored.session)).ok_or(ServiceError::NotFound("session"))
}

/// Takes one step of a session.
pub(super) async fn transition(
    app: &App,
    access: &Access,
    id: SessionId,
    key: Option<&IdempotencyKey>,
    action: &'static str,
    mut step: impl FnMut(&mut Session, &FlowDocument, Timestamp) -> Result<Effects, ServiceError>,
) -> Result<Done, ServiceError> {
    if let Some(reply) = saved_reply(app, key).await? {
        return Ok(Done::earlier(reply));
    }
    for _ in 0..MAX_RACES {
        let Stored { mut session, version } = load(app, access, id).await?;
        let flow = app.flows.version(&app.store, &session.flow).await?;
        let now = app.clock.now();
        let effects = step(&mut session, flow.document(), now)?;
        let body = document(&session, &flow.compiled)?;
        let saved = key.map(|key| key.save(effects.status, body.clone(), now));
        // Only what goes on with it needs a copy.
        let written =
            effects.leased.then(|| Stored { session: session.clone(), version: version.saturating_add(1) });
        let change = change(app, (session, version), &effects, saved, action, now);
        match app.store.change(change).await? {
            Changed::Done => {
                let reply = Reply { status: effects.status, body, replayed: false };
                return Ok(Done { reply, operation: effects.operation, leased: effects.leased, written });
            }
            Changed::Replayed(answer) => return matching(key, answer).map(Done::earlier),
            Changed::BudgetSpent(index) => {
                let capped = effects.budget.get(index).is_some_and(|take| take.is_cap);
                return Err(given_away(if capped { "cap_reached" } else { BUDGET_SPENT }));
            }
            Changed::CapReached => return Err(given_away("cap_reached")),
            Changed::Stale | Changed::DuplicateEvent => {}
        }
    }
    Err(ServiceError::Busy { retry_after: 1 })
}

/// The session as JSON, as the front end sees it.
pub(super) async fn render(app: &App, session: &Session) -> Result<String, ServiceError> {
    let flow = app.flows.version(&app.store, &session.flow).await?;
    document(session, &flow.compiled)
}

/// The same where the session's flow is at hand.
pub(super) fn document(session: &Session, flow: &CompiledFlow) -> Result<String, ServiceError> {
    serde_json::to_string(&session_view(session, flow))
        .map_err(|error| ServiceError::Internal(Cause::new(error)))
}

/// The conflict that answers an action the state does not allow.
pub(super) fn refused(session: &Session, why: &Refused) -> ServiceError {
    let code = match why {
        Refused::Closed(_) => "session_closed",
        Refused::Applying => "offer_applying",
        Refused::Resuming => "resume_accepted",
        Refused::NotPaused => "not_paused",
        Refused::Canceling => "cancel_accepted",
        Refused::NoSuchOffer => return ServiceError::NotFound("offer"),
        Refused::OfferDecided(_) => "offer_decided",
        Refused::OfferExpired => "offer_expired",
        Refused::BillingUnknown => "billing_unknown",
        Refused::Choice(detail) => return ServiceError::invalid("/choice", "invalid_choice", *detail),
        Refused::SurveyNotPermitted => "survey_not_permitted",
        Refused::PermissionNotNeeded => "permission_not_needed",
        Refused::PermissionAnswered => "permission_answered",
        Refused::UnknownAsk(key) => return unwilling(key, "unknown_ask", why),
        Refused::AskRequired(key) => return unwilling(key, "ask_required", why),
        Refused::NowNotAllowed => "cancel_now_not_allowed",
    };
    let state = match session.step() {
        crate::domain::session::Step::Done => session.status().as_str(),
        step => step.as_str(),
    };
    ServiceError::Conflict { code, detail: why.to_string(), state: Some(state.to_owned()) }
}

fn unwilling(key: &Key, code: &'static str, why: &Refused) -> ServiceError {
    ServiceError::invalid(&format!("/asks/{key}"), code, why.to_string())
}

fn given_away(code: &'static str) -> ServiceError {
    ServiceError::Conflict {
        code,
        detail: "this offer is no longer available; read the session for what is possible".to_owned(),
        state: None,
    }
}

fn change(
    app: &App,
    session: (Session, i64),
    effects: &Effects,
    saved: Option<SavedAnswer>,
    action: &'static str,
    now: Timestamp,
) -> Change {
    let lease = effects.leased.then(|| app.lease(now));
    Change {
        audit: Some(AuditLine {
            actor: "customer".to_owned(),
            action: action.to_owned(),
            detail: session.0.id.to_string(),
        }),
        session: Some(session),
        decision: effects.decision.clone(),
        exposures: effects.exposures.clone(),
        costs: effects.costs.clone(),
        new_operations: effects.operation.iter().map(|new| (new.clone(), lease.clone())).collect(),
        budget: effects.budget.clone(),
        budget_return: effects.budget_return.clone(),
        customer_caps: effects.customer_caps.clone(),
        saved,
        patient: effects.patient,
        ..Change::new(now)
    }
}
