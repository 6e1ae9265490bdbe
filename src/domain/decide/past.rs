//! Guards that ask only what happened before: they need no billing, and hold where it cannot be asked.

use jiff::{SignedDuration, Timestamp};

use crate::domain::flow::{CapScope, OfferDefinition, Policy};
use crate::domain::history::{History, last};
use crate::domain::offer::Key;

/// An offer, and what happened before.
#[derive(Clone, Copy)]
pub(super) struct Past<'a> {
    pub(super) key: &'a Key,
    pub(super) offer: &'a OfferDefinition,
    pub(super) policy: &'a Policy,
    pub(super) history: &'a History,
    pub(super) now: Timestamp,
}

/// A stable code and the same in words.
type Failed = Option<(&'static str, String)>;

impl Past<'_> {
    /// The first that stands in the way.
    pub(super) fn all(&self) -> Failed {
        let all = [Self::cooldown, Self::declined, Self::customer_cap];
        all.iter().find_map(|guard| guard(self))
    }

    pub(super) fn cooldown(&self) -> Failed {
        let offer_type = self.offer.terms.offer_type();
        let cooldowns = &self.policy.cooldown_days;
        let accepted = &self.history.accepted;
        let over = |days: Option<u16>, last: Option<Timestamp>| self.waits(days?, last?);
        if let Some((last, over)) = over(self.offer.cooldown_days, last(accepted, |_, key| key == self.key)) {
            return Some(("offer_cooldown", format!("it was accepted at {last}; {}", from(over))));
        }
        let of_type = cooldowns.by_type.get(&offer_type).copied();
        if let Some((last, over)) = over(of_type, self.history.last_accepted(offer_type)) {
            return Some((
                "cooldown",
                format!("an offer of this type was accepted at {last}; {}", from(over)),
            ));
        }
        let (last, over) = over(cooldowns.any, last(accepted, |_, _| true))?;
        Some(("any_cooldown", format!("an offer was accepted at {last}; {}", from(over))))
    }

    pub(super) fn declined(&self) -> Failed {
        let offer_type = self.offer.terms.offer_type();
        let cooldowns = &self.policy.declined_cooldown_days;
        let declined = &self.history.declined;
        let over = |days: Option<u16>, last: Option<Timestamp>| self.waits(days?, last?);
        if let Some((last, over)) = over(cooldowns.offer, last(declined, |_, key| key == self.key)) {
            return Some(("declined_before", format!("it was declined at {last}; {}", from(over))));
        }
        let of_type = cooldowns.by_type.get(&offer_type).copied();
        let (last, over) = over(of_type, last(declined, |of, _| of == offer_type))?;
        Some(("declined_before", format!("an offer of this type was declined at {last}; {}", from(over))))
    }

    /// Where several caps on the customer are reached, the first counts.
    pub(super) fn customer_cap(&self) -> Failed {
        let (offer_type, campaign) = (self.offer.terms.offer_type(), self.offer.campaign.as_ref());
        let of_customer = |scope: &CapScope| matches!(scope, CapScope::Customer { .. });
        let caps = self.policy.caps.iter().filter(|cap| of_customer(&cap.scope));
        let mut covering = caps.filter(|cap| cap.covers(self.key, offer_type, campaign));
        let reached = covering.find(|cap| {
            let since = cap.since(self.now);
            let counts = |at: Timestamp| since.is_none_or(|since| at > since);
            let accepted = self.history.accepted.iter();
            let used = accepted.filter(|(of, key, at)| counts(*at) && cap.covers(key, *of, None)).count();
            u32::try_from(used).is_ok_and(|used| used >= cap.max)
        })?;
        let window = reached.within_days.map(|days| format!(" in {days} days")).unwrap_or_default();
        Some((
            "customer_cap_reached",
            format!("the customer has accepted the {} offers that are allowed{window}", reached.max),
        ))
    }

    /// When the last was, and when the wait is over, where it is not yet.
    fn waits(&self, days: u16, last: Timestamp) -> Option<(Timestamp, Timestamp)> {
        let over = last.checked_add(SignedDuration::from_hours(24 * i64::from(days)));
        let over = over.unwrap_or(Timestamp::MAX);
        (self.now < over).then_some((last, over))
    }
}

fn from(over: Timestamp) -> String {
    format!("the next may be presented from {over} on")
}
