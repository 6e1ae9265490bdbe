//! Intervals that hold at all times together.

/// How often, at most, any interval of one number of an experiment may be wrong at any time. Intervals of differences
/// divide it among the arms that are compared, so that it holds for all of them together.
pub const ALPHA: f64 = 0.05;
/// The number of customers at which intervals are narrowest, against others that hold at all times.
pub const TUNED_FOR: f64 = 1_000.0;
/// The customers an arm needs before anything is said of it: what holds in the long run does not hold of a few.
pub const LEAST_CUSTOMERS: f64 = 50.0;

/// Customers with the same value, drawn with the same chance.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Point {
    /// How many customers.
    pub count: f64,
    /// How likely their arm was when it was drawn, above 0, at most 1.
    pub propensity: f64,
    /// The value of each.
    pub value: f64,
}

/// A mean over an arm.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Estimate {
    /// The mean, each customer weighted by the inverse of the propensity.
    pub mean: f64,
    /// Its standard error.
    pub error: f64,
    /// How many customers it is of.
    pub customers: f64,
}

/// Where a number lies, at all times together but for the share [`ALPHA`] of experiments.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Interval {
    /// From here.
    pub lower: f64,
    /// To here.
    pub upper: f64,
}

/// How two arms differ.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Difference {
    /// The one less the other.
    pub value: f64,
    /// Where it lies; none while there are too few customers.
    pub interval: Option<Interval>,
}

/// The mean of an arm; none of nobody.
///
/// With weights w, the inverse propensities, it is Σwy/Σw, with the standard error √Σw²(y − mean)²/Σw. Where the
/// propensity was always the same that is the plain mean and its plain error. `proportion` says that values are 0 or 1:
/// the error is then reckoned with one success and one failure more, so that it is not nothing where all are alike.
#[must_use]
pub fn estimate(points: &[Point], proportion: bool) -> Option<Estimate> {
    let sum = |of: &dyn Fn(&Point) -> f64| points.iter().map(|point| point.count * of(point)).sum::<f64>();
    let (customers, weight) = (sum(&|_| 1.0), sum(&|point| 1.0 / point.propensity));
    if customers <= 0.0 {
        return None;
    }
    let mean = sum(&|point| point.value / point.propensity) / weight;
    let squares = sum(&|point| ((point.value - mean) / point.propensity).powi(2));
    let typical = weight / customers;
    let more = if proportion { typical.powi(2) * (mean.powi(2) + (1.0 - mean).powi(2)) } else { 0.0 };
    Some(Estimate { mean, error: (squares + more).sqrt() / weight, customers })
}

/// How many standard errors the interval is wide to each side after so many customers: √(2(nρ²+1)/(nρ²) · ln(√(nρ²+1)/α)),
/// ρ² = (−2 ln α + ln(1 − 2 ln α))/[`TUNED_FOR`].
pub(super) fn half_width(customers: f64, alpha: f64) -> f64 {
    let doubt = -2.0 * alpha.ln();
    let time = customers * (doubt + (1.0 + doubt).ln()) / TUNED_FOR;
    (2.0 * (time + 1.0) / time * ((time + 1.0).sqrt() / alpha).ln()).sqrt()
}

/// The interval of a mean; none while there are too few customers.
#[must_use]
pub fn interval(estimate: &Estimate) -> Option<Interval> {
    let enough = estimate.customers >= LEAST_CUSTOMERS;
    enough.then(|| around(estimate.mean, estimate.error, half_width(estimate.customers, ALPHA)))
}

/// How much more the one arm has than the other, where `compared` arms are compared at once.
#[must_use]
pub fn difference(one: &Estimate, other: &Estimate, compared: u16) -> Difference {
    let value = one.mean - other.mean;
    let error = one.error.hypot(other.error);
    let enough = one.customers.min(other.customers) >= LEAST_CUSTOMERS;
    let alpha = ALPHA / f64::from(compared.max(1));
    let width = half_width(one.customers + other.customers, alpha);
    Difference { value, interval: enough.then(|| around(value, error, width)) }
}

fn around(middle: f64, error: f64, width: f64) -> Interval {
    Interval { lower: middle - error * width, upper: middle + error * width }
}
