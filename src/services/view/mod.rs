//! A session as the front end sees it: no more than it needs, and nothing about segments or rules.
//!
//! Here lives how a session is shown. Nothing here decides what may be done: that is the session's own to say.

mod actions;
mod billing;
mod subscription;

use std::sync::Arc;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::domain::flow::{CompiledFlow, ReasonText};
use crate::domain::ids::{OfferId, SessionId};
use crate::domain::jurisdiction::{OffersRule, Permission, SurveyRule};
use crate::domain::offer::Preview;
use crate::domain::offer::{Choice, Copy, Key, OfferState, PresentedAsk, PresentedOffer, Terms};
use crate::domain::session::{Session, State, Status, Step};
use crate::domain::validation::Validated;
pub use actions::{Action, ExitView, PauseView};
pub(super) use actions::{actions, cancel_url};
use actions::{exit, pause};
use billing::billing;
pub use billing::{BillingState, BillingView};
use subscription::subscription;
pub use subscription::{PlanView, SubscriptionView};

/// A session.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
#[schema(as = Session)]
pub struct SessionView {
    /// Its id.
    pub id: SessionId,
    /// In progress, or the outcome.
    pub status: Status,
    /// Whether it is about a live-mode subscription.
    pub livemode: bool,
    /// What to show next.
    pub step: Step,
    /// What may be done now; anything else is answered 409.
    pub actions: Vec<Action>,
    /// The earlier session that it goes on with.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub reentry_of: Option<SessionId>,
    /// The subscription.
    pub subscription: SubscriptionView,
    /// The pause of ours that the subscriber may end; present as long as the session is open.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pause: Option<PauseView>,
    /// The survey; never a condition of cancelling.
    pub survey: SurveyView,
    /// Every offer presented, in order.
    pub offers: Vec<OfferView>,
    /// What to say in the place of offers, where this subscriber has had all that the flow gives.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, nullable = false)]
    pub message: Option<Arc<str>>,
    /// The way out; present as long as the session is open.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub exit: Option<ExitView>,
    /// What the law asks of the page.
    pub compliance: ComplianceView,
    /// What billing has made of it.
    pub billing: BillingView,
    /// When the subscription ends or ended; for canceled sessions.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub effective_at: Option<Timestamp>,
    /// When it began.
    pub created_at: Timestamp,
    /// When it becomes abandoned if left open.
    pub expires_at: Timestamp,
    /// When it got its outcome.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub closed_at: Option<Timestamp>,
    /// Whether billing has shown the subscriber still there and paying 30, 60 and 90 days after; for saved sessions.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub validated: Option<Validated>,
}

/// The survey.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
#[schema(as = Survey)]
pub struct SurveyView {
    /// Always false: nobody has to say why.
    pub required: bool,
    /// The question.
    #[schema(value_type = String)]
    pub question: Arc<str>,
    /// The reasons to choose from.
    #[schema(value_type = Vec<ReasonText>)]
    pub reasons: Arc<[ReasonText]>,
    /// The reason that was given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub answer: Option<Key>,
}

/// An offer.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
#[schema(as = Offer)]
pub struct OfferView {
    /// Its id in this session.
    pub id: OfferId,
    /// Its key in the flow.
    pub key: Key,
    /// Type and terms.
    #[serde(flatten)]
    pub terms: Terms,
    /// What has happened to it.
    pub state: OfferState,
    /// The texts; plain text, never markup.
    pub copy: Copy,
    /// What the next invoice or dates would become.
    pub preview: Preview,
    /// Until when it may be accepted.
    pub expires_at: Timestamp,
    /// What was picked of the terms' `choices`, counted from 0.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<u8>, minimum = 0, maximum = 9)]
    pub choice: Option<Choice>,
    /// What it asks in return, and, once it is accepted, what was agreed to.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schema(required = false, max_items = 10)]
    pub asks: Vec<PresentedAsk>,
}

/// What the law of the subscriber's place asks of the page, as the flow has it.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
#[schema(as = Compliance)]
pub struct ComplianceView {
    /// The policy that governs this session; `none` where the flow has none for it.
    pub policy: String,
    /// Its version.
    pub version: u16,
    /// Whether the way out must stay in sight beside every offer: always.
    pub exit_visible: bool,
    /// Whether offers may be shown before the cancellation.
    pub offers: OffersRule,
    /// Whether the subscriber has to be asked before offers are shown, and what came of it.
    pub permission: Permission,
    /// Whether the survey may be shown before the cancellation; nobody has to answer it.
    pub survey: SurveyRule,
    /// Whether the subscriber must be given the receipt.
    pub receipt_required: bool,
}

/// Renders a session.
#[must_use]
pub fn session_view(session: &Session, flow: &CompiledFlow) -> SessionView {
    SessionView {
        id: session.id,
        status: session.status(),
        livemode: session.livemode,
        step: session.step(),
        actions: actions(session),
        reentry_of: session.reentry_of,
        subscription: subscription(session),
        pause: pause(session),
        survey: survey(session, flow),
        offers: session.offers.iter().map(offer).collect(),
        message: goodbye(session, flow),
        exit: exit(session),
        compliance: compliance(session),
        billing: billing(session),
        effective_at: match &session.state {
            State::Canceled { effective_at } => *effective_at,
            _ => None,
        },
        created_at: session.created_at,
        expires_at: session.expires_at,
        closed_at: session.closed_at,
        validated: (session.status() == Status::Saved).then_some(session.validated),
    }
}

fn compliance(session: &Session) -> ComplianceView {
    let policy = session.jurisdiction.as_ref().map(|rules| &rules.policy);
    ComplianceView {
        policy: policy.map_or_else(|| "none".to_owned(), |policy| policy.key.to_string()),
        version: policy.map_or(1, |policy| policy.version),
        exit_visible: true,
        offers: policy.map(|policy| policy.offers).unwrap_or_default(),
        permission: session.permission(),
        survey: policy.map(|policy| policy.survey).unwrap_or_default(),
        receipt_required: policy.is_some_and(|policy| policy.receipt),
    }
}

fn goodbye(session: &Session, flow: &CompiledFlow) -> Option<Arc<str>> {
    let let_go = session.let_go && session.status() == Status::InProgress;
    let_go.then(|| Arc::clone(&flow.texts(&session.locale).goodbye))
}

fn survey(session: &Session, flow: &CompiledFlow) -> SurveyView {
    let texts = flow.texts(&session.locale);
    SurveyView {
        required: false,
        question: Arc::clone(&texts.question),
        reasons: if session.shows_survey() { Arc::clone(&texts.reasons) } else { Arc::default() },
        answer: session.answers.reason.clone(),
    }
}

fn offer(offer: &PresentedOffer) -> OfferView {
    OfferView {
        id: offer.id,
        key: offer.key.clone(),
        terms: offer.terms.clone(),
        state: offer.state,
        copy: offer.copy.clone(),
        preview: offer.preview.clone(),
        expires_at: offer.expires_at,
        choice: offer.choice,
        asks: offer.asks.clone(),
    }
}
