//! Guard rails: what an offer must pass before it is presented.

use std::borrow::Cow;

use jiff::Timestamp;
use rust_decimal::Decimal;

use super::Input;
use crate::domain::attribute::COST_TO_SERVE;
use crate::domain::cost::{cost, monthly_discount, monthly_plan_change};
use crate::domain::eligibility;
use crate::domain::facts::Value;
use crate::domain::flow::{OfferDefinition, Policy};
use crate::domain::history::History;
use crate::domain::offer::{Key, OfferType, Terms};
use crate::domain::plan_change::{fitting, informed};
use crate::domain::span::{Interval, Span};

/// An offer on its way through the guards.
pub(super) struct Candidate<'a> {
    pub(super) key: &'a Key,
    pub(super) offer: &'a OfferDefinition,
    pub(super) policy: &'a Policy,
    pub(super) input: &'a Input<'a>,
    /// The offer's terms, with what is known of the prices that they name.
    terms: Cow<'a, Terms>,
}

impl<'a> Candidate<'a> {
    pub(super) fn new(
        key: &'a Key,
        offer: &'a OfferDefinition,
        policy: &'a Policy,
        input: &'a Input<'a>,
    ) -> Self {
        Self { key, offer, policy, input, terms: informed(&offer.terms, input.prices) }
    }
}

/// What a guard says.
pub(super) enum Verdict {
    /// Go on; also where it has nothing to say.
    Passed,
    /// It could not be asked, and does not stand in the way.
    Skipped(&'static str),
    /// The offer is left out.
    Failed { code: &'static str, detail: String },
}

type Guard = fn(&Candidate<'_>) -> Verdict;

/// The guards in their order, by name.
pub(super) const GUARDS: [(&str, Guard); 7] = [
    ("answered", answered),
    ("freshness", fresh),
    ("eligibility", eligible),
    ("cooldown", cooldown),
    ("budget", budget),
    ("margin_floor", margin_floor),
    // The last, so that what it leaves out is what would else be shown.
    ("jurisdiction", permitted),
];

fn failed(code: &'static str, detail: impl Into<String>) -> Verdict {
    Verdict::Failed { code, detail: detail.into() }
}

fn answered(candidate: &Candidate<'_>) -> Verdict {
    if candidate.input.answered.contains(candidate.key) {
        return failed("already_answered", "this session has an answer to it");
    }
    Verdict::Passed
}

/// What asks nothing of billing needs to know nothing of it.
pub(super) fn asks_nothing_of_billing(terms: &Terms) -> bool {
    matches!(terms, Terms::Contact(_) | Terms::Redirect(_) | Terms::Custom(_))
}

fn fresh(candidate: &Candidate<'_>) -> Verdict {
    if candidate.input.too_old && !asks_nothing_of_billing(&candidate.offer.terms) {
        let why = "billing could not be asked, and was last seen too long ago to promise a change in it";
        return failed("stale_snapshot", why);
    }
    Verdict::Passed
}

fn eligible(candidate: &Candidate<'_>) -> Verdict {
    let input = candidate.input;
    let reachable = eligibility::in_mode(input.subscription, input.livemode);
    match reachable.and_then(|()| eligibility::check(&candidate.terms, input.subscription, input.now)) {
        Ok(()) => Verdict::Passed,
        Err(reason) => failed(reason.code(), reason.to_string()),
    }
}

fn cooldown(candidate: &Candidate<'_>) -> Verdict {
    let Candidate { offer, policy, input, .. } = candidate;
    let cooling = cooling(policy, offer.terms.offer_type(), input.history, input.now);
    cooling.map_or(Verdict::Passed, |detail| failed("cooldown", detail))
}

/// Why an offer of this type comes too soon after the last, if it does.
pub(super) fn cooling(
    policy: &Policy,
    offer_type: OfferType,
    history: &History,
    now: Timestamp,
) -> Option<String> {
    let days = policy.cooldown_days.get(&offer_type)?;
    let last = history.last_accepted(offer_type)?;
    let over: Timestamp = Span { interval: Interval::Day, count: *days }.after(last);
    let wait =
        || format!("an offer of this type was accepted at {last}; the next may be presented from {over} on");
    (now < over).then(wait)
}

fn budget(candidate: &Candidate<'_>) -> Verdict {
    let Candidate { offer, policy, input, .. } = candidate;
    let covering: Vec<_> = policy
        .budgets
        .iter()
        .filter(|budget| budget.covers(offer.terms.offer_type(), input.subscription.currency))
        .collect();
    if covering.is_empty() {
        return Verdict::Passed;
    }
    let terms = fitting(&candidate.terms, input.subscription);
    let cost = cost(&terms, input.subscription, None, input.now);
    for budget in covering {
        let key = budget.key();
        let left = input.budgets_left.get(&key).copied().unwrap_or(budget.amount);
        if cost > left {
            let detail = format!("it may cost {cost} and the budget {key} has {left} left, in minor units");
            return failed("budget_exhausted", detail);
        }
    }
    Verdict::Passed
}

fn permitted(candidate: &Candidate<'_>) -> Verdict {
    candidate.input.bar.map_or(Verdict::Passed, |bar| failed(bar.code(), bar.to_string()))
}

fn margin_floor(candidate: &Candidate<'_>) -> Verdict {
    let Candidate { policy, input, .. } = candidate;
    let Some(floor) = policy.margin_floor_percent else { return Verdict::Passed };
    let off = match &*fitting(&candidate.terms, input.subscription) {
        Terms::Discount(discount) => monthly_discount(*discount, input.subscription),
        Terms::PlanChange(change) => monthly_plan_change(change, input.subscription, None, input.now),
        _ => return Verdict::Passed,
    };
    let Some(fact) = input.facts.get(COST_TO_SERVE) else {
        return Verdict::Skipped("`customer.cost_to_serve` is missing");
    };
    let Value::Number(serving) = fact.value else {
        return Verdict::Skipped("`customer.cost_to_serve` is no number");
    };
    let left = input.subscription.mrr().amount.saturating_sub(off);
    // Compared as `left - serving >= floor * left`, which needs no division by a price of zero.
    let kept = Decimal::from(left).checked_sub(serving);
    let wanted = Decimal::from(left) * floor.as_decimal() / Decimal::ONE_HUNDRED;
    if kept.is_some_and(|kept| kept >= wanted) {
        return Verdict::Passed;
    }
    let detail = format!(
        "of the reduced {left} a month the policy keeps {floor} %, and serving the customer costs {serving}, in minor units"
    );
    failed("below_margin_floor", detail)
}
