//! Numbers over sessions, each rate with its numerator and denominator.

mod validated;

use serde::Serialize;
use utoipa::ToSchema;

use super::app::App;
use super::error::ServiceError;
use crate::domain::money::Money;
use crate::domain::offer::{AskState, AskType, Key, OfferState, OfferType};
use crate::domain::session::Status;
use crate::store::{AskCount, OfferCount, SessionFilter, Summary};
use validated::validated;
pub use validated::{HeldRevenueView, ValidatedSummary};

/// A share, with what it is a share of.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, ToSchema)]
pub struct Rate {
    /// How many.
    pub numerator: u64,
    /// Of how many.
    pub denominator: u64,
    /// The share, 0 to 1 with four decimals; null of none.
    #[schema(minimum = 0, maximum = 1)]
    pub value: Option<f64>,
}

impl Rate {
    pub(super) fn of(numerator: u64, denominator: u64) -> Self {
        // Ten-thousandths fit an `u32` whenever the share is one.
        let scaled = (numerator.saturating_mul(10_000) + denominator / 2).checked_div(denominator);
        let value =
            scaled.and_then(|scaled| u32::try_from(scaled).ok()).map(|scaled| f64::from(scaled) / 10_000.0);
        Self { numerator, denominator, value }
    }
}

/// Sessions by outcome.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, ToSchema)]
pub struct Outcomes {
    /// All.
    pub sessions: u64,
    /// Without an outcome yet.
    pub in_progress: u64,
    /// The subscriber stays.
    pub saved: u64,
    /// Billing has the cancellation.
    pub canceled: u64,
    /// Left open past their time.
    pub abandoned: u64,
}

impl Outcomes {
    fn add(&mut self, status: Status, count: u64) {
        self.sessions += count;
        *match status {
            Status::InProgress => &mut self.in_progress,
            Status::Saved => &mut self.saved,
            Status::Canceled => &mut self.canceled,
            Status::Abandoned => &mut self.abandoned,
        } += count;
    }

    /// Sessions with an outcome.
    fn closed(&self) -> u64 {
        self.saved + self.canceled + self.abandoned
    }
}

/// Sessions that gave one reason.
#[derive(Clone, Debug, PartialEq, Serialize, ToSchema)]
pub struct ReasonSummary {
    /// The reason; null where none was given.
    pub reason: Option<Key>,
    /// Its sessions by outcome.
    #[serde(flatten)]
    pub outcomes: Outcomes,
    /// Saved of those with an outcome.
    pub save_rate: Rate,
}

/// What became of offers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, ToSchema)]
pub struct OfferNumbers {
    /// Presented, whatever became of them.
    pub presented: u64,
    /// Accepted, and not refused by billing.
    pub accepted: u64,
    /// Turned down.
    pub declined: u64,
    /// Accepted, but refused by billing.
    pub rejected: u64,
}

impl OfferNumbers {
    fn add(&mut self, state: Option<OfferState>, count: u64) {
        self.presented += count;
        match state {
            Some(OfferState::Accepted) => self.accepted += count,
            Some(OfferState::Declined) => self.declined += count,
            Some(OfferState::Rejected) => self.rejected += count,
            Some(OfferState::Presented) | None => {}
        }
    }
}

/// What became of one offer.
#[derive(Clone, Debug, PartialEq, Serialize, ToSchema)]
pub struct OfferSummary {
    /// Its key.
    pub offer: Key,
    /// Its type.
    #[serde(rename = "type")]
    pub offer_type: OfferType,
    /// What became of it.
    #[serde(flatten)]
    pub numbers: OfferNumbers,
    /// Accepted of those presented.
    pub acceptance_rate: Rate,
}

/// What became of the offers of one type.
#[derive(Clone, Debug, PartialEq, Serialize, ToSchema)]
pub struct TypeSummary {
    /// The type.
    #[serde(rename = "type")]
    pub offer_type: OfferType,
    /// What became of them.
    #[serde(flatten)]
    pub numbers: OfferNumbers,
    /// Accepted of those presented.
    pub acceptance_rate: Rate,
    /// What the accepted ones cost at most, per currency.
    pub given_away: Vec<Money>,
}

/// What accepted offers asked in return, of one type.
#[derive(Clone, Debug, PartialEq, Serialize, ToSchema)]
pub struct AskSummary {
    /// The type.
    #[serde(rename = "type")]
    pub ask_type: AskType,
    /// Asked, by offers that were accepted and not refused by billing.
    pub asked: u64,
    /// Agreed to, whatever became of it.
    pub agreed: u64,
    /// Done.
    pub fulfilled: u64,
    /// Agreed to, and asked no more.
    pub waived: u64,
    /// Done of those agreed to.
    pub fulfillment_rate: Rate,
}

/// Monthly recurring revenue in one currency, before discounts.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct Revenue {
    /// Of all sessions: what cancelling would have cost.
    pub at_risk: Money,
    /// Of saved sessions.
    pub saved: Money,
    /// Of canceled sessions.
    pub lost: Money,
    /// What accepted offers cost at most, in all and not per month.
    pub given_away: Money,
}

/// Numbers over sessions.
#[derive(Clone, Debug, PartialEq, Serialize, ToSchema)]
#[schema(as = Summary)]
pub struct SummaryView {
    /// Sessions by outcome.
    #[serde(flatten)]
    pub outcomes: Outcomes,
    /// Saved of those with an outcome; abandoned sessions are no saves.
    pub save_rate: Rate,
    /// Canceled of those with an outcome.
    pub cancellation_rate: Rate,
    /// Offers accepted of those presented.
    pub acceptance_rate: Rate,
    /// By reason.
    pub reasons: Vec<ReasonSummary>,
    /// By offer.
    pub offers: Vec<OfferSummary>,
    /// By type of offer.
    pub offer_types: Vec<TypeSummary>,
    /// What accepted offers asked in return, by type.
    pub asks: Vec<AskSummary>,
    /// Per currency.
    pub mrr: Vec<Revenue>,
    /// What became of the saves, for each horizon.
    pub validated: Vec<ValidatedSummary>,
}

/// Sums up the sessions that a filter lets through. Of sessions that count as one, the last counts.
///
/// # Errors
/// When the database cannot be reached.
pub async fn summary(app: &App, filter: SessionFilter) -> Result<SummaryView, ServiceError> {
    let filter = SessionFilter { once: true, ..filter };
    Ok(view(&app.store.summary(filter, app.clock.now()).await?))
}

fn view(summary: &Summary) -> SummaryView {
    let mut outcomes = Outcomes::default();
    summary.by_status.iter().for_each(|(status, count)| outcomes.add(*status, *count));
    let mut all = OfferNumbers::default();
    summary.offers.iter().for_each(|offer| all.add(offer.state, offer.count));
    SummaryView {
        outcomes,
        save_rate: Rate::of(outcomes.saved, outcomes.closed()),
        cancellation_rate: Rate::of(outcomes.canceled, outcomes.closed()),
        acceptance_rate: Rate::of(all.accepted, all.presented),
        reasons: reasons(summary),
        offers: offers(&summary.offers),
        offer_types: offer_types(summary),
        asks: asks(&summary.asks),
        mrr: revenue(summary),
        validated: validated(&summary.saves),
    }
}

fn reasons(summary: &Summary) -> Vec<ReasonSummary> {
    let mut reasons: Vec<ReasonSummary> = Vec::new();
    for (reason, status, count) in &summary.by_reason {
        let outcomes = match reasons.iter_mut().find(|known| known.reason == *reason) {
            Some(known) => &mut known.outcomes,
            None => {
                let none = Outcomes::default();
                reasons.push(ReasonSummary {
                    reason: reason.clone(),
                    outcomes: none,
                    save_rate: Rate::of(0, 0),
                });
                match reasons.last_mut() {
                    Some(new) => &mut new.outcomes,
                    None => continue,
                }
            }
        };
        outcomes.add(*status, *count);
    }
    for reason in &mut reasons {
        reason.save_rate = Rate::of(reason.outcomes.saved, reason.outcomes.closed());
    }
    reasons
}

fn offers(counts: &[OfferCount]) -> Vec<OfferSummary> {
    let mut keys: Vec<(&Key, OfferType)> =
        counts.iter().map(|count| (&count.key, count.offer_type)).collect();
    keys.sort();
    keys.dedup();
    keys.into_iter()
        .map(|(key, offer_type)| {
            let mut numbers = OfferNumbers::default();
            let same = counts.iter().filter(|count| count.key == *key && count.offer_type == offer_type);
            same.for_each(|count| numbers.add(count.state, count.count));
            let acceptance_rate = Rate::of(numbers.accepted, numbers.presented);
            OfferSummary { offer: key.clone(), offer_type, numbers, acceptance_rate }
        })
        .collect()
}

fn offer_types(summary: &Summary) -> Vec<TypeSummary> {
    let of = |offer_type: OfferType| {
        let mut numbers = OfferNumbers::default();
        let same = summary.offers.iter().filter(|count| count.offer_type == offer_type);
        same.for_each(|count| numbers.add(count.state, count.count));
        let costs = summary.costs.iter().filter(|cost| cost.offer_type == offer_type);
        TypeSummary {
            offer_type,
            numbers,
            acceptance_rate: Rate::of(numbers.accepted, numbers.presented),
            given_away: costs.map(|cost| cost.sum).collect(),
        }
    };
    OfferType::ALL.iter().copied().map(of).filter(|summed| summed.numbers.presented > 0).collect()
}

fn asks(counts: &[AskCount]) -> Vec<AskSummary> {
    let of = |ask_type: AskType| {
        let count = |states: &[AskState]| -> u64 {
            let same = counts.iter().filter(|one| one.ask_type == ask_type && states.contains(&one.state));
            same.map(|one| one.count).sum()
        };
        let (fulfilled, waived) = (count(&[AskState::Fulfilled]), count(&[AskState::Waived]));
        let agreed = count(&[AskState::Agreed]) + fulfilled + waived;
        AskSummary {
            ask_type,
            asked: agreed + count(&[AskState::Refused]),
            agreed,
            fulfilled,
            waived,
            fulfillment_rate: Rate::of(fulfilled, agreed),
        }
    };
    AskType::ALL.iter().copied().map(of).filter(|summed| summed.asked > 0).collect()
}

fn revenue(summary: &Summary) -> Vec<Revenue> {
    let mut currencies: Vec<_> = summary.mrr.iter().map(|mrr| mrr.sum.currency).collect();
    currencies.extend(summary.costs.iter().map(|cost| cost.sum.currency));
    currencies.sort();
    currencies.dedup();
    let sum = |currency, fits: &dyn Fn(Status) -> bool| Money {
        amount: summary
            .mrr
            .iter()
            .filter(|mrr| mrr.sum.currency == currency && fits(mrr.status))
            .fold(0_i64, |sum, mrr| sum.saturating_add(mrr.sum.amount)),
        currency,
    };
    currencies
        .into_iter()
        .map(|currency| Revenue {
            at_risk: sum(currency, &|_| true),
            saved: sum(currency, &|status| status == Status::Saved),
            lost: sum(currency, &|status| status == Status::Canceled),
            given_away: Money {
                amount: summary
                    .costs
                    .iter()
                    .filter(|cost| cost.sum.currency == currency)
                    .fold(0_i64, |sum, cost| sum.saturating_add(cost.sum.amount)),
                currency,
            },
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rate_says_what_it_is_a_share_of_and_none_of_nothing() {
        assert_eq!(Rate::of(1, 3), Rate { numerator: 1, denominator: 3, value: Some(0.3333) });
        assert_eq!(Rate::of(2, 2).value, Some(1.0));
        assert_eq!(Rate::of(0, 0).value, None);
    }

    #[test]
    fn abandoned_sessions_are_no_saves_and_open_ones_are_in_no_rate() {
        let by_status =
            vec![(Status::InProgress, 5), (Status::Saved, 2), (Status::Canceled, 1), (Status::Abandoned, 1)];
        let shown = view(&Summary { by_status, ..Summary::default() });
        assert_eq!(shown.outcomes.sessions, 9);
        assert_eq!((shown.save_rate.numerator, shown.save_rate.denominator), (2, 4));
    }
}
