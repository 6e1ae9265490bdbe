//! What a session's evidence takes note of behind its outcome, and how long it is kept.

use jiff::Timestamp;

use super::{Session, State, Status};
use crate::domain::evidence::What;
use crate::domain::jurisdiction::Retention;
use crate::domain::offer::OfferState;
use crate::domain::operation::Operation;
use crate::domain::subscription::Subscription;

impl Session {
    /// Takes note that an operation was applied that carries out an accepted offer, wherever the session has got to
    /// meanwhile, or that took back what another had applied. Says whether that was news.
    pub(super) fn note_applied(&mut self, operation: &Operation, now: Timestamp) -> bool {
        let accepted = |id| self.offers.iter().any(|o| o.id == id && o.state == OfferState::Accepted);
        let applied = operation.carries_out().filter(|id| accepted(*id)).map(|offer| What::Applied { offer });
        let taken_back = operation.undoes.map(|_| What::TakenBack { offer: operation.offer });
        let Some(what) = taken_back.or(applied) else { return false };
        let entries = self.evidence.entries();
        // Nothing is added where the course of the session is not recorded, or no longer.
        let told = entries.is_empty() || entries.iter().any(|entry| entry.what == what);
        if told || self.evidence.deleted_at().is_some() {
            return false;
        }
        self.evidence.add(what, now);
        self.updated_at = now;
        true
    }

    /// When the contract ended, as far as is known. `seen` is the subscription as billing showed it last, and when: its
    /// word goes before that of the session, which may have been taken back since.
    #[must_use]
    pub fn contract_ended(&self, seen: Option<(&Subscription, Timestamp)>) -> Option<Timestamp> {
        let own = match self.state {
            State::Canceled { effective_at } => effective_at.or(self.closed_at),
            _ => None,
        };
        match seen {
            Some((seen, _)) if seen.status.is_ended() => seen.ended_at.or(seen.canceled_at).or(own),
            Some((_, at)) => own.filter(|end| at < *end),
            None => own,
        }
    }

    /// Whether the rules of the subscriber's place want the evidence to be kept at `now`. `ended` is when the contract
    /// ended; as long as that is not known, it goes on.
    #[must_use]
    pub fn keeps_evidence(&self, ended: Option<Timestamp>, now: Timestamp) -> bool {
        self.retention().is_some_and(|retention| retention.holds(self.created_at, ended, now))
    }

    /// When to look whether the evidence must be kept no longer; none where no rule says how long, or none is left.
    #[must_use]
    pub fn evidence_until(&self, ended: Option<Timestamp>) -> Option<Timestamp> {
        let left = !self.evidence.is_empty() && self.evidence.deleted_at().is_none();
        self.retention().filter(|_| left).map(|retention| retention.until(self.created_at, ended))
    }

    /// Deletes the evidence of a session that has its outcome, once nothing wants it to be kept. Says whether it did.
    pub fn expire_evidence(&mut self, ended: Option<Timestamp>, now: Timestamp) -> bool {
        let over = self.status() != Status::InProgress && !self.keeps_evidence(ended, now);
        if !over || self.evidence_until(ended).is_none() {
            return false;
        }
        self.evidence.delete(now);
        self.updated_at = now;
        true
    }

    fn retention(&self) -> Option<Retention> {
        self.jurisdiction.as_ref().and_then(|rules| rules.policy.retention)
    }
}
