//! The policy's guard rails.

use std::collections::BTreeSet;

use super::fields::Fields;
use super::jurisdictions::jurisdictions;
use super::{care, values};
use crate::domain::flow::limits::MAX_BUDGETS;
use crate::domain::flow::node::At;
use crate::domain::flow::policy::{Budget, Policy};
use crate::domain::flow::problem::Problems;
use crate::domain::money::Money;

/// The greatest budget, in minor units.
const MAX_BUDGET: i64 = 1_000_000_000_000;

/// The longest window for coming back, in hours.
const MAX_REENTRY: u16 = 720;

/// Reads the policy; what is broken keeps its default.
pub(super) fn policy(at: &At<'_>, problems: &mut Problems) -> Policy {
    let mut policy = Policy::default();
    let Some(mut fields) = Fields::of(at, problems) else {
        return policy;
    };
    let most = fields.optional("max_offers").and_then(|at| values::small(&at, 1, 5, problems));
    if let Some(most) = most.and_then(|most| u8::try_from(most).ok()) {
        policy.max_offers = most;
    }
    if let Some(at) = fields.optional("cooldown_days") {
        policy.cooldown_days = care::cooldowns(&at, problems);
    }
    if let Some(at) = fields.optional("declined_cooldown_days") {
        policy.declined_cooldown_days = care::declined_cooldowns(&at, problems);
    }
    if let Some(at) = fields.optional("caps") {
        policy.caps = care::caps(&at, problems);
    }
    if let Some(at) = fields.optional("budgets") {
        policy.budgets = budgets(&at, problems);
    }
    policy.margin_floor_percent =
        fields.optional("margin_floor_percent").and_then(|at| values::percent(&at, problems));
    if let Some(at) = fields.optional("margin_floor") {
        policy.margin_floor = floors(&at, problems);
    }
    if let Some(flag) = fields.optional("stacking").and_then(|at| values::flag(&at, problems)) {
        policy.stacking = flag;
    }
    policy.reentry_window_hours =
        fields.optional("reentry_window_hours").and_then(|at| values::small(&at, 1, MAX_REENTRY, problems));
    if let Some(flag) = fields.optional("cancel_now").and_then(|at| values::flag(&at, problems)) {
        policy.cancel_now = flag;
    }
    policy.jurisdictions =
        fields.optional("jurisdictions").and_then(|at| jurisdictions(&at, problems)).map(Box::new);
    fields.finish(problems);
    policy
}

fn budgets(at: &At<'_>, problems: &mut Problems) -> Vec<Budget> {
    let mut seen = BTreeSet::new();
    let mut budgets = Vec::new();
    for (index, item) in values::list(at, 0, MAX_BUDGETS, problems).unwrap_or_default().iter().enumerate() {
        let at = at.element(index, item);
        let Some(budget) = budget(&at, problems) else {
            continue;
        };
        if !seen.insert(budget.key().to_owned()) {
            let detail = "there is another budget for these types in this currency; keep one";
            problems.add(&at, "duplicate_budget", detail);
        }
        budgets.push(budget);
    }
    budgets
}

fn budget(at: &At<'_>, problems: &mut Problems) -> Option<Budget> {
    let mut fields = Fields::of(at, problems)?;
    let types = fields.required("offer_types", problems).and_then(|at| values::offer_types(&at, problems));
    let per = fields.required("per", problems);
    let per = per.and_then(|at| values::word(&at, problems));
    let amount = fields.required("amount", problems);
    let amount = amount.and_then(|at| values::whole(&at, 0, MAX_BUDGET, problems));
    let currency = fields.required("currency", problems).and_then(|at| values::currency(&at, problems));
    let reserve = fields.optional("reserve");
    let reserve = reserve.map(|at| values::word(&at, problems));
    fields.finish(problems);
    Some(Budget::new(types?, per?, amount?, currency?, reserve.flatten()))
}

/// Amounts, one for each currency.
fn floors(at: &At<'_>, problems: &mut Problems) -> Vec<Money> {
    let mut floors: Vec<Money> = Vec::new();
    for (index, item) in values::list(at, 0, MAX_BUDGETS, problems).unwrap_or_default().iter().enumerate() {
        let at = at.element(index, item);
        let Some(floor) = values::money(&at, problems) else { continue };
        if floors.iter().any(|known| known.currency == floor.currency) {
            problems.add(&at, "duplicate_value", "there is a floor in this currency already; keep one");
        }
        floors.push(floor);
    }
    floors
}
