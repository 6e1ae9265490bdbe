//! The decision: who is offered what, and why not the rest. The heart; a pure function of a published flow, facts,
//! history and the present.
//!
//! Segments are evaluated together; the first rule whose segments and reasons fit counts, however little comes of it;
//! its offers pass the guards in their order until the policy's `max_offers` are found. [`explain`] does the same and
//! shows every step.

mod assign;
mod guards;
mod past;
mod trace;
mod unseen;

use std::borrow::Cow;
use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::experiment::{Exposure, Unit};
use super::facts::Facts;
use super::flow::{CompiledFlow, Rule};
use super::history::History;
use super::jurisdiction::{Bar, PERMISSION_NEEDED};
use super::offer::Key;
use super::price::Prices;
use super::reentry::Reentry;
use super::subscription::Subscription;
use assign::{Assigned, assign};
use guards::{Candidate, Verdict};
pub use trace::{Trace, explain};
pub use unseen::{Unseen, decide_unseen};

/// What a decision is made from.
#[derive(Clone, Copy, Debug)]
pub struct Input<'a> {
    /// What is known of the subscriber.
    pub facts: &'a Facts,
    /// The subscription as billing has it.
    pub subscription: &'a Subscription,
    /// Whether that was seen so long ago that nothing may be built on it in billing.
    pub too_old: bool,
    /// What earlier sessions brought.
    pub history: &'a History,
    /// The reason given in this session, once it is.
    pub reason: Option<&'a Key>,
    /// Offers that this session has answers to; they are not presented again.
    pub answered: &'a [Key],
    /// What in the rules of the subscriber's place keeps offers from being shown.
    pub bar: Option<&'a Bar>,
    /// What is left of each budget in its present period, by [`super::flow::Budget::key`], in minor units, and of each
    /// cap on an offer or a campaign, by [`super::flow::AcceptCap::key`]. What is not named is whole.
    pub budgets_left: &'a BTreeMap<String, i64>,
    /// What is known of the prices that offers of another plan name.
    pub prices: &'a Prices,
    /// The mode (live or test) that can be reached in Stripe.
    pub livemode: bool,
    /// Whom arms of experiments are drawn for; nobody is in any where it is left out.
    pub unit: Option<Unit<'a>>,
    /// What an earlier session was decided from, where this one goes on with it. As long as the reason is the same, its
    /// segments and rule count, whatever the facts say by now.
    pub again: Option<&'a Reentry>,
    /// The present.
    pub now: Timestamp,
}

/// What was decided.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Decision {
    /// The segments that hold, sorted.
    pub segments: Vec<Key>,
    /// The rule that matched, counted from 0; none when no rule did.
    pub rule: Option<usize>,
    /// The offers to present, in order.
    pub offers: Vec<Key>,
    /// The rule's other offers, and why each is left out.
    pub left_out: Vec<LeftOut>,
    /// The experiments in which it could make a difference, with the customer's arm.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub experiments: Vec<Exposure>,
    /// Where nothing is offered because a cap is reached: the cap's code. The flow says thank you then, and lets go.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    pub let_go: Option<Cow<'static, str>>,
}

/// Why an offer is not presented.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct LeftOut {
    /// The offer.
    pub offer: Key,
    /// A stable code: `already_answered`, `stale_snapshot`, `subscription_unknown`, `resume_first`, `no_stacking`,
    /// `offer_cooldown`, `cooldown`, `any_cooldown`, `declined_before`,
    /// `customer_cap_reached`, `cap_reached`, `budget_exhausted`, `below_margin_floor`, `below_margin_amount`,
    /// `over_max_offers`, `holdout`, `replaced`, `not_permitted_here`, `permission_needed`, `permission_refused`,
    /// `over_max_offer_screens`, `not_in_rule` (in traces), or a reason of ineligibility.
    #[schema(value_type = String)]
    pub code: Cow<'static, str>,
    /// The same in words.
    pub detail: String,
}

/// Decides.
#[must_use]
pub fn decide(flow: &CompiledFlow, input: &Input<'_>) -> Decision {
    let matching = flow.matching(input.facts, input.now);
    let rules = &flow.document().rules;
    let (segments, rule) = match input.again.filter(|again| again.reason.as_ref() == input.reason) {
        Some(again) => (again.segments.clone(), again.rule),
        None => {
            let mut numbered = rules.iter().enumerate();
            let rule = numbered
                .find(|(index, rule)| matching.allow_rule(*index) && reasons_allow(rule, input.reason));
            (matching.keys(), rule.map(|(index, _)| index))
        }
    };
    let present = rule.and_then(|index| rules.get(index)).map_or([].as_slice(), |rule| &rule.present);
    let Assigned { exposures, present, mut left_out } = assign(&matching, present, input.unit);
    let (offers, failed) = choose(flow, input, &segments, &present);
    left_out.extend(failed);
    let let_go = letting_go(&offers, &left_out);
    Decision { segments, rule, offers, left_out, experiments: exposures, let_go }
}

/// The code of the cap that leaves nothing to offer, if one does and no offer waits for permission.
fn letting_go(offers: &[Key], left_out: &[LeftOut]) -> Option<Cow<'static, str>> {
    let capped = |left_out: &&LeftOut| matches!(&*left_out.code, "customer_cap_reached" | "cap_reached");
    let waits = left_out.iter().any(|left_out| left_out.code == PERMISSION_NEEDED);
    let capped = left_out.iter().find(capped).filter(|_| offers.is_empty() && !waits);
    capped.map(|left_out| left_out.code.clone())
}

/// Whether the rule asks for no reason, or for the one that was given.
fn reasons_allow(rule: &Rule, reason: Option<&Key>) -> bool {
    let wanted = rule.when.as_ref().map(|when| when.reasons.as_slice()).unwrap_or_default();
    wanted.is_empty() || reason.is_some_and(|reason| wanted.contains(reason))
}

/// The offers of a rule that pass the guards, and why the others do not.
fn choose(
    flow: &CompiledFlow,
    input: &Input<'_>,
    segments: &[Key],
    present: &[Key],
) -> (Vec<Key>, Vec<LeftOut>) {
    let document = flow.document();
    let most = usize::from(document.policy.max_offers);
    let (mut offers, mut left_out) = (Vec::new(), Vec::new());
    for key in present {
        // Parsing has seen to it that every key is defined.
        let Some(offer) = document.offers.get(key) else {
            continue;
        };
        let candidate = Candidate::new(key, offer, segments, &document.policy, input);
        let failed = guards::GUARDS.iter().find_map(|(_, guard)| match guard(&candidate) {
            Verdict::Failed { code, detail } => Some((code, detail)),
            Verdict::Passed | Verdict::Skipped(_) => None,
        });
        match failed {
            Some((code, detail)) => left_out.push(LeftOut { offer: key.clone(), code: code.into(), detail }),
            None if offers.len() < most => offers.push(key.clone()),
            None => left_out.push(over_max(key, most)),
        }
    }
    (offers, left_out)
}

fn over_max(key: &Key, most: usize) -> LeftOut {
    let detail = format!("{most} offers of higher rank are presented, which is all that the policy allows");
    LeftOut { offer: key.clone(), code: "over_max_offers".into(), detail }
}

#[cfg(test)]
mod experiment_tests;
#[cfg(test)]
mod tests;
#[cfg(test)]
mod trace_tests;
