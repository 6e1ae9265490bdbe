//! A session: one subscriber's pass through a flow, and the state machine that governs it.
//!
//! Every transition is a method that either changes the session or says why it may not. What must happen in billing
//! comes back as an [`Effect`]; the caller makes it durable together with the session. What belongs to one part of it
//! (offers, permission, what billing says, evidence) has a file of its own; nothing here decides what to offer.

mod effect;
mod evidence;
mod offers;
mod outcome;
mod permission;
mod state;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::evidence::{Evidence, What};
use super::experiment::{Assignment, Exposure};
use super::ids::{CustomerId, OfferId, OperationId, SessionId, SubscriptionId};
use super::jurisdiction::{Jurisdiction, Permission};
use super::offer::{OfferState, PresentedOffer};
use super::operation::{CancelWhen, Effect, Operation, OperationState};
use super::pause::{OpenPause, Resumer};
use super::subscription::Subscription;
use super::validation::Validated;
pub use state::{Answers, FlowRef, Refused, State, Status, Step};

/// One subscriber's pass through a flow.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Session {
    /// Its id.
    pub id: SessionId,
    /// The app's customer.
    pub customer: CustomerId,
    /// The subscription it is about.
    pub subscription: SubscriptionId,
    /// Live or test mode.
    pub livemode: bool,
    /// The subscription as billing showed it when the session began; absent when billing could not be asked and
    /// nothing was known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub snapshot: Option<Subscription>,
    /// When billing showed that.
    #[serde(default)]
    pub snapshot_at: Option<Timestamp>,
    /// The flow it runs.
    pub flow: FlowRef,
    /// The language of its texts, a BCP 47 tag.
    pub locale: String,
    /// What the app said about the moment, recorded and handed back; never used to decide.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub context: Option<serde_json::Map<String, serde_json::Value>>,
    /// Whether it may be canceled at once, besides at the end of the period.
    pub cancel_now_allowed: bool,
    /// The pause of ours that it met when it began.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pause: Option<OpenPause>,
    /// The earlier session of the subscription that it goes on with: both count as one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reentry_of: Option<SessionId>,
    /// Where it stands.
    pub state: State,
    /// What the survey brought.
    pub answers: Answers,
    /// Every offer presented, in order.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub offers: Vec<PresentedOffer>,
    /// The arms of experiments that the customer was in, where they could make a difference.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub experiments: Vec<Assignment>,
    /// Whether the operation it waits for needs a person.
    pub needs_attention: bool,
    /// When it began.
    pub created_at: Timestamp,
    /// When it last changed.
    pub updated_at: Timestamp,
    /// When it becomes abandoned if left open.
    pub expires_at: Timestamp,
    /// When it got its outcome.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub closed_at: Option<Timestamp>,
    /// Whether the save has held; nothing is known before its first horizon.
    #[serde(default, skip_serializing_if = "Validated::is_unknown")]
    pub validated: Validated,
    /// The rules of the subscriber's place; absent where the flow has none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub jurisdiction: Option<Box<Jurisdiction>>,
    /// What was shown and done.
    #[serde(default, skip_serializing_if = "Evidence::is_empty")]
    pub evidence: Evidence,
    /// Whether nothing is offered because a cap is reached: the flow says thank you, and lets go.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub let_go: bool,
}

impl Session {
    /// In progress, or the outcome.
    #[must_use]
    pub fn status(&self) -> Status {
        match self.state {
            State::Deciding | State::Applying { .. } | State::Resuming { .. } | State::Canceling { .. } => {
                Status::InProgress
            }
            State::Resumed | State::Saved { .. } => Status::Saved,
            State::Canceled { .. } => Status::Canceled,
            State::Abandoned => Status::Abandoned,
        }
    }

    /// What the front end should show next.
    #[must_use]
    pub fn step(&self) -> Step {
        match self.state {
            State::Applying { .. } | State::Resuming { .. } => Step::Applying,
            State::Canceling { .. } => Step::Canceling,
            State::Resumed | State::Saved { .. } | State::Canceled { .. } | State::Abandoned => Step::Done,
            State::Deciding if self.asks_to_resume() => Step::Resume,
            State::Deciding if self.offers.iter().any(|offer| offer.state == OfferState::Presented) => {
                Step::Offer
            }
            State::Deciding if self.permission() == Permission::Needed => Step::Permission,
            State::Deciding if self.let_go => Step::Confirm,
            State::Deciding
                if self.answers.reason.is_none() && self.offers.is_empty() && self.shows_survey() =>
            {
                Step::Survey
            }
            State::Deciding => Step::Confirm,
        }
    }

    /// Whether the subscriber was asked if offers may be shown.
    #[must_use]
    pub fn permission(&self) -> Permission {
        self.jurisdiction.as_ref().map(|rules| rules.permission).unwrap_or_default()
    }

    /// Whether the survey may be shown.
    #[must_use]
    pub fn shows_survey(&self) -> bool {
        self.jurisdiction.as_ref().is_none_or(|rules| rules.shows_survey())
    }

    /// Whether the subscriber is asked to come back from a pause, before anything about leaving.
    #[must_use]
    pub fn asks_to_resume(&self) -> bool {
        self.pause.is_some_and(|pause| pause.asking)
    }

    /// Records answers of the survey; what is absent stays as it was. Who says why they leave is asked no more whether
    /// they come back from a pause, but still may.
    ///
    /// # Errors
    /// When the session is not open to answers, or its rules allow no survey.
    pub fn answer(&mut self, given: Answers, now: Timestamp) -> Result<(), Refused> {
        self.deciding()?;
        if !self.shows_survey() {
            return Err(Refused::SurveyNotPermitted);
        }
        self.evidence.add(What::Answered { reason: given.reason.clone() }, now);
        let answers = &mut self.answers;
        if given.reason.is_some() {
            answers.reason = given.reason;
            answers.feedback = given.feedback;
            answers.follow_up = None;
            if let Some(pause) = &mut self.pause {
                pause.asking = false;
            }
            answers.feature_tags = Vec::new();
        }
        answers.follow_up = given.follow_up.or(answers.follow_up.take());
        answers.comment = given.comment.or(answers.comment.take());
        if !given.feature_tags.is_empty() {
            answers.feature_tags = given.feature_tags;
        }
        answers.do_not_contact = given.do_not_contact.or(answers.do_not_contact);
        self.updated_at = now;
        Ok(())
    }

    /// Takes note of the arms that a decision found the customer in.
    pub fn expose(&mut self, exposures: &[Exposure]) {
        for Exposure { assignment, .. } in exposures {
            if self.experiments.iter().all(|known| known.experiment != assignment.experiment) {
                self.experiments.push(assignment.clone());
            }
        }
    }

    /// Ends the pause that the session has met; it waits for `operation` then.
    ///
    /// # Errors
    /// When the state does not allow it, or no pause of ours was met.
    pub fn resume(&mut self, operation: OperationId, now: Timestamp) -> Result<Effect, Refused> {
        self.deciding()?;
        let pause = self.pause.ok_or(Refused::NotPaused)?;
        self.state = State::Resuming { operation };
        self.evidence.add(What::ResumeReceived, now);
        self.updated_at = now;
        Ok(Effect::Resume { resumption: pause.resumption(Resumer::Subscriber) })
    }

    /// Accepts the cancellation, at any step; the session is canceled once billing says so.
    ///
    /// # Errors
    /// When the session is closed, a cancellation is on its way, or `now` is not allowed.
    pub fn cancel(
        &mut self,
        when: CancelWhen,
        operation: OperationId,
        now: Timestamp,
    ) -> Result<Effect, Refused> {
        match self.state {
            State::Canceling { .. } => return Err(Refused::Canceling),
            State::Deciding | State::Applying { .. } | State::Resuming { .. } => {}
            _ => return Err(Refused::Closed(self.status())),
        }
        if when == CancelWhen::Now && !self.cancel_now_allowed {
            return Err(Refused::NowNotAllowed);
        }
        self.evidence.add(What::CancelReceived { when }, now);
        self.state = State::Canceling { when, operation };
        self.needs_attention = false;
        self.updated_at = now;
        let words = [self.answers.follow_up.as_deref(), self.answers.comment.as_deref()];
        let comment = words.into_iter().flatten().collect::<Vec<_>>().join("\n");
        Ok(Effect::Cancel {
            when,
            feedback: self.answers.feedback,
            comment: (!comment.is_empty()).then_some(comment),
        })
    }

    /// The subscriber stays without an offer.
    ///
    /// # Errors
    /// When the session is closed or something is on its way to billing.
    pub fn keep(&mut self, now: Timestamp) -> Result<(), Refused> {
        self.deciding()?;
        self.evidence.add(What::Kept, now);
        self.close(State::Saved { offer: None }, now);
        Ok(())
    }

    /// Abandons a session whose time is over and that waits for nothing. Says whether it did.
    pub fn expire(&mut self, now: Timestamp) -> bool {
        let over = matches!(self.state, State::Deciding) && self.expires_at <= now;
        if over {
            self.evidence.add(What::Abandoned, now);
            self.close(State::Abandoned, now);
        }
        over
    }

    /// The operation the session waits for.
    #[must_use]
    pub fn awaited_operation(&self) -> Option<OperationId> {
        match self.state {
            State::Applying { operation, .. }
            | State::Resuming { operation }
            | State::Canceling { operation, .. } => Some(operation),
            _ => None,
        }
    }

    fn deciding(&self) -> Result<(), Refused> {
        match self.state {
            State::Deciding => Ok(()),
            State::Applying { .. } => Err(Refused::Applying),
            State::Resuming { .. } => Err(Refused::Resuming),
            State::Canceling { .. } => Err(Refused::Canceling),
            _ => Err(Refused::Closed(self.status())),
        }
    }

    fn close(&mut self, state: State, now: Timestamp) {
        self.state = state;
        self.needs_attention = false;
        self.updated_at = now;
        self.closed_at = Some(now);
    }

    /// A new operation of this session, due at once.
    #[must_use]
    pub fn operation(
        &self,
        id: OperationId,
        offer: Option<OfferId>,
        effect: Effect,
        now: Timestamp,
    ) -> Operation {
        Operation {
            id,
            session: self.id,
            offer,
            subscription: self.subscription.clone(),
            livemode: self.livemode,
            effect,
            state: OperationState::Pending,
            steps: Vec::new(),
            attempts: 0,
            holds: Vec::new(),
            due_at: now,
            created_at: now,
            updated_at: now,
            problem: None,
            undoes: None,
            undone_by: None,
        }
    }
}

#[cfg(test)]
mod tests;
