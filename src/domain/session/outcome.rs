//! What becomes of a session by what is done in billing, by us or elsewhere.

use jiff::Timestamp;

use super::{Session, State, Status};
use crate::domain::evidence::What;
use crate::domain::offer::{OfferState, PresentedOffer};
use crate::domain::operation::{Operation, OperationState};
use crate::domain::subscription::Subscription;

impl Session {
    /// Takes note of what became of one of its operations. A cancellation is never taken back: an operation that cannot
    /// carry it out needs attention, and the session goes on waiting for it. An offer whose operation is rejected was
    /// not given, wherever the session has got to meanwhile.
    /// `after` is the subscription as billing showed it then.
    /// Says whether anything changed; told twice, it changes nothing the second time.
    pub fn settle(
        &mut self,
        operation: &Operation,
        outcome: OperationState,
        after: Option<&Subscription>,
        now: Timestamp,
    ) -> bool {
        let rejected = outcome == OperationState::Rejected && self.reject(operation, now);
        let noted = outcome == OperationState::Applied && self.note_applied(operation, now);
        let awaited = self.awaited_operation() == Some(operation.id);
        (awaited && self.answered(outcome, after, now)) || rejected || noted
    }

    /// Takes note of what became of the operation that it waits for.
    fn answered(&mut self, outcome: OperationState, after: Option<&Subscription>, now: Timestamp) -> bool {
        match (&self.state, outcome) {
            (State::Applying { offer, .. }, OperationState::Applied) => {
                let offer = *offer;
                self.close(State::Saved { offer: Some(offer) }, now);
            }
            (State::Resuming { .. }, OperationState::Applied) => {
                self.evidence.add(What::Resumed, now);
                self.close(State::Resumed, now);
            }
            (State::Applying { .. } | State::Resuming { .. }, OperationState::Rejected) => {
                if matches!(self.state, State::Resuming { .. }) {
                    self.evidence.add(What::ResumeRejected, now);
                }
                self.state = State::Deciding;
                self.needs_attention = false;
                self.updated_at = now;
            }
            (State::Canceling { .. }, OperationState::Applied) => {
                let ends = after.and_then(|s| s.ended_at.or(s.cancel_at).or_else(|| s.current_period_end()));
                self.evidence.add(What::Canceled { effective_at: ends, elsewhere: false }, now);
                self.close(State::Canceled { effective_at: ends }, now);
            }
            (_, OperationState::NeedsAttention) if !self.needs_attention => {
                self.needs_attention = true;
                self.updated_at = now;
            }
            (_, OperationState::Pending) if self.needs_attention => {
                self.needs_attention = false;
                self.updated_at = now;
            }
            _ => return false,
        }
        true
    }

    /// The subscription ended, or was set to end, elsewhere. Says whether the session was open and is now closed.
    pub fn ended_elsewhere(&mut self, effective_at: Option<Timestamp>, now: Timestamp) -> bool {
        let open = self.status() == Status::InProgress;
        if open {
            self.evidence.add(What::Canceled { effective_at, elsewhere: true }, now);
            self.close(State::Canceled { effective_at }, now);
        }
        open
    }

    /// Takes back the acceptance of the offer that a rejected operation was to carry out. Says whether there was one.
    fn reject(&mut self, operation: &Operation, now: Timestamp) -> bool {
        let accepted = |offer: &&mut PresentedOffer| {
            Some(offer.id) == operation.carries_out() && offer.state == OfferState::Accepted
        };
        let Some(offer) = self.offers.iter_mut().find(accepted) else { return false };
        offer.state = OfferState::Rejected;
        self.evidence.add(What::Rejected { offer: offer.id }, now);
        self.updated_at = now;
        true
    }
}
