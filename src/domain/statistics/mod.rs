//! What may be concluded from an experiment, at whatever moment somebody looks.
//!
//! Everything here stays valid when it is looked at every day and the experiment is ended as soon as something shows:
//! intervals are asymptotic confidence sequences (Waudby-Smith, Arbour, Sinha, Kennedy and Ramdas, "Time-uniform central
//! limit theory and asymptotic confidence sequences", Annals of Statistics 2024, after Robbins' normal mixtures and
//! Howard et al. 2021), and the check of the arms' sizes is a multinomial mixture test (Lindon and Malek, "Anytime-valid
//! inference for multinomial count data", NeurIPS 2022). The shares of a bandit are Thompson's, reckoned rather than drawn.

mod outcome;
mod ratio;
mod sequential;
mod thompson;

pub use outcome::{Found, Metric, Outcome};
pub use ratio::{RATIO_ALPHA, ratio_evidence};
pub use sequential::{
    ALPHA, Difference, Estimate, Interval, LEAST_CUSTOMERS, Point, TUNED_FOR, difference, estimate, interval,
};
pub use thompson::{Arms, thompson_shares};

/// A number as a float; exact up to 2^53.
#[must_use]
pub fn float(number: i64) -> f64 {
    use rust_decimal::prelude::ToPrimitive;
    number.to_f64().unwrap_or(f64::MAX)
}

#[cfg(test)]
mod tests;
