//! What came of an experiment.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use serde::Serialize;
use utoipa::ToSchema;

use super::{arms_of, running};
use crate::domain::experiment::{CONTROL, HOLDOUT, Shares};
use crate::domain::money::Currency;
use crate::domain::offer::Key;
use crate::domain::session::Status;
use crate::domain::statistics::{
    ALPHA, Difference, Estimate, Found, Interval, Metric, Outcome, Point, RATIO_ALPHA, TUNED_FOR, difference,
    estimate, float, interval, ratio_evidence,
};
use crate::domain::validation::Horizon;
use crate::services::app::App;
use crate::services::error::ServiceError;
use crate::services::summary::Rate;

/// What may be said of an arm against `control`, now as at any other time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
#[schema(as = ExperimentVerdict)]
pub enum Verdict {
    /// Nothing yet.
    Undecided,
    /// It validates more saves after 30 days.
    Better,
    /// It validates fewer.
    Worse,
    /// Nothing, since customers are not divided as they should be: look for the fault before you believe any number.
    SampleRatioMismatch,
}

/// A number with the interval in which it lies.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, ToSchema)]
#[schema(as = ExperimentEstimate)]
pub struct EstimateView {
    /// The number, each customer weighted by the inverse of the propensity; null of nobody.
    #[schema(required = true)]
    pub value: Option<f64>,
    /// From here; null while there are too few customers.
    #[schema(required = true)]
    pub lower: Option<f64>,
    /// To here.
    #[schema(required = true)]
    pub upper: Option<f64>,
}

/// How an arm differs from another.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, ToSchema)]
#[schema(as = ExperimentDifference)]
pub struct DifferenceView {
    /// How much more.
    pub value: f64,
    /// From here; null while there are too few customers.
    #[schema(required = true)]
    pub lower: Option<f64>,
    /// To here.
    #[schema(required = true)]
    pub upper: Option<f64>,
}

/// Saves that had held at a horizon.
#[derive(Clone, Debug, PartialEq, Serialize, ToSchema)]
#[schema(as = ExperimentValidated)]
pub struct ValidatedView {
    /// Days after the save: 30, 60 or 90.
    pub days: u16,
    /// Validated saves, of customers whose session lies back so far.
    pub rate: Rate,
    /// The same with its interval.
    pub estimate: EstimateView,
    /// Customers whose save has reached the horizon and is still to be checked; in no number here.
    pub waiting: u64,
    /// Customers of whose save nobody can tell; in no number here.
    pub unknown: u64,
    /// Against `control`; null for it, and of nobody.
    #[schema(required = true)]
    pub difference: Option<DifferenceView>,
    /// Against `holdout`; null for it, and where there is none.
    #[schema(required = true)]
    pub uplift: Option<DifferenceView>,
}

/// What a customer brings, in minor units of one currency.
#[derive(Clone, Debug, PartialEq, Serialize, ToSchema)]
#[schema(as = ExperimentRevenue)]
pub struct RevenueView {
    /// Days after the save: 30, 60 or 90.
    pub days: u16,
    /// The currency.
    pub currency: Currency,
    /// The sum over customers: of the revenue of 1, 2 or 3 months where the save had held, less what accepted offers cost
    /// at most.
    pub total: i64,
    /// How many customers it is the sum of.
    pub customers: u64,
    /// The mean per customer, with its interval.
    pub estimate: EstimateView,
    /// Against `control`; null for it, and of nobody.
    #[schema(required = true)]
    pub difference: Option<DifferenceView>,
    /// Against `holdout`; null for it, and where there is none.
    #[schema(required = true)]
    pub uplift: Option<DifferenceView>,
}

/// What came of one arm.
#[derive(Clone, Debug, PartialEq, Serialize, ToSchema)]
#[schema(as = ExperimentArm)]
pub struct ArmResults {
    /// The arm; `holdout` sees no offer.
    pub arm: Key,
    /// Its customers of all, each once, with the first session in which it could matter.
    pub share: Rate,
    /// The customers it should have, by the shares that held when they came.
    pub expected: f64,
    /// Saves, of customers whose session's time is over.
    pub saves: Rate,
    /// Cancellations of the same.
    pub cancels: Rate,
    /// Saves that had held, for each horizon.
    pub validated: Vec<ValidatedView>,
    /// What customers bring, for each horizon and currency.
    pub net_revenue: Vec<RevenueView>,
    /// What may be said of it; null for `control`.
    #[schema(required = true)]
    pub verdict: Option<Verdict>,
}

/// Whether customers are divided as they should be.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, ToSchema)]
#[schema(as = ExperimentSampleRatio)]
pub struct RatioView {
    /// The evidence that they are not: an e-value, at most 1e300.
    pub e_value: f64,
    /// From here on it is a mismatch; a sound experiment ever comes here once in so many.
    pub threshold: f64,
    /// Whether it is one.
    pub mismatch: bool,
}

/// What came of an experiment.
#[derive(Clone, Debug, PartialEq, Serialize, ToSchema)]
#[schema(as = ExperimentResults)]
pub struct ResultsView {
    /// The experiment; `holdout` for the flow's own holdout.
    pub experiment: Key,
    /// The flow.
    pub flow: Key,
    /// Live mode or test mode.
    pub livemode: bool,
    /// Whether the flow's active version has it.
    pub running: bool,
    /// When this was reckoned.
    pub as_of: Timestamp,
    /// How often, at most, an interval is wrong at any time; for differences, any of all arms'.
    pub alpha: f64,
    /// The number of customers at which intervals are narrowest.
    pub tuned_for: f64,
    /// Whether customers are divided as they should be.
    pub sample_ratio: RatioView,
    /// The arms, `control` first.
    pub arms: Vec<ArmResults>,
}

/// What came of an experiment by now.
///
/// # Errors
/// When there is no such experiment, running or with customers.
pub async fn results(
    app: &App,
    experiment: Key,
    flow: Option<Key>,
    livemode: Option<bool>,
) -> Result<ResultsView, ServiceError> {
    let flow = flow.unwrap_or_else(|| app.settings.flow.clone());
    let livemode = livemode.unwrap_or(app.gateway.livemode());
    let now = app.clock.now();
    let outcomes = app.store.experiment_outcomes(&flow, &experiment, livemode, now).await?;
    let active = app.flows.active(&flow);
    let running = running(active.document()).any(|key| key == experiment);
    if !running && outcomes.is_empty() {
        return Err(ServiceError::NotFound("experiment"));
    }
    let mut arms = arms_of(active.document(), &experiment);
    arms.extend(outcomes.iter().map(|outcome| outcome.arm.clone()));
    let sample_ratio = ratio(&outcomes);
    let arms = Results { outcomes: &outcomes, arms: &arms, mismatch: sample_ratio.mismatch }.arms();
    let (alpha, tuned_for, as_of) = (ALPHA, TUNED_FOR, now);
    Ok(ResultsView { experiment, flow, livemode, running, as_of, alpha, tuned_for, sample_ratio, arms })
}

fn ratio(outcomes: &[Outcome]) -> RatioView {
    let mut stretches: BTreeMap<&Shares, BTreeMap<Key, f64>> = BTreeMap::new();
    for outcome in outcomes {
        let counts = stretches.entry(&outcome.shares).or_default();
        *counts.entry(outcome.arm.clone()).or_default() += customers(outcome.customers);
    }
    let evidence = ratio_evidence(stretches.iter().map(|(shares, counts)| (*shares, counts)));
    let threshold = 1.0 / RATIO_ALPHA;
    RatioView {
        e_value: rounded(evidence.min(690.0).exp(), 1e4),
        threshold: threshold.round(),
        mismatch: evidence >= threshold.ln(),
    }
}

fn customers(number: u64) -> f64 {
    float(i64::try_from(number).unwrap_or(i64::MAX))
}

fn rounded(number: f64, to: f64) -> f64 {
    if number.abs() > 1e12 { number } else { (number * to).round() / to }
}

struct Results<'a> {
    outcomes: &'a [Outcome],
    arms: &'a BTreeSet<Key>,
    mismatch: bool,
}

impl Results<'_> {
    fn arms(&self) -> Vec<ArmResults> {
        let mut arms: Vec<_> = self.arms.iter().map(|arm| self.arm(arm)).collect();
        arms.sort_by_key(|arm| arm.arm.as_str() != CONTROL);
        arms
    }

    fn arm(&self, arm: &Key) -> ArmResults {
        let own = |outcome: &&Outcome| outcome.arm == *arm;
        let count = |fits: &dyn Fn(&Outcome) -> bool| -> u64 {
            self.outcomes.iter().filter(|outcome| fits(outcome)).map(|outcome| outcome.customers).sum()
        };
        let mine = |outcome: &Outcome| outcome.arm == *arm;
        let expected = self.outcomes.iter().map(|outcome| {
            let share = outcome.shares.get(arm).copied().unwrap_or_default();
            customers(outcome.customers) * share.fraction()
        });
        let currencies: BTreeSet<Currency> =
            self.outcomes.iter().filter(own).filter_map(|outcome| outcome.currency).collect();
        let revenue = |horizon| currencies.iter().map(move |currency| (horizon, *currency));
        let primary = self.against(arm, CONTROL, Metric::Validated(Horizon::Days30));
        ArmResults {
            arm: arm.clone(),
            share: Rate::of(count(&mine), count(&|_| true)),
            expected: rounded(expected.sum(), 1e2),
            saves: self.rate(arm, Metric::Saved),
            cancels: self.rate(arm, Metric::Canceled),
            validated: Horizon::ALL.into_iter().map(|horizon| self.validated(arm, horizon)).collect(),
            net_revenue: Horizon::ALL
                .into_iter()
                .flat_map(revenue)
                .map(|(horizon, currency)| self.revenue(arm, horizon, currency))
                .collect(),
            verdict: (arm.as_str() != CONTROL).then(|| self.verdict(primary)),
        }
    }

    fn verdict(&self, difference: Option<Difference>) -> Verdict {
        match difference.and_then(|difference| difference.interval) {
            _ if self.mismatch => Verdict::SampleRatioMismatch,
            Some(Interval { lower, .. }) if lower > 0.0 => Verdict::Better,
            Some(Interval { upper, .. }) if upper < 0.0 => Verdict::Worse,
            _ => Verdict::Undecided,
        }
    }

    fn validated(&self, arm: &Key, horizon: Horizon) -> ValidatedView {
        let metric = Metric::Validated(horizon);
        let saves = |found: Found| -> u64 {
            let same = self.outcomes.iter().filter(|outcome| {
                let saved = outcome.arm == *arm && outcome.status == Status::Saved;
                saved && outcome.has_reached(horizon) && outcome.found_at(horizon) == found
            });
            same.map(|outcome| outcome.customers).sum()
        };
        ValidatedView {
            days: horizon.days(),
            rate: self.rate(arm, metric),
            estimate: view(self.estimate(arm.as_str(), metric), 1e4),
            waiting: saves(Found::Waiting),
            unknown: saves(Found::Unknown),
            difference: self.against(arm, CONTROL, metric).map(|found| difference_view(found, 1e4)),
            uplift: self.against(arm, HOLDOUT, metric).map(|found| difference_view(found, 1e4)),
        }
    }

    fn revenue(&self, arm: &Key, horizon: Horizon, currency: Currency) -> RevenueView {
        let metric = Metric::NetRevenue(horizon, currency);
        let told = self.values(arm.as_str(), metric);
        let amount = |(outcome, value): &(&Outcome, i64)| {
            value.saturating_mul(i64::try_from(outcome.customers).unwrap_or(i64::MAX))
        };
        RevenueView {
            days: horizon.days(),
            currency,
            total: told.iter().map(amount).fold(0, i64::saturating_add),
            customers: told.iter().map(|(outcome, _)| outcome.customers).sum(),
            estimate: view(self.estimate(arm.as_str(), metric), 1e2),
            difference: self.against(arm, CONTROL, metric).map(|found| difference_view(found, 1e2)),
            uplift: self.against(arm, HOLDOUT, metric).map(|found| difference_view(found, 1e2)),
        }
    }

    fn values(&self, arm: &str, metric: Metric) -> Vec<(&Outcome, i64)> {
        let own = self.outcomes.iter().filter(|outcome| outcome.arm.as_str() == arm);
        own.filter_map(|outcome| Some((outcome, outcome.value(metric)?))).collect()
    }

    fn rate(&self, arm: &Key, metric: Metric) -> Rate {
        let told = self.values(arm.as_str(), metric);
        let sum = |of: &dyn Fn(i64) -> bool| -> u64 {
            told.iter().filter(|(_, value)| of(*value)).map(|(outcome, _)| outcome.customers).sum()
        };
        Rate::of(sum(&|value| value > 0), sum(&|_| true))
    }

    fn estimate(&self, arm: &str, metric: Metric) -> Option<Estimate> {
        let point = |(outcome, value): (&Outcome, i64)| {
            let propensity = outcome.shares.get(&outcome.arm).filter(|share| share.millionths() > 0)?;
            let count = customers(outcome.customers);
            Some(Point { count, propensity: propensity.fraction(), value: float(value) })
        };
        let points: Vec<Point> = self.values(arm, metric).into_iter().filter_map(point).collect();
        estimate(&points, !matches!(metric, Metric::NetRevenue(..)))
    }

    /// How an arm differs from the one called `other`, all other arms compared with that as well.
    fn against(&self, arm: &Key, other: &str, metric: Metric) -> Option<Difference> {
        if arm.as_str() == other {
            return None;
        }
        let compared = u16::try_from(self.arms.len().saturating_sub(1)).unwrap_or(u16::MAX);
        let (one, other) = (self.estimate(arm.as_str(), metric)?, self.estimate(other, metric)?);
        Some(difference(&one, &other, compared))
    }
}

fn view(found: Option<Estimate>, to: f64) -> EstimateView {
    let interval = found.as_ref().and_then(interval);
    EstimateView {
        value: found.map(|found| rounded(found.mean, to)),
        lower: interval.map(|interval| rounded(interval.lower, to)),
        upper: interval.map(|interval| rounded(interval.upper, to)),
    }
}

fn difference_view(found: Difference, to: f64) -> DifferenceView {
    DifferenceView {
        value: rounded(found.value, to),
        lower: found.interval.map(|interval| rounded(interval.lower, to)),
        upper: found.interval.map(|interval| rounded(interval.upper, to)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(arm: &str, shares: &str, customers: u64, held: bool) -> Outcome {
        let found = if held { Found::Held(4_900) } else { Found::Lost };
        Outcome {
            arm: arm.parse().unwrap(),
            shares: serde_json::from_str(shares).unwrap(),
            customers,
            status: Status::Saved,
            over: true,
            reached: 1,
            found: [found, Found::Waiting, Found::Waiting],
            cost: 0,
            currency: None,
        }
    }

    fn verdict(outcomes: &[Outcome]) -> (bool, Option<Verdict>) {
        let arms = outcomes.iter().map(|outcome| outcome.arm.clone()).collect();
        let mismatch = ratio(outcomes).mismatch;
        let found = Results { outcomes, arms: &arms, mismatch }.arms();
        assert!(found.iter().all(|arm| (arm.arm.as_str() == CONTROL) == arm.verdict.is_none()));
        (mismatch, found.iter().find_map(|arm| arm.verdict))
    }

    #[test]
    fn a_verdict_is_a_clear_difference_between_arms_of_the_right_size() {
        let even = r#"{"control": 0.5, "less": 0.5}"#;
        let of = |control: [u64; 2], less: [u64; 2]| {
            let arm =
                |arm, [held, lost]: [u64; 2]| [told(arm, even, held, true), told(arm, even, lost, false)];
            verdict(&[arm("control", control), arm("less", less)].concat())
        };
        assert_eq!(of([200, 800], [205, 795]), (false, Some(Verdict::Undecided)));
        assert_eq!(of([200, 800], [300, 700]), (false, Some(Verdict::Better)));
        assert_eq!(of([300, 700], [200, 800]), (false, Some(Verdict::Worse)));
        assert_eq!(of([300, 900], [500, 300]), (true, Some(Verdict::SampleRatioMismatch)));
    }

    #[test]
    fn shares_that_changed_meanwhile_neither_mislead_nor_look_like_a_mismatch() {
        // Early customers are saved more often, and most of them were in control; the arms do the same.
        let (early, late) = (r#"{"control": 0.9, "less": 0.1}"#, r#"{"control": 0.1, "less": 0.9}"#);
        let stretch = |shares: &str, sizes: [u64; 2], percent: u64| -> Vec<Outcome> {
            let arms = [("control", sizes[0]), ("less", sizes[1])];
            let both = arms.map(|(arm, size)| {
                let held = size * percent / 100;
                [told(arm, shares, held, true), told(arm, shares, size - held, false)]
            });
            both.concat()
        };
        let outcomes = [stretch(early, [900, 100], 60), stretch(late, [100, 900], 20)].concat();
        assert_eq!(verdict(&outcomes), (false, Some(Verdict::Undecided)));
        let arms = outcomes.iter().map(|outcome| outcome.arm.clone()).collect();
        let found = Results { outcomes: &outcomes, arms: &arms, mismatch: false }.arms();
        let [control, less] = found.as_slice() else { panic!("{found:?}") };
        assert_eq!([control.validated[0].rate.value, less.validated[0].rate.value], [Some(0.56), Some(0.24)]);
        for arm in [control, less] {
            assert_eq!(arm.validated[0].estimate.value, Some(0.4));
            assert!((arm.expected - 1_000.0).abs() < 1e-6);
        }
    }
}
