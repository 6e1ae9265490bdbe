//! What became of the saves, in numbers.

use serde::Serialize;
use utoipa::ToSchema;

use super::Rate;
use crate::domain::money::Money;
use crate::domain::validation::Horizon;
use crate::store::Saves;

/// What validated saves bring in one currency, a month.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[schema(as = ValidatedRevenue)]
pub struct HeldRevenueView {
    /// Monthly recurring revenue as billing showed it at the horizon, before discounts.
    pub mrr: Money,
    /// What running discounts took off a month.
    pub discounts: Money,
    /// The revenue less the discounts.
    pub net: Money,
    /// What the offers accepted in these sessions cost at most, in all and not per month.
    pub given_away: Money,
}

/// What became of the saves by one horizon. Saves that have not reached it are in none of these numbers.
#[derive(Clone, Debug, PartialEq, Serialize, ToSchema)]
pub struct ValidatedSummary {
    /// Days after the save: 30, 60 or 90.
    pub days: u16,
    /// Validated of those that billing was asked about in time.
    pub rate: Rate,
    /// Those that billing is still to be asked about.
    pub waiting: u64,
    /// Those that billing was asked about too late to tell.
    pub unknown: u64,
    /// What the validated ones bring, per currency.
    pub mrr: Vec<HeldRevenueView>,
}

pub(super) fn validated(saves: &Saves) -> Vec<ValidatedSummary> {
    Horizon::ALL.into_iter().map(|horizon| at(saves, horizon)).collect()
}

fn at(saves: &Saves, horizon: Horizon) -> ValidatedSummary {
    let of = |found: Option<Option<bool>>| -> u64 {
        let same = saves.counts.iter().filter(|count| count.horizon == horizon && count.found == found);
        same.map(|count| count.count).sum()
    };
    let (held, lost) = (of(Some(Some(true))), of(Some(Some(false))));
    let revenue = saves.held.iter().filter(|held| held.horizon == horizon).map(|held| {
        let money = |amount| Money { amount, currency: held.mrr.currency };
        HeldRevenueView {
            mrr: held.mrr,
            discounts: money(held.discounts),
            net: money(held.mrr.amount.saturating_sub(held.discounts)),
            given_away: money(held.given_away),
        }
    });
    ValidatedSummary {
        days: horizon.days(),
        rate: Rate::of(held, held + lost),
        waiting: of(None),
        unknown: of(Some(None)),
        mrr: revenue.collect(),
    }
}
