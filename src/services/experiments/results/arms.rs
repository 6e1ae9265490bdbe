//! What came of each arm, by itself and against the others.

use std::collections::BTreeSet;

use serde::Serialize;
use utoipa::ToSchema;

use super::numbers::{DifferenceView, EstimateView, customers, difference_view, rounded, view};
use crate::domain::experiment::{CONTROL, HOLDOUT};
use crate::domain::money::Currency;
use crate::domain::offer::Key;
use crate::domain::session::Status;
use crate::domain::statistics::{
    Difference, Estimate, Found, Interval, Metric, Outcome, Point, difference, estimate, float,
};
use crate::domain::validation::Horizon;
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

/// The outcomes of an experiment, and what they are reckoned for.
pub(super) struct Results<'a> {
    pub(super) outcomes: &'a [Outcome],
    pub(super) arms: &'a BTreeSet<Key>,
    pub(super) mismatch: bool,
}

impl Results<'_> {
    /// What came of each arm, `control` first.
    pub(super) fn arms(&self) -> Vec<ArmResults> {
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
