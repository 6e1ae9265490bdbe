//! What a draft would have done with recorded sessions: who would have been offered what instead, and at what cost at
//! most.
//!
//! Each session is decided again from what its last decision was made from. That an offer would have been accepted is
//! not known, so that costs are bounds: per session the dearest offer counts, since one is accepted at most.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::cost::cost;
use super::decide::Decision;
use super::flow::FlowDocument;
use super::ids::SessionId;
use super::money::Currency;
use super::offer::Key;
use super::subscription::Subscription;

/// One recorded session, decided again.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[schema(as = BacktestedSession)]
pub struct Backtested {
    /// The session.
    pub session: SessionId,
    /// When the decision was made.
    pub at: Timestamp,
    /// The reason that was given by then.
    #[schema(required = true)]
    pub reason: Option<Key>,
    /// The segments that hold with the draft.
    pub segments: Vec<Key>,
    /// The draft's rule, counted from 0; null where none fits.
    #[schema(required = true)]
    pub rule: Option<usize>,
    /// What was offered.
    pub offered: Vec<Key>,
    /// What the draft would have offered.
    pub would_offer: Vec<Key>,
    /// The subscription's currency; null where billing could not be asked.
    #[schema(required = true)]
    pub currency: Option<Currency>,
    /// What the dearest of the offers could have cost, in minor units.
    pub cost: i64,
    /// What the dearest of the draft's offers could have cost, in minor units.
    pub would_cost: i64,
}

impl Backtested {
    /// Whether the draft would have offered something else, or in another order.
    #[must_use]
    pub fn is_changed(&self) -> bool {
        self.offered != self.would_offer
    }
}

/// What could have been spent on a session's offers at most: the dearest of them, in minor units.
#[must_use]
pub fn dearest(
    document: &FlowDocument,
    decision: &Decision,
    subscription: Option<&Subscription>,
    at: Timestamp,
) -> i64 {
    let Some(subscription) = subscription else { return 0 };
    let terms = decision.offers.iter().filter_map(|key| document.offers.get(key));
    terms.map(|offer| cost(&offer.terms, subscription, None, at)).max().unwrap_or(0)
}

/// How often an offer was presented, and would have been.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[schema(as = BacktestOffer)]
pub struct Presented {
    /// Sessions in which it was presented.
    pub was: u64,
    /// Sessions in which the draft would have presented it.
    pub would_be: u64,
}

/// What offers could have cost at most, in minor units.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[schema(as = BacktestCost)]
pub struct Cost {
    /// With what was offered.
    pub was: i64,
    /// With what the draft would have offered.
    pub would_be: i64,
}

/// What a backtest has come to so far.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tally {
    /// Sessions decided again.
    pub sessions: u64,
    /// Sessions left out: their decisions have been erased.
    pub left_out: u64,
    /// Sessions in which the draft would have offered something else.
    pub changed: u64,
    /// Sessions in which no rule of the draft fits.
    pub no_rule: u64,
    /// Sessions by the draft's rule, counted from 0; rules that never counted are absent.
    pub rules: BTreeMap<usize, u64>,
    /// By offer.
    pub offers: BTreeMap<Key, Presented>,
    /// By currency.
    pub costs: BTreeMap<Currency, Cost>,
}

impl Tally {
    /// Counts a session.
    pub fn count(&mut self, one: &Backtested) {
        self.sessions += 1;
        self.changed += u64::from(one.is_changed());
        match one.rule {
            Some(rule) => *self.rules.entry(rule).or_default() += 1,
            None => self.no_rule += 1,
        }
        for key in &one.offered {
            self.offers.entry(key.clone()).or_default().was += 1;
        }
        for key in &one.would_offer {
            self.offers.entry(key.clone()).or_default().would_be += 1;
        }
        if let Some(currency) = one.currency {
            let cost = self.costs.entry(currency).or_default();
            cost.was = cost.was.saturating_add(one.cost);
            cost.would_be = cost.would_be.saturating_add(one.would_cost);
        }
    }

    /// The draft's rules that counted in no session, from 0.
    #[must_use]
    pub fn rules_never_counted(&self, document: &FlowDocument) -> Vec<usize> {
        (0..document.rules.len()).filter(|rule| !self.rules.contains_key(rule)).collect()
    }

    /// The draft's offers that no session would have been presented.
    #[must_use]
    pub fn offers_never_presented(&self, document: &FlowDocument) -> BTreeSet<Key> {
        let presented = |key: &&Key| self.offers.get(*key).is_some_and(|offer| offer.would_be > 0);
        document.offers.keys().filter(|key| !presented(key)).cloned().collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn keys(keys: &[&str]) -> Vec<Key> {
        keys.iter().map(|key| key.parse().unwrap()).collect()
    }

    fn session(offered: &[&str], would_offer: &[&str], rule: Option<usize>) -> Backtested {
        let at: Timestamp = "2027-03-04T12:00:00Z".parse().unwrap();
        Backtested {
            session: SessionId::derived(at, &offered.concat()),
            at,
            reason: None,
            segments: Vec::new(),
            rule,
            offered: keys(offered),
            would_offer: keys(would_offer),
            currency: "usd".parse().ok(),
            cost: 500,
            would_cost: 700,
        }
    }

    #[test]
    fn a_tally_adds_up() {
        let mut tally = Tally::default();
        tally.count(&session(&["pause"], &["pause"], Some(1)));
        tally.count(&session(&["pause"], &["half-off", "pause"], Some(1)));
        tally.count(&session(&["talk"], &[], None));
        assert_eq!((tally.sessions, tally.changed, tally.no_rule), (3, 2, 1));
        assert_eq!(tally.rules, BTreeMap::from([(1, 2)]));
        assert_eq!(tally.offers[&keys(&["pause"])[0]], Presented { was: 2, would_be: 2 });
        assert_eq!(tally.offers[&keys(&["half-off"])[0]], Presented { was: 0, would_be: 1 });
        assert_eq!(tally.costs[&"usd".parse().unwrap()], Cost { was: 1500, would_be: 2100 });
        let kept = serde_json::to_string(&tally).unwrap();
        assert_eq!(serde_json::from_str::<Tally>(&kept).unwrap(), tally);
    }
}
