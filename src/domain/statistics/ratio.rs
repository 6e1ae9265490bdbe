//! Whether the arms are as large as they should be.

use std::collections::BTreeMap;

use statrs::function::gamma::ln_gamma;

use crate::domain::experiment::Shares;
use crate::domain::offer::Key;

/// How often, at most, sizes that are right are ever called wrong.
pub const RATIO_ALPHA: f64 = 0.001;
/// How closely the mixture keeps to the shares: as if so many customers had been seen in just these.
const CONCENTRATION: f64 = 100.0;

/// The natural logarithm of the evidence against the shares: of the e-value of a test of multinomial counts against a
/// Dirichlet mixture around the shares. With shares that are right the e-value ever reaches 1/[`RATIO_ALPHA`] in
/// [`RATIO_ALPHA`] of experiments at most. Stretches with other shares are tested each by itself, and multiplied.
#[must_use]
pub fn ratio_evidence<'a>(stretches: impl IntoIterator<Item = (&'a Shares, &'a BTreeMap<Key, f64>)>) -> f64 {
    stretches.into_iter().map(|(shares, counts)| stretch(shares, counts, CONCENTRATION)).sum()
}

pub(super) fn stretch(shares: &Shares, counts: &BTreeMap<Key, f64>, concentration: f64) -> f64 {
    let possible = shares.iter().filter(|(_, share)| share.millionths() > 0);
    let arms: Vec<(f64, f64)> =
        possible.map(|(key, share)| (share.fraction(), counts.get(key).copied().unwrap_or(0.0))).collect();
    let customers: f64 = arms.iter().map(|(_, count)| count).sum();
    let all = ln_gamma(concentration) - ln_gamma(concentration + customers);
    let of_arm = |(share, count): &(f64, f64)| {
        let prior = concentration * share;
        ln_gamma(prior + count) - ln_gamma(prior) - count * share.ln()
    };
    all + arms.iter().map(of_arm).sum::<f64>()
}
