use std::collections::BTreeMap;

use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};

use super::ratio::stretch;
use super::sequential::half_width;
use super::*;
use crate::domain::experiment::{Arm, Shares, shares_of_weights};
use crate::domain::offer::Key;

fn key(text: &str) -> Key {
    text.parse().unwrap()
}

fn halves() -> Shares {
    let arm = || Arm { weight: 1, replace: BTreeMap::new(), order: Vec::new() };
    shares_of_weights(&[(key("a"), arm()), (key("b"), arm())].into())
}

fn counts(a: f64, b: f64) -> BTreeMap<Key, f64> {
    [(key("a"), a), (key("b"), b)].into()
}

fn point(count: f64, propensity: f64, value: f64) -> Point {
    Point { count, propensity, value }
}

fn close(found: f64, wanted: f64) {
    assert!((found - wanted).abs() <= 1e-9 * wanted.abs().max(1.0), "{found} instead of {wanted}");
}

#[test]
fn estimates_are_the_textbooks_where_the_propensity_is_always_the_same() {
    // 2, 4, 4, 4, 5, 5, 7, 9: mean 5, standard deviation 2.
    let points = [2.0, 4.0, 4.0, 4.0, 5.0, 5.0, 7.0, 9.0].map(|value| point(1.0, 0.3, value));
    let found = estimate(&points, false).unwrap();
    close(found.mean, 5.0);
    close(found.error, 2.0 / 8.0_f64.sqrt());
    // Agresti and Coull's way with one more of each: 100 customers of whom none is saved are not known for certain.
    let none = estimate(&[point(100.0, 0.5, 0.0)], true).unwrap();
    close(none.error, 0.01);
    assert!(estimate(&[], true).is_none());
}

#[test]
fn customers_who_came_by_a_small_chance_stand_for_more() {
    // Horvitz, Thompson and Hájek: (10/0.5 + 90/0.9)/(20/0.5 + 100/0.9).
    let points = [(10.0, 0.5, 1.0), (10.0, 0.5, 0.0), (90.0, 0.9, 1.0), (10.0, 0.9, 0.0)];
    let found = estimate(&points.map(|(count, p, value)| point(count, p, value)), false).unwrap();
    close(found.mean, (10.0 / 0.5 + 90.0 / 0.9) / (20.0 / 0.5 + 100.0 / 0.9));
}

#[test]
fn an_interval_is_robbins_mixture_and_tightest_where_it_is_tuned_for() {
    // By hand, α = 0.05: n·ρ² = 5.99146 + ln 6.99146 = 7.93617 after 1,000; √(2·8.93617/7.93617·ln(√8.93617/0.05)).
    let width = half_width(TUNED_FOR, 0.05);
    assert!((width - 3.0352).abs() < 1e-3, "{width}");
    for customers in [50.0, 200.0, 5_000.0, 100_000.0] {
        assert!(half_width(customers, 0.05) > width, "{customers}");
    }
    // Against 1.96 for who looks once: what looking every day costs.
    assert!(half_width(100_000.0, 0.05) < 4.5);
}

#[test]
fn few_customers_say_nothing() {
    let few = estimate(&[point(49.0, 0.5, 1.0)], true).unwrap();
    let many = estimate(&[point(4_000.0, 0.5, 0.0)], true).unwrap();
    assert!(interval(&few).is_none() && difference(&few, &many, 1).interval.is_none());
    assert!(interval(&many).is_some());
}

#[test]
fn evidence_against_the_shares_is_the_multinomial_mixtures() {
    // A uniform prior over a coin: 2^10/(11·C(10, 5)) for five of ten, 2^10/11 for ten of ten.
    close(stretch(&halves(), &counts(5.0, 5.0), 2.0).exp(), 1_024.0 / (11.0 * 252.0));
    close(stretch(&halves(), &counts(10.0, 0.0), 2.0).exp(), 1_024.0 / 11.0);
    close(ratio_evidence([(&halves(), &counts(0.0, 0.0))]), 0.0);
    assert!(ratio_evidence([(&halves(), &counts(5_000.0, 5_060.0))]) < 0.0);
    assert!(ratio_evidence([(&halves(), &counts(5_000.0, 5_600.0))]) > (1.0 / RATIO_ALPHA).ln());
}

#[test]
fn a_bandit_takes_the_shares_by_which_arms_are_the_best() {
    let shares = |arms: [(&str, u32, u32); 2], floor| {
        let arms = arms.iter().map(|(arm, saves, others)| (key(arm), (*saves, *others))).collect();
        let shares = thompson_shares(&arms, floor);
        assert_eq!(shares.values().map(|share| share.millionths()).sum::<u32>(), 1_000_000);
        shares.values().map(|share| share.fraction()).collect::<Vec<_>>()
    };
    assert_eq!(shares([("a", 0, 0), ("b", 0, 0)], 10), [0.5, 0.5]);
    // P(X > Y) for X ~ Beta(2, 1), Y ~ Beta(1, 1) is 2/3; for Beta(3, 1) against Beta(1, 2) it is 9/10.
    assert!((shares([("a", 1, 0), ("b", 0, 0)], 0)[0] - 2.0 / 3.0).abs() < 1e-5);
    assert!((shares([("a", 2, 0), ("b", 0, 1)], 0)[0] - 0.9).abs() < 1e-5);
    assert_eq!(shares([("a", 90, 10), ("b", 10, 90)], 20), [0.8, 0.2]);
    let many = shares([("a", 300_000, 700_000), ("b", 300_500, 699_500)], 0);
    // A difference of 0.77 standard errors: Φ(0.77) = 0.78.
    assert!((many[1] - 0.78).abs() < 0.01, "{many:?}");
}

/// A day's customers of an experiment: the arm by a fair draw, saved as likely as the arm saves.
struct Simulated {
    random: StdRng,
    arms: Vec<(f64, f64)>,
}

impl Simulated {
    fn new(seed: u64, arms: usize) -> Self {
        Self { random: StdRng::seed_from_u64(seed), arms: vec![(0.0, 0.0); arms] }
    }

    fn day(&mut self, customers: usize, rates: &[f64]) {
        for _ in 0..customers {
            let arm = self.random.random_range(0..self.arms.len());
            let saved = self.random.random_bool(rates[arm]);
            let (saves, all) = &mut self.arms[arm];
            *saves += if saved { 1.0 } else { 0.0 };
            *all += 1.0;
        }
    }

    fn estimate(&self, arm: usize) -> Option<Estimate> {
        let (saves, all) = self.arms[arm];
        estimate(&[point(saves, 0.5, 1.0), point(all - saves, 0.5, 0.0)], true)
    }

    /// Whether any arm shows a difference to the first today.
    fn decided(&self) -> bool {
        let compared = u16::try_from(self.arms.len() - 1).unwrap();
        (1..self.arms.len()).any(|arm| {
            let (Some(one), Some(control)) = (self.estimate(arm), self.estimate(0)) else { return false };
            let interval = difference(&one, &control, compared).interval;
            interval.is_some_and(|interval| interval.lower > 0.0 || interval.upper < 0.0)
        })
    }
}

#[test]
fn a_false_winner_appears_no_more_often_than_stated_though_somebody_looks_every_day() {
    for (rates, name) in
        [([0.3, 0.3, 0.3].as_slice(), "three arms"), (&[0.3, 0.3], "two arms"), (&[0.04, 0.04], "rare saves")]
    {
        const EXPERIMENTS: u64 = 400;
        let fooled = (0..EXPERIMENTS).filter(|seed| {
            let mut experiment = Simulated::new(*seed, rates.len());
            (0..180).any(|_| {
                experiment.day(25, rates);
                experiment.decided()
            })
        });
        let share = f64::from(u32::try_from(fooled.count()).unwrap()) / 400.0;
        assert!(share <= ALPHA, "{name}: {share}");
    }
}

#[test]
fn a_true_winner_is_found() {
    let found = (0..100_u64).filter(|seed| {
        let mut experiment = Simulated::new(*seed, 2);
        (0..180).any(|_| {
            experiment.day(25, &[0.25, 0.35]);
            experiment.decided()
        })
    });
    assert!(found.count() >= 95);
}

#[test]
fn sizes_that_are_right_are_hardly_ever_called_wrong_and_wrong_ones_are_found() {
    let called = |share: f64, seed: u64| {
        let mut random = StdRng::seed_from_u64(seed);
        let (mut a, mut b) = (0.0, 0.0);
        (0..120).any(|_| {
            for _ in 0..50 {
                *(if random.random_bool(share) { &mut a } else { &mut b }) += 1.0;
            }
            ratio_evidence([(&halves(), &counts(a, b))]) >= (1.0 / RATIO_ALPHA).ln()
        })
    };
    assert_eq!((0..300).filter(|seed| called(0.5, *seed)).count(), 0);
    assert!((0..50).filter(|seed| called(0.55, *seed)).count() >= 45);
}
