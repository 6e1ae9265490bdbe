//! What offers take from the flow's budgets and caps: what to look up, what is left, what an offer takes.

use std::collections::{BTreeMap, HashMap};

use jiff::Timestamp;

use crate::domain::flow::{AcceptCap, Budget, CapScope, FlowDocument};
use crate::domain::hold::BudgetHold;
use crate::domain::offer::PresentedOffer;
use crate::domain::session::Session;
use crate::store::{Account, BudgetTake, CustomerCap};

/// Where the flow's budgets, and its caps on offers and campaigns, are found in the books at `now`.
pub(super) fn accounts(flow: &FlowDocument, now: Timestamp) -> Vec<Account> {
    let budgets = flow.policy.budgets.iter().map(|budget| of_budget(flow, budget, now));
    let caps = flow.policy.caps.iter().filter_map(|cap| of_cap(flow, cap, now));
    budgets.chain(caps).collect()
}

/// What is left of each budget and cap when so much is spent of them, by its key.
pub(super) fn left(
    flow: &FlowDocument,
    spent: &HashMap<String, i64>,
    now: Timestamp,
) -> BTreeMap<String, i64> {
    let left = |all: i64, account: &Account| all - spent.get(&account.name).copied().unwrap_or(0);
    let budgets = flow.policy.budgets.iter();
    let budgets =
        budgets.map(|budget| (budget.key().to_owned(), left(budget.amount, &of_budget(flow, budget, now))));
    let caps = flow.policy.caps.iter().filter_map(|cap| {
        let account = of_cap(flow, cap, now)?;
        Some((cap.key()?, left(i64::from(cap.max), &account)))
    });
    budgets.chain(caps).collect()
}

fn of_budget(flow: &FlowDocument, budget: &Budget, now: Timestamp) -> Account {
    Account { name: [flow.key.as_str(), budget.key(), &budget.period(now)].join("/"), since: None }
}

/// None for a cap on customers, which is not kept in the books.
fn of_cap(flow: &FlowDocument, cap: &AcceptCap, now: Timestamp) -> Option<Account> {
    let name = [flow.key.as_str(), &cap.key()?].join("/");
    Some(match cap.days(now) {
        None => Account { name, since: None },
        Some((today, oldest)) => {
            let of_day = |day: &str| [&name, day].join("/");
            Account { since: Some(of_day(&oldest)), name: of_day(&today) }
        }
    })
}

/// What presenting an offer sets aside, where it may cost `amount` minor units at most.
pub(super) fn reserves(
    flow: &FlowDocument,
    session: &Session,
    offer: &PresentedOffer,
    amount: i64,
    now: Timestamp,
) -> Vec<BudgetTake> {
    budgets(flow, session, offer)
        .filter(|budget| budget.reserve.is_some())
        .map(|budget| take(flow, budget, amount, now))
        .collect()
}

fn budgets<'a>(
    flow: &'a FlowDocument,
    session: &Session,
    offer: &PresentedOffer,
) -> impl Iterator<Item = &'a Budget> {
    let offer_type = offer.terms.offer_type();
    let currency = session.snapshot.as_ref().map(|snapshot| snapshot.currency);
    currency.into_iter().flat_map(move |currency| flow.budgets_for(offer_type, currency))
}

fn take(flow: &FlowDocument, budget: &Budget, amount: i64, now: Timestamp) -> BudgetTake {
    let name = of_budget(flow, budget, now).name;
    BudgetTake { budget: name, amount, limit: budget.amount, since: None, is_cap: false }
}

/// What an accepted offer does to the books.
#[derive(Debug, Default)]
pub(super) struct Drawn {
    /// What is taken.
    pub(super) takes: Vec<BudgetTake>,
    /// What was set aside and is not needed.
    pub(super) returns: Vec<BudgetHold>,
    /// What the operation holds in all.
    pub(super) holds: Vec<BudgetHold>,
}

/// What accepting an offer takes from budgets, where it may cost `amount` minor units at most, and from the caps on it.
/// What was set aside for it when it was presented counts, in the month in which it was.
pub(super) fn draws(
    flow: &FlowDocument,
    session: &Session,
    offer: &PresentedOffer,
    (amount, reserved): (Option<i64>, Vec<BudgetHold>),
    now: Timestamp,
) -> Drawn {
    let mut drawn = Drawn::default();
    let mut reserved = reserved;
    for budget in budgets(flow, session, offer) {
        let Some(amount) = amount else { continue };
        let series = format!("{}/{}/", flow.key, budget.key());
        let set_aside = reserved.iter().position(|hold| hold.budget.starts_with(&series));
        match set_aside.map(|at| reserved.swap_remove(at)) {
            None => drawn.takes.push(take(flow, budget, amount, now)),
            Some(BudgetHold { budget: name, amount: held }) => {
                if held > amount {
                    drawn.returns.push(BudgetHold { budget: name.clone(), amount: held - amount });
                } else if held < amount {
                    let take = take(flow, budget, amount - held, now);
                    drawn.takes.push(BudgetTake { budget: name.clone(), ..take });
                }
                drawn.holds.push(BudgetHold { budget: name.clone(), amount: held.min(amount) });
            }
        }
    }
    drawn.returns.extend(reserved);
    drawn.takes.extend(caps(flow, offer).filter_map(|cap| {
        let Account { name, since } = of_cap(flow, cap, now)?;
        Some(BudgetTake { budget: name, amount: 1, limit: i64::from(cap.max), since, is_cap: true })
    }));
    let taken = |take: &BudgetTake| BudgetHold { budget: take.budget.clone(), amount: take.amount };
    drawn.holds.extend(drawn.takes.iter().map(taken));
    drawn
}

fn caps<'a>(flow: &'a FlowDocument, offer: &PresentedOffer) -> impl Iterator<Item = &'a AcceptCap> {
    let campaign = flow.offers.get(&offer.key).and_then(|defined| defined.campaign.as_ref());
    let (key, offer_type) = (offer.key.clone(), offer.terms.offer_type());
    flow.policy.caps.iter().filter(move |cap| cap.covers(&key, offer_type, campaign))
}

/// The caps that the customer must be below to accept this offer.
pub(super) fn customer_caps(
    flow: &FlowDocument,
    session: &Session,
    offer: &PresentedOffer,
    now: Timestamp,
) -> Vec<CustomerCap> {
    let of_customer = |cap: &AcceptCap| match &cap.scope {
        CapScope::Customer { offer_types } => Some(CustomerCap {
            customer: session.customer.clone(),
            offer_types: offer_types.clone(),
            since: cap.since(now),
            max: cap.max,
        }),
        CapScope::Offer { .. } | CapScope::Campaign { .. } => None,
    };
    caps(flow, offer).filter_map(of_customer).collect()
}
