//! A session as the front end sees it: no more than it needs, and nothing about segments or rules.

use std::sync::Arc;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::cannot::cancel_url;
use crate::domain::eligibility::cancels;
use crate::domain::flow::{CompiledFlow, ReasonText};
use crate::domain::ids::{OfferId, OperationId, SessionId, SubscriptionId};
use crate::domain::jurisdiction::{OffersRule, Permission, SurveyRule};
use crate::domain::money::Currency;
use crate::domain::offer::{Choice, Copy, Key, OfferState, PauseAccess, PresentedAsk, PresentedOffer, Terms};
use crate::domain::operation::CancelWhen;
use crate::domain::preview::Preview;
use crate::domain::session::{Session, State, Status, Step};
use crate::domain::span::Interval;
use crate::domain::subscription::{Subscription, SubscriptionStatus};
use crate::domain::validation::Validated;

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

/// Something the state allows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
#[schema(as = SessionAction)]
pub enum Action {
    /// `POST …/resume`.
    Resume,
    /// `POST …/answers`.
    Answer,
    /// `POST …/permission`.
    Permission,
    /// `POST …/offers/{offer}/accept`, for offers in the state `presented`.
    Accept,
    /// `POST …/offers/{offer}/decline`, for offers in the state `presented`.
    Decline,
    /// `POST …/keep`.
    Keep,
    /// `POST …/cancel`.
    Cancel,
}

/// The subscription a session is about.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
#[schema(as = SessionSubscription)]
pub struct SubscriptionView {
    /// Stripe's id.
    pub id: SubscriptionId,
    /// Its status when the session began; absent when billing could not be asked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub status: Option<SubscriptionStatus>,
    /// When billing showed all this: before the session began where billing could not be asked then.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub as_of: Option<Timestamp>,
    /// The plan.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub plan: Option<PlanView>,
    /// The end of the period that is paid for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub current_period_end: Option<Timestamp>,
}

/// A pause that an accepted offer has made.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
#[schema(as = SessionPause)]
pub struct PauseView {
    /// Whether access was withdrawn with it.
    pub access: PauseAccess,
    /// When it ends by itself, where that is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub resumes_at: Option<Timestamp>,
    /// Where to post to end it now.
    #[schema(example = "/v1/sessions/ses_01JAF5XT9Z4M2K7Q8W3E6R5T1Y/resume")]
    pub resume_url: String,
}

/// A plan in few words.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
#[schema(as = Plan)]
pub struct PlanView {
    /// The product's name.
    pub name: String,
    /// Minor units per interval, quantity included; absent for tiered prices.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub amount: Option<i64>,
    /// The currency.
    pub currency: Currency,
    /// How often it is billed.
    pub interval: Interval,
    /// Every so many intervals.
    pub interval_count: u16,
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

/// The way out.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
#[schema(as = Exit)]
pub struct ExitView {
    /// Where to post a cancellation.
    #[schema(example = "/v1/sessions/ses_01JAF5XT9Z4M2K7Q8W3E6R5T1Y/cancel")]
    pub cancel_url: String,
    /// What `when` may be.
    pub when: Vec<CancelWhen>,
    /// When the subscription would end with `period_end`; absent where it would end at once, since nothing is paid for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub effective_at: Option<Timestamp>,
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

/// What billing has made of a session.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
#[schema(as = SessionBillingState)]
pub enum BillingState {
    /// Nothing asked of billing.
    None,
    /// On its way.
    Applying,
    /// Done, seen in Stripe.
    Applied,
    /// Refused for good; nothing was changed.
    Rejected,
    /// A person looks after it.
    NeedsAttention,
}

/// What billing has made of a session.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
#[schema(as = SessionBilling)]
pub struct BillingView {
    /// Where it stands.
    pub state: BillingState,
    /// The operation.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub operation: Option<OperationId>,
    /// Where to ask again while it is on its way.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub poll_url: Option<String>,
    /// What to tell the subscriber.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub detail: Option<String>,
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
        pause: session.pause.filter(|_| session.status() == Status::InProgress).map(|met| PauseView {
            access: met.access,
            resumes_at: met.resumes_at,
            resume_url: format!("/v1/sessions/{}/resume", session.id),
        }),
        survey: survey(session, flow),
        offers: session.offers.iter().map(offer).collect(),
        message: goodbye(session, flow),
        exit: (session.status() == Status::InProgress).then(|| exit(session)),
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

/// What the state of the session allows.
pub(super) fn actions(session: &Session) -> Vec<Action> {
    let survey = session.shows_survey().then_some(Action::Answer);
    let resume = session.pause.filter(|_| session.state == State::Deciding).map(|_| Action::Resume);
    let possible: &[Action] = match (&session.state, session.step()) {
        (State::Deciding, Step::Offer) => &[Action::Accept, Action::Decline, Action::Keep, Action::Cancel],
        (State::Deciding, Step::Permission) => &[Action::Permission, Action::Keep, Action::Cancel],
        (State::Deciding, _) => &[Action::Keep, Action::Cancel],
        (State::Applying { .. } | State::Resuming { .. }, _) => return vec![Action::Cancel],
        _ => return Vec::new(),
    };
    resume.into_iter().chain(survey).chain(possible.iter().copied()).collect()
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

fn subscription(session: &Session) -> SubscriptionView {
    let snapshot = session.snapshot.as_ref();
    SubscriptionView {
        id: session.subscription.clone(),
        status: snapshot.map(|known| known.status),
        as_of: session.snapshot_at,
        plan: snapshot.and_then(plan),
        current_period_end: snapshot.and_then(Subscription::current_period_end),
    }
}

fn plan(subscription: &Subscription) -> Option<PlanView> {
    let item = subscription.main_item()?;
    Some(PlanView {
        name: item.name.clone(),
        amount: item.unit_amount.and_then(|unit| unit.checked_mul(item.quantity)),
        currency: subscription.currency,
        interval: item.every.interval,
        interval_count: item.every.count,
    })
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

fn exit(session: &Session) -> ExitView {
    let mut when = vec![CancelWhen::PeriodEnd];
    if session.cancel_now_allowed {
        when.push(CancelWhen::Now);
    }
    ExitView {
        cancel_url: cancel_url(session.id),
        when,
        effective_at: session.snapshot.as_ref().and_then(period_end),
    }
}

/// When a cancellation with the period would take effect; none where that is at once.
fn period_end(subscription: &Subscription) -> Option<Timestamp> {
    match cancels(subscription, CancelWhen::PeriodEnd) {
        CancelWhen::PeriodEnd => subscription.current_period_end(),
        CancelWhen::Now => None,
    }
}

fn billing(session: &Session) -> BillingView {
    let refused = session.offers.iter().any(|offer| offer.state == OfferState::Rejected);
    let (state, detail) = match &session.state {
        State::Applying { .. } if session.needs_attention => {
            (BillingState::NeedsAttention, Some("We have received your choice and will confirm it."))
        }
        State::Canceling { .. } if session.needs_attention => {
            (BillingState::NeedsAttention, Some("We have received your cancellation and will confirm it."))
        }
        State::Applying { .. } => (BillingState::Applying, Some("Your choice is being applied.")),
        State::Resuming { .. } if session.needs_attention => {
            (BillingState::NeedsAttention, Some("We have received your wish to resume and will confirm it."))
        }
        State::Resuming { .. } => (BillingState::Applying, Some("Your subscription is being resumed.")),
        State::Resumed => (BillingState::Applied, None),
        State::Canceling { .. } => (BillingState::Applying, Some("We have received your cancellation.")),
        State::Saved { offer: Some(id) } if changes_billing(session, *id) => (BillingState::Applied, None),
        State::Canceled { .. } => (BillingState::Applied, None),
        State::Deciding if refused => (
            BillingState::Rejected,
            Some("This offer could not be applied and nothing was changed. You can still cancel."),
        ),
        _ => (BillingState::None, None),
    };
    let waiting = session.awaited_operation();
    BillingView {
        state,
        operation: waiting,
        poll_url: waiting.map(|_| format!("/v1/sessions/{}", session.id)),
        detail: detail.map(str::to_owned),
    }
}

fn changes_billing(session: &Session, id: OfferId) -> bool {
    session.offers.iter().any(|offer| offer.id == id && offer.terms.changes_billing())
}
