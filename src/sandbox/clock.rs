//! The sandbox's clock: standing still or running, and moved forward on demand.
use jiff::Timestamp;
use std::time::Instant;

/// How the sandbox's time passes.
#[derive(Debug, Clone, Copy)]
pub enum SandboxClock {
    /// Stands still at this time until it is advanced: for tests.
    Fixed(Timestamp),
    /// Starts at this time and runs with real time, whatever that time is: for `demo`.
    Running {
        /// The sandbox's time at its start.
        start: Timestamp,
    },
}

/// The clock in use: where it started, how far it was moved, and since when it runs.
#[derive(Debug)]
pub(super) struct Clock {
    base: i64,
    running_since: Option<Instant>,
}

impl Clock {
    pub(super) fn new(clock: SandboxClock) -> Self {
        match clock {
            SandboxClock::Fixed(at) => Self { base: at.as_second(), running_since: None },
            SandboxClock::Running { start } => {
                Self { base: start.as_second(), running_since: Some(Instant::now()) }
            }
        }
    }

    /// Unix time in seconds.
    pub(super) fn now(&self) -> i64 {
        let run = self.running_since.map_or(0, |since| since.elapsed().as_secs());
        self.base.saturating_add(i64::try_from(run).unwrap_or(i64::MAX))
    }

    /// Moves forward; a negative number moves nothing, because billing never runs backwards.
    pub(super) fn advance(&mut self, seconds: i64) {
        self.base = self.base.saturating_add(seconds.max(0));
    }
}
