//! Figures from many timings.

use std::time::Duration;

use serde_json::{Value, json};

/// Percentiles of these timings, in microseconds.
pub(crate) fn percentiles(timings: &mut [Duration]) -> Value {
    timings.sort_unstable();
    let at = |percent: usize| {
        let last = timings.len().saturating_sub(1);
        timings.get(last * percent / 100).map_or(0, |timing| timing.as_micros() as u64)
    };
    json!({"p50": at(50), "p90": at(90), "p99": at(99), "max": at(100)})
}
