//! The shares of a bandit.

use std::collections::BTreeMap;

use statrs::function::beta::checked_beta_reg;

use crate::domain::experiment::{Share, Shares, shares_of_parts};
use crate::domain::offer::Key;

/// Saves and other outcomes, by arm.
pub type Arms = BTreeMap<Key, (u32, u32)>;

/// Steps in which the integral is taken; finer than what any arm's posterior has room in, up to a million customers.
const STEPS: u32 = 4_096;

/// How likely each arm is the one that saves most, given its saves and its other outcomes, with `floor` percent at least
/// for each: the shares that Thompson sampling takes with Beta(1, 1) for what is believed beforehand.
#[must_use]
pub fn thompson_shares(arms: &Arms, floor: u16) -> Shares {
    let below: Vec<Vec<f64>> = arms.values().map(|(saves, others)| distribution(*saves, *others)).collect();
    let count = u32::try_from(arms.len()).unwrap_or(u32::MAX);
    let floor = (f64::from(floor) / 100.0).min(1.0 / f64::from(count.max(1)));
    let left = 1.0 - f64::from(count) * floor;
    let best: Vec<f64> = (0..below.len()).map(|arm| best(&below, arm)).collect();
    let sum: f64 = best.iter().sum();
    let parts = arms.keys().zip(best).map(|(key, best)| {
        let share = Share::of_fraction(floor + left * best / sum).unwrap_or_default();
        (key.clone(), u64::from(share.millionths()))
    });
    shares_of_parts(&parts.collect(), Share::ALL)
}

/// The distribution of an arm's save rate at the borders of all steps.
fn distribution(saves: u32, others: u32) -> Vec<f64> {
    let (a, b) = (1.0 + f64::from(saves), 1.0 + f64::from(others));
    (0..=STEPS)
        .map(|step| checked_beta_reg(a, b, f64::from(step) / f64::from(STEPS)).unwrap_or(0.0))
        .collect()
}

/// How likely the arm is above all others: in each step, that it is there and the others are below.
fn best(below: &[Vec<f64>], arm: usize) -> f64 {
    let Some(own) = below.get(arm) else { return 0.0 };
    let others: Vec<_> =
        below.iter().enumerate().filter(|(other, _)| *other != arm).map(|(_, of)| of).collect();
    let step = |(at, pair): (usize, &[f64])| {
        let [from, to] = pair else { return 0.0 };
        let beaten = |of: &&Vec<f64>| of.get(at..=at + 1).map_or(0.0, |pair| pair.iter().sum::<f64>() / 2.0);
        (to - from) * others.iter().map(beaten).product::<f64>()
    };
    own.windows(2).enumerate().map(step).sum()
}
