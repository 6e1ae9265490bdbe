//! The texts of offers: templates with variables, checked when a flow is validated, made ready when it is compiled and
//! filled in when an offer is presented.
//!
//! A template is plain text with `{{ variable }}` and `{% if variable %}…{% endif %}`, nothing more: no loops, no
//! filters, no functions, so that no template can run long or grow large. Values are put in as they are, never read as
//! templates again. The outcome is plain text; whoever puts it into a page escapes it. What depends on a language (which
//! text, how a number, an amount, a day or a plural is written) is Unicode's data, as ICU4X brings it.

mod count;
mod defaults;
mod format;
mod locale;
mod plain;
mod prepared;
mod template;
#[cfg(test)]
mod tests;
mod variables;

use serde::Serialize;
use utoipa::ToSchema;

pub(in crate::domain) use format::Formatter;
pub(in crate::domain) use locale::{Wish, choose, manner};
pub use plain::is_unsafe;
pub(in crate::domain) use prepared::Prepared;
pub use template::MAX_TEMPLATE_CHARS;
pub(in crate::domain) use template::check;
pub use variables::Shown;

/// The texts of an offer in one language, as templates. What is left out gets a default in English.
///
/// Variables: `customer.name` (an attribute that the app tells; only inside of `if`), `plan.name`, `plan.amount`,
/// `current_period_end`; `percent_off` or `amount_off` of a discount, and `duration_in_months` and `discount_ends` of one
/// that repeats; `resumes_at` of a pause with one choice; `days` and `trial_end` of a trial extension; `features_end` of
/// free features; `changes_at` of a plan change, and `new_plan.name` and `new_plan.amount` of one with a single choice;
/// `credit_amount` of a credit; `waived_amount` of a waiver; `parts`, `part_amount`, `first_part_at` and `last_part_at`
/// of installments. Amounts, numbers and days are written in the manner of the text's language. Counts
/// (`duration_in_months`, `days`, `parts`) have a plural: `{% if days is one %}day{% else %}days{% endif %}`, with
/// Unicode's categories `zero`, `one`, `two`, `few`, `many` and `other`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct CopyTemplate {
    /// One line.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(min_length = 1, max_length = 2000)]
    pub headline: Option<String>,
    /// A paragraph.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(min_length = 1, max_length = 2000)]
    pub body: Option<String>,
    /// The label of the button that accepts.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(min_length = 1, max_length = 2000)]
    pub accept: Option<String>,
    /// The label of the button that declines.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(min_length = 1, max_length = 2000)]
    pub decline: Option<String>,
}
