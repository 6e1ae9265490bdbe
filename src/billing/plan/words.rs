//! Our words in those of the crate.

use crate::billing::error::StripeError;
use crate::domain::money::Currency;

/// The currency.
///
/// # Errors
/// When the crate has none of that name.
pub(super) fn currency(currency: Currency) -> Result<stripe_types::Currency, StripeError> {
    currency
        .as_str()
        .parse()
        .map_err(|_| StripeError::unknown("unknown_currency", format!("Stripe has no currency `{currency}`")))
}
