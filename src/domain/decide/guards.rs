//! Guard rails: what an offer must pass before it is presented.

use std::borrow::Cow;

use rust_decimal::Decimal;

use super::Input;
use super::past::Past;
use crate::domain::attribute::COST_TO_SERVE;
use crate::domain::cost::{cost, margin};
use crate::domain::eligibility;
use crate::domain::facts::Value;
use crate::domain::flow::{OfferDefinition, Policy};
use crate::domain::money::Percent;
use crate::domain::offer::{DiscountTerms, DiscountValue, Key, Terms};
use crate::domain::plan_change::{fitting, informed};

/// An offer on its way through the guards.
pub(super) struct Candidate<'a> {
    pub(super) key: &'a Key,
    pub(super) offer: &'a OfferDefinition,
    /// The terms for this subscriber: as deep as the segments say, with what is known of the prices that they name.
    pub(super) terms: Cow<'a, Terms>,
    pub(super) policy: &'a Policy,
    pub(super) input: &'a Input<'a>,
}

impl<'a> Candidate<'a> {
    pub(super) fn new(
        key: &'a Key,
        offer: &'a OfferDefinition,
        segments: &[Key],
        policy: &'a Policy,
        input: &'a Input<'a>,
    ) -> Self {
        let terms = match &offer.terms {
            // Which has no depth.
            Terms::PlanChange(_) => informed(&offer.terms, input.prices),
            _ => offer.terms_for(segments),
        };
        Self { key, offer, terms, policy, input }
    }

    /// What a discount takes off, in percent, where that depends on the segments.
    pub(super) fn depth(&self) -> Option<Percent> {
        match (&self.offer.depth, &*self.terms) {
            (Some(_), Terms::Discount(DiscountTerms { value: DiscountValue::Percent(percent), .. })) => {
                Some(*percent)
            }
            _ => None,
        }
    }

    fn past(&self) -> Past<'_> {
        let Input { history, now, .. } = *self.input;
        Past { key: self.key, offer: self.offer, policy: self.policy, history, now }
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
pub(super) const GUARDS: [(&str, Guard); 11] = [
    ("answered", answered),
    ("freshness", fresh),
    ("eligibility", eligible),
    ("stacking", stacking),
    ("cooldown", |candidate| past(candidate.past().cooldown())),
    ("declined", |candidate| past(candidate.past().declined())),
    ("customer_cap", |candidate| past(candidate.past().customer_cap())),
    ("cap", cap),
    ("budget", budget),
    ("margin_floor", margin_floor),
    // The last, so that what it leaves out is what would else be shown.
    ("jurisdiction", permitted),
];

fn past(failed: Option<(&'static str, String)>) -> Verdict {
    failed.map_or(Verdict::Passed, |(code, detail)| Verdict::Failed { code, detail })
}

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
    if candidate.input.too_old && !asks_nothing_of_billing(&candidate.terms) {
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

fn stacking(candidate: &Candidate<'_>) -> Verdict {
    let Candidate { terms, offer, policy, input, .. } = candidate;
    let discounted =
        !input.subscription.discounts.is_empty() || input.subscription.customer_discount.is_some();
    let discount = matches!(**terms, Terms::Discount(_));
    if discount && discounted && !offer.stacking && !policy.stacking {
        return failed("no_stacking", "a discount is in force, and the policy gives none on top of another");
    }
    Verdict::Passed
}

fn cap(candidate: &Candidate<'_>) -> Verdict {
    let Candidate { key, offer, policy, input, .. } = candidate;
    let campaign = offer.campaign.as_ref();
    for cap in policy.caps.iter().filter(|cap| cap.covers(key, offer.terms.offer_type(), campaign)) {
        let Some(name) = cap.key() else { continue };
        if input.budgets_left.get(&name).is_some_and(|left| *left <= 0) {
            return failed("cap_reached", format!("all {} of the cap {name} have been given", cap.max));
        }
    }
    Verdict::Passed
}

fn budget(candidate: &Candidate<'_>) -> Verdict {
    let Candidate { terms, policy, input, .. } = candidate;
    let covering: Vec<_> = policy
        .budgets
        .iter()
        .filter(|budget| budget.covers(terms.offer_type(), input.subscription.currency))
        .collect();
    if covering.is_empty() {
        return Verdict::Passed;
    }
    let terms = fitting(terms, input.subscription);
    let cost = cost(&terms, input.subscription, None, input.now);
    for budget in covering {
        let key = budget.key();
        let left = input.budgets_left.get(key).copied().unwrap_or(budget.amount);
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
    let Candidate { terms, offer, policy, input, .. } = candidate;
    let currency = input.subscription.currency;
    let least = policy.margin_floor.iter().find(|floor| floor.currency == currency);
    if policy.margin_floor_percent.is_none() && least.is_none() {
        return Verdict::Passed;
    }
    let extra = offer.monthly_cost.filter(|cost| cost.currency == currency).map_or(0, |cost| cost.amount);
    let terms = fitting(terms, input.subscription);
    let Some(margin) = margin(&terms, input.subscription, extra, input.now) else { return Verdict::Passed };
    let Some(fact) = input.facts.get(COST_TO_SERVE) else {
        return Verdict::Skipped("`customer.cost_to_serve` is missing");
    };
    let Value::Number(serving) = fact.value else {
        return Verdict::Skipped("`customer.cost_to_serve` is no number");
    };
    let kept = margin.kept(serving);
    // Compared as `kept >= floor * price`, which needs no division by a price of zero.
    let share = policy
        .margin_floor_percent
        .map_or(Decimal::MIN, |floor| margin.price * floor.as_decimal() / Decimal::ONE_HUNDRED);
    let least = least.map_or(Decimal::MIN, |floor| Decimal::from(floor.amount));
    let said = || {
        let (price, kept) =
            (margin.price.round_dp(2).normalize(), kept.map(|kept| kept.round_dp(2).normalize()));
        let kept = kept.unwrap_or_default();
        format!(
            "of {price} a month that are left of the price, {kept} are left after the cost to serve, in minor units"
        )
    };
    match kept {
        Some(kept) if kept >= share && kept >= least => Verdict::Passed,
        Some(kept) if kept >= share => failed("below_margin_amount", said()),
        _ => failed("below_margin_floor", said()),
    }
}
