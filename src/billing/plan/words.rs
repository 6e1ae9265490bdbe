//! Our words in those of the crate.

use std::convert::Infallible;
use std::str::FromStr;

use crate::billing::error::StripeError;
use crate::domain::money::Currency;
use crate::domain::operation::StripeFeedback;

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

/// The reason of a cancellation. The crate has a type of its own for it in every call, all with Stripe's words.
pub(super) fn feedback<T: FromStr<Err = Infallible>>(feedback: StripeFeedback) -> T {
    let Ok(word) = feedback.as_str().parse();
    word
}

#[cfg(test)]
mod tests {
    use stripe_billing::subscription::{
        CancelSubscriptionCancellationDetailsFeedback as OfCancel,
        UpdateSubscriptionCancellationDetailsFeedback as OfUpdate,
    };
    use strum::VariantArray;

    use super::*;

    #[test]
    fn the_crate_knows_every_feedback() {
        for word in StripeFeedback::VARIANTS {
            assert!(!matches!(feedback(*word), OfCancel::Unknown(_)), "{word:?}");
            assert!(!matches!(feedback(*word), OfUpdate::Unknown(_)), "{word:?}");
        }
    }
}
