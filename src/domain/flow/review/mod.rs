//! What in a sound document is most likely a mistake. Warnings alone: whatever has a meaning can be published, since the
//! meaning may be wanted for a while, and what was published once must stay readable.
//!
//! Every warning is certain: a condition said never to hold holds for no facts at all. What cannot be settled within a
//! bounded number of steps goes unsaid.

mod conditions;
mod judge;
mod languages;
mod reach;
#[cfg(test)]
mod tests;
mod values;

use super::document::FlowDocument;
use super::node::At;
use super::problem::{Problem, Problems};
use judge::Judge;

/// Looks through a document that was read from `root` without a problem.
pub(super) fn warnings(root: &At<'_>, document: &FlowDocument) -> Vec<Problem> {
    let judge = Judge::new(&document.segments, document.tiers.as_ref());
    let mut found = Problems::default();
    conditions::check(root, document, &judge, &mut found);
    reach::check(root, document, &judge, &mut found);
    languages::check(root, document, &mut found);
    found.all()
}
