//! Instants as columns: microseconds since the Unix epoch.

use jiff::Timestamp;

use super::error::{Failure, malformed};

pub(super) fn micros(at: Timestamp) -> i64 {
    at.as_microsecond()
}

pub(super) fn instant(place: &'static str, micros: i64) -> Result<Timestamp, Failure> {
    Timestamp::from_microsecond(micros).map_err(|_| malformed(place))
}
