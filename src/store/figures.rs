//! Numbers and amounts as summaries select them.

use super::error::Failure;
use super::text::parsed;
use crate::domain::money::{Currency, Money};

pub(super) fn count(number: i64) -> u64 {
    u64::try_from(number).unwrap_or(0)
}

pub(super) fn money(amount: i64, currency: &str) -> Result<Money, Failure> {
    let currency: Currency = parsed("sessions.currency", currency)?;
    Ok(Money { amount, currency })
}
