//! The offers of a session: presented, accepted, declined, and what is set aside for them.

use std::collections::BTreeMap;

use jiff::Timestamp;

use super::effect::{check_asks, effect};
use super::{Refused, Session, State};
use crate::domain::evidence::What;
use crate::domain::hold::BudgetHold;
use crate::domain::ids::{OfferId, OperationId};
use crate::domain::offer::{Choice, Key, OfferState, PresentedOffer};
use crate::domain::operation::Effect;

impl Session {
    /// Replaces the offers nobody has answered with those a new decision presents; answered ones stay. What was set
    /// aside for the replaced ones, and goes on with none of the new ones, comes back.
    ///
    /// # Errors
    /// When the session is not open to offers.
    pub fn present(
        &mut self,
        offers: Vec<PresentedOffer>,
        now: Timestamp,
    ) -> Result<Vec<BudgetHold>, Refused> {
        self.deciding()?;
        let before = |offer: &PresentedOffer| self.offers.iter().any(|old| old.id == offer.id);
        if !offers.is_empty() {
            self.evidence.presented(&offers, now);
        }
        if let Some(rules) = &mut self.jurisdiction
            && !offers.iter().all(before)
        {
            rules.screens = rules.screens.saturating_add(1);
        }
        let presented = |offer: &PresentedOffer| offer.state == OfferState::Presented;
        let (replaced, answered) =
            std::mem::take(&mut self.offers).into_iter().partition::<Vec<_>, _>(presented);
        let gone = replaced.into_iter().filter(|old| offers.iter().all(|new| new.id != old.id));
        let freed = gone.flat_map(|old| old.holds).collect();
        self.offers = answered;
        self.offers.extend(offers);
        self.updated_at = now;
        Ok(freed)
    }

    /// Puts what an offer holds in the place of what it held, which comes back: set aside before, it goes on with the
    /// operation.
    pub fn hold(&mut self, id: OfferId, holds: Vec<BudgetHold>) -> Vec<BudgetHold> {
        self.offer_mut(id).map(|offer| std::mem::replace(&mut offer.holds, holds)).unwrap_or_default()
    }

    /// Takes out what is set aside for offers that can be accepted no more: those that are answered, and all of them
    /// once the session has its outcome or is canceling. Whoever writes a session gives it back with that write.
    pub fn release(&mut self) -> Vec<BudgetHold> {
        let open = matches!(self.state, State::Deciding | State::Applying { .. } | State::Resuming { .. });
        let over = |offer: &&mut PresentedOffer| match offer.state {
            OfferState::Presented => !open,
            OfferState::Accepted => false,
            OfferState::Declined | OfferState::Rejected => true,
        };
        self.offers.iter_mut().filter(over).flat_map(|offer| std::mem::take(&mut offer.holds)).collect()
    }

    /// Accepts an offer; `agreed` says by key which of its asks the subscriber agrees to. With an [`Effect`] the
    /// session waits for `operation`; without one it is saved at once.
    ///
    /// # Errors
    /// When the state, the offer or the choice does not allow it; the session is unchanged then.
    pub fn accept(
        &mut self,
        id: OfferId,
        choice: Option<Choice>,
        agreed: &BTreeMap<Key, bool>,
        operation: OperationId,
        now: Timestamp,
    ) -> Result<Option<Effect>, Refused> {
        self.deciding()?;
        check_asks(self.open_offer(id, now)?, agreed)?;
        let effect = effect(self.open_offer(id, now)?, choice, self.snapshot.as_ref(), now)?;
        let offer = self.open_offer_mut(id, now)?;
        offer.state = OfferState::Accepted;
        offer.choice = choice;
        for ask in &mut offer.asks {
            ask.agreed = Some(agreed.get(&ask.key).copied().unwrap_or(false));
        }
        offer.decided_at = Some(now);
        self.evidence.add(What::Accepted { offer: id, choice }, now);
        self.updated_at = now;
        if effect.is_some() {
            self.state = State::Applying { offer: id, operation };
        } else {
            self.close(State::Saved { offer: Some(id) }, now);
        }
        Ok(effect)
    }

    /// Declines an offer.
    ///
    /// # Errors
    /// When the state or the offer does not allow it.
    pub fn decline(&mut self, id: OfferId, now: Timestamp) -> Result<(), Refused> {
        self.deciding()?;
        let offer = self.offer_mut(id)?;
        if offer.state != OfferState::Presented {
            return Err(Refused::OfferDecided(offer.state));
        }
        offer.state = OfferState::Declined;
        offer.decided_at = Some(now);
        self.evidence.add(What::Declined { offer: id }, now);
        self.updated_at = now;
        Ok(())
    }

    fn offer_mut(&mut self, id: OfferId) -> Result<&mut PresentedOffer, Refused> {
        self.offers.iter_mut().find(|offer| offer.id == id).ok_or(Refused::NoSuchOffer)
    }

    fn open_offer(&self, id: OfferId, now: Timestamp) -> Result<&PresentedOffer, Refused> {
        let offer = self.offers.iter().find(|offer| offer.id == id).ok_or(Refused::NoSuchOffer)?;
        if offer.state != OfferState::Presented {
            Err(Refused::OfferDecided(offer.state))
        } else if offer.expires_at <= now {
            Err(Refused::OfferExpired)
        } else {
            Ok(offer)
        }
    }

    fn open_offer_mut(&mut self, id: OfferId, now: Timestamp) -> Result<&mut PresentedOffer, Refused> {
        self.open_offer(id, now)?;
        self.offer_mut(id)
    }
}
