//! The decision where billing has never shown the subscription and cannot be asked: offers that ask nothing of billing
//! are all that can be made.

use super::assign::{Assigned, assign};
use super::guards::asks_nothing_of_billing;
use super::past::Past;
use super::{Decision, LeftOut, letting_go, over_max, reasons_allow};
use crate::domain::experiment::Unit;
use crate::domain::facts::Facts;
use crate::domain::flow::CompiledFlow;
use crate::domain::history::History;
use crate::domain::jurisdiction::Bar;
use crate::domain::offer::Key;
use jiff::Timestamp;

/// What is known without billing.
#[derive(Clone, Copy, Debug)]
pub struct Unseen<'a> {
    /// What the app and the token say, and what happened before.
    pub facts: &'a Facts,
    /// What earlier sessions brought.
    pub history: &'a History,
    /// The reason given in this session, once it is.
    pub reason: Option<&'a Key>,
    /// Offers that this session has answers to; they are not presented again.
    pub answered: &'a [Key],
    /// Whom arms of experiments are drawn for.
    pub unit: Option<Unit<'a>>,
    /// What in the rules of the subscriber's place keeps offers from being shown.
    pub bar: Option<&'a Bar>,
    /// The present.
    pub now: Timestamp,
}

/// Decides as [`super::decide`] does, leaving out every offer that would change billing (`subscription_unknown`). A
/// condition on what only billing knows does not hold.
#[must_use]
pub fn decide_unseen(flow: &CompiledFlow, known: &Unseen<'_>) -> Decision {
    let matching = flow.matching(known.facts, known.now);
    let document = flow.document();
    let fits = |(index, rule): &(usize, &_)| matching.allow_rule(*index) && reasons_allow(rule, known.reason);
    let rule = document.rules.iter().enumerate().find(fits);
    let (rule, present) =
        rule.map_or((None, [].as_slice()), |(index, rule)| (Some(index), rule.present.as_slice()));
    let most = usize::from(document.policy.max_offers);
    let Assigned { exposures, present, mut left_out } = assign(&matching, present, known.unit);
    let mut offers = Vec::new();
    for key in present.iter() {
        match refusal(flow, known, key) {
            Some(refusal) => left_out.push(refusal),
            None if offers.len() < most => offers.push(key.clone()),
            None => left_out.push(over_max(key, most)),
        }
    }
    let let_go = letting_go(&offers, &left_out);
    Decision { segments: matching.keys(), rule, offers, left_out, experiments: exposures, let_go }
}

fn refusal(flow: &CompiledFlow, known: &Unseen<'_>, key: &Key) -> Option<LeftOut> {
    let document = flow.document();
    let offer = document.offers.get(key)?;
    let left_out =
        |code: &'static str, detail: String| Some(LeftOut { offer: key.clone(), code: code.into(), detail });
    if known.answered.contains(key) {
        return left_out("already_answered", "this session has an answer to it".to_owned());
    }
    if !asks_nothing_of_billing(&offer.terms) {
        let why = "billing could not be asked, and nothing is known of the subscription";
        return left_out("subscription_unknown", why.to_owned());
    }
    let Unseen { history, now, .. } = *known;
    let past = Past { key, offer, policy: &document.policy, history, now };
    let refusal = past.all().or_else(|| known.bar.map(|bar| (bar.code(), bar.to_string())));
    refusal.and_then(|(code, detail)| left_out(code, detail))
}
