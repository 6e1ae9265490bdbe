//! Figures over what became of saves.

use diesel::dsl::{count_star, exists, sql};
use diesel::prelude::*;
use diesel::sql_types::BigInt;
use jiff::Timestamp;

use super::connection::Link;
use super::error::Failure;
use super::figures::{count, money};
use super::save_checks::{VALIDATED, horizon, verdict};
use super::schema::save_checks::dsl as checks;
use super::schema::{save_checks, session_offers, sessions};
use super::sessions::SessionFilter;
use super::time::micros;
use crate::domain::money::Money;
use crate::domain::offer::OfferState;
use crate::domain::validation::Horizon;

/// How many saves that have reached a horizon were found in one way.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SaveCount {
    /// The horizon.
    pub horizon: Horizon,
    /// What was found; none for those whose check is still to be made.
    pub found: Option<Option<bool>>,
    /// How many.
    pub count: u64,
}

/// What validated saves bring in one currency.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HeldRevenue {
    /// The horizon.
    pub horizon: Horizon,
    /// Monthly recurring revenue as billing showed it then, before discounts.
    pub mrr: Money,
    /// What running discounts took off a month, in minor units.
    pub discounts: i64,
    /// What the offers accepted in those sessions cost at most, in all, in minor units.
    pub given_away: i64,
}

/// What became of the saves that have reached a horizon by `now`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Saves {
    /// How many were found how.
    pub counts: Vec<SaveCount>,
    /// What the validated ones bring.
    pub held: Vec<HeldRevenue>,
}

const SUM_OF_MRR: &str = "CAST(SUM(save_checks.mrr) AS BIGINT)";
const SUM_OF_DISCOUNTS: &str = "CAST(SUM(save_checks.discounts) AS BIGINT)";
const SUM_OF_COSTS: &str = "CAST(SUM(session_offers.cost) AS BIGINT)";

pub(super) fn find(connection: &mut Link, filter: &SessionFilter, now: Timestamp) -> Result<Saves, Failure> {
    let mut saves = Saves::default();
    let rows: Vec<(i32, Option<String>, i64)> = save_checks::table
        .inner_join(sessions::table)
        .filter(filter.on_saves())
        .filter(checks::due_at.le(micros(now)))
        .group_by((checks::horizon, checks::verdict))
        .order((checks::horizon, checks::verdict))
        .select((checks::horizon, checks::verdict, count_star()))
        .load(connection)?;
    for (days, word, number) in rows {
        saves.counts.push(SaveCount {
            horizon: horizon(days)?,
            found: word.map(|word| verdict(&word)).transpose()?,
            count: count(number),
        });
    }
    let rows: Vec<(i32, Option<String>, i64, i64)> = save_checks::table
        .inner_join(sessions::table)
        .filter(filter.on_saves())
        .filter(checks::due_at.le(micros(now)))
        .filter(checks::verdict.eq(VALIDATED))
        .group_by((checks::horizon, checks::currency))
        .order((checks::horizon, checks::currency))
        .select((
            checks::horizon,
            checks::currency,
            sql::<BigInt>(SUM_OF_MRR),
            sql::<BigInt>(SUM_OF_DISCOUNTS),
        ))
        .load(connection)?;
    for (days, currency, amount, discounts) in rows {
        let mrr = money(amount, &currency.unwrap_or_default())?;
        saves.held.push(HeldRevenue { horizon: horizon(days)?, mrr, discounts, given_away: 0 });
    }
    for horizon in Horizon::ALL {
        given_away(connection, filter, horizon, now, &mut saves.held)?;
    }
    Ok(saves)
}

/// Adds what the offers of validated saves cost at most.
fn given_away(
    connection: &mut Link,
    filter: &SessionFilter,
    horizon: Horizon,
    now: Timestamp,
    held: &mut [HeldRevenue],
) -> Result<(), Failure> {
    use session_offers as offers;
    if held.iter().all(|held| held.horizon != horizon) {
        return Ok(());
    }
    let validated = save_checks::table
        .filter(checks::session_id.eq(sessions::id))
        .filter(checks::horizon.eq(i32::from(horizon.days())))
        .filter(checks::verdict.eq(VALIDATED))
        .filter(checks::due_at.le(micros(now)));
    let rows: Vec<(Option<String>, i64)> = offers::table
        .inner_join(sessions::table)
        .filter(filter.on_offers())
        .filter(exists(validated))
        .filter(offers::state.eq(OfferState::Accepted.as_str()))
        .filter(offers::cost.is_not_null())
        .filter(sessions::currency.is_not_null())
        .group_by(sessions::currency)
        .select((sessions::currency, sql::<BigInt>(SUM_OF_COSTS)))
        .load(connection)?;
    for (currency, cost) in rows {
        let currency = money(0, &currency.unwrap_or_default())?.currency;
        let of_currency = held.iter_mut().find(|h| h.horizon == horizon && h.mrr.currency == currency);
        if let Some(held) = of_currency {
            held.given_away = cost;
        }
    }
    Ok(())
}
