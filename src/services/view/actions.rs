//! What may be done in a session, and where to post it.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::domain::eligibility::cancels;
use crate::domain::ids::SessionId;
use crate::domain::offer::PauseAccess;
use crate::domain::operation::CancelWhen;
use crate::domain::session::{Session, State, Status, Step};
use crate::domain::subscription::Subscription;

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

/// What the state of the session allows.
pub(in crate::services) fn actions(session: &Session) -> Vec<Action> {
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

/// The pause that the subscriber may end; none once the session is closed.
pub(super) fn pause(session: &Session) -> Option<PauseView> {
    let met = session.pause.filter(|_| session.status() == Status::InProgress)?;
    Some(PauseView {
        access: met.access,
        resumes_at: met.resumes_at,
        resume_url: format!("/v1/sessions/{}/resume", session.id),
    })
}

/// The way out; none once the session is closed.
pub(super) fn exit(session: &Session) -> Option<ExitView> {
    if session.status() != Status::InProgress {
        return None;
    }
    let mut when = vec![CancelWhen::PeriodEnd];
    if session.cancel_now_allowed {
        when.push(CancelWhen::Now);
    }
    let effective_at = session.snapshot.as_ref().and_then(period_end);
    Some(ExitView { cancel_url: cancel_url(session.id), when, effective_at })
}

/// When a cancellation with the period would take effect; none where that is at once.
fn period_end(subscription: &Subscription) -> Option<Timestamp> {
    match cancels(subscription, CancelWhen::PeriodEnd) {
        CancelWhen::PeriodEnd => subscription.current_period_end(),
        CancelWhen::Now => None,
    }
}

/// Where to post a cancellation of a session.
pub(in crate::services) fn cancel_url(session: SessionId) -> String {
    format!("/v1/sessions/{session}/cancel")
}
