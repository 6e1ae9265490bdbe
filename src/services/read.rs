//! Read sessions: one as its subscriber sees it, and many as operations see them.

use jiff::Timestamp;
use serde::Serialize;
use utoipa::ToSchema;

use super::app::App;
use super::decide::Kept;
use super::error::{Cause, ServiceError};
use super::idempotency::Reply;
use super::known::Routed;
pub use super::page::Page;
use super::transition::{Access, load, render};
use crate::domain::decide::{Decision, Trace, explain};
use crate::domain::experiment::Assignment;
use crate::domain::flow::CompiledFlow;
use crate::domain::ids::{CustomerId, SessionId, SubscriptionId};
use crate::domain::money::Money;
use crate::domain::offer::{Key, OfferState, OfferType};
use crate::domain::session::{FlowRef, Session, Status};
use crate::domain::subscription::Subscription;
use crate::domain::validation::Validated;
use crate::store::{SessionFilter, Stored};

/// A session as its subscriber sees it.
///
/// # Errors
/// When `access` may not know of it.
pub async fn session(app: &App, access: &Access, id: SessionId) -> Result<Reply, ServiceError> {
    let session = load(app, access, id).await?.session;
    Ok(Reply { status: 200, body: render(app, &session).await?, replayed: false })
}

/// A session in a list for operations; without free text, which only the session's own record holds.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct SessionRow {
    /// Its id.
    pub id: SessionId,
    /// In progress, or the outcome.
    pub status: Status,
    /// Live or test mode.
    pub livemode: bool,
    /// The app's customer.
    pub customer: CustomerId,
    /// Stripe's subscription.
    pub subscription: SubscriptionId,
    /// The flow it ran.
    pub flow: FlowRef,
    /// The earlier session that it goes on with: both count as one in figures, by the outcome of the last.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub reentry_of: Option<SessionId>,
    /// The reason given.
    pub reason: Option<Key>,
    /// The offers presented.
    pub offers: Vec<OfferRow>,
    /// The arms of experiments that the customer was in, where they could make a difference.
    pub experiments: Vec<Assignment>,
    /// Monthly recurring revenue when it began.
    pub mrr: Option<Money>,
    /// Whether billing needs a person.
    pub needs_attention: bool,
    /// When it began.
    pub created_at: Timestamp,
    /// When it got its outcome.
    pub closed_at: Option<Timestamp>,
    /// Whether billing has shown the subscriber still there and paying 30, 60 and 90 days after; null where the session
    /// is no save.
    pub validated: Option<Validated>,
}

/// An offer in a list for operations.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[schema(as = SessionRowOffer)]
pub struct OfferRow {
    /// Its key in the flow.
    pub key: Key,
    /// Its type.
    #[serde(rename = "type")]
    pub offer_type: OfferType,
    /// What has happened to it.
    pub state: OfferState,
}

/// Sessions, newest first.
///
/// # Errors
/// When the database cannot be reached.
pub async fn sessions(
    app: &App,
    filter: SessionFilter,
    cursor: Option<SessionId>,
    limit: u32,
) -> Result<Page<SessionRow>, ServiceError> {
    let page = app.store.sessions(filter, cursor, limit).await?;
    let data = page.sessions.iter().map(|Stored { session, .. }| row(session)).collect();
    Ok(Page { data, next: page.next.map(|next| next.to_string()) })
}

fn row(session: &Session) -> SessionRow {
    let offer = |offer: &crate::domain::offer::PresentedOffer| OfferRow {
        key: offer.key.clone(),
        offer_type: offer.terms.offer_type(),
        state: offer.state,
    };
    SessionRow {
        id: session.id,
        status: session.status(),
        livemode: session.livemode,
        customer: session.customer.clone(),
        subscription: session.subscription.clone(),
        flow: session.flow.clone(),
        reentry_of: session.reentry_of,
        reason: session.answers.reason.clone(),
        offers: session.offers.iter().map(offer).collect(),
        experiments: session.experiments.clone(),
        mrr: session.snapshot.as_ref().map(Subscription::mrr),
        needs_attention: session.needs_attention,
        created_at: session.created_at,
        closed_at: session.closed_at,
        validated: (session.status() == Status::Saved).then_some(session.validated),
    }
}

/// Why a session was offered what it was offered.
#[derive(Debug, Serialize, ToSchema)]
pub struct Explanation<'a> {
    /// The session.
    session: SessionId,
    /// The flow that decided.
    flow: &'a FlowRef,
    /// Every decision made in it, in order: the first when it began, then one for each new reason.
    decisions: Vec<ExplainedDecision<'a>>,
}

/// One decision, explained.
#[derive(Debug, Serialize, ToSchema)]
struct ExplainedDecision<'a> {
    /// When it was made.
    at: Timestamp,
    /// When billing showed the subscription that it was made from.
    snapshot_at: Option<Timestamp>,
    /// The trace; null where billing could not be asked and nothing was known of the subscription, and where the
    /// subscriber was asked to come back from a pause before anything was offered.
    trace: Option<Trace<'a>>,
    /// Why the session runs another flow than the configured one; with its first decision.
    #[serde(skip_serializing_if = "Option::is_none")]
    routed: Option<&'a Routed>,
    /// What was decided then, with the reason why each other offer was left out.
    decision: Option<&'a Decision>,
}

/// Explains every decision of a session from what it was made from; the answer is an [`Explanation`].
///
/// # Errors
/// When there is no such session.
pub async fn explanation(app: &App, id: SessionId) -> Result<Reply, ServiceError> {
    let session = load(app, &Access::Staff, id).await?.session;
    let flow = app.flows.version(&app.store, &session.flow).await?;
    let records = app.store.decisions(id).await?;
    let kept = records.iter().map(|record| serde_json::from_str(&record.body));
    let kept: Vec<Kept> = kept.collect::<Result<_, _>>().map_err(internal)?;
    let decisions = kept.iter().map(|kept| explained(kept, &session, &flow.compiled)).collect();
    let explanation = Explanation { session: id, flow: &session.flow, decisions };
    let body = serde_json::to_string(&explanation).map_err(internal)?;
    Ok(Reply { status: 200, body, replayed: false })
}

fn internal(error: serde_json::Error) -> ServiceError {
    ServiceError::Internal(Cause::new(error))
}

fn explained<'a>(kept: &'a Kept, session: &'a Session, flow: &'a CompiledFlow) -> ExplainedDecision<'a> {
    let input = kept.input(session).filter(|_| !kept.asks_to_resume);
    ExplainedDecision {
        at: kept.at,
        snapshot_at: kept.snapshot_at.or(session.snapshot_at),
        trace: input.map(|input| explain(flow, &input)),
        routed: kept.routed.as_ref(),
        decision: kept.decision.as_ref(),
    }
}
