//! A circuit breaker: after enough failures Stripe is left alone for a while, then asked by one call at a time.
//!
//! Pure: it is told the time and what became of the calls that it let through, and opens no connection. `fuse.rs`
//! puts it around the calls.

#[cfg(test)]
mod tests;

use jiff::{SignedDuration, Timestamp};

/// Whether calls go through.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum BreakerState {
    /// All do.
    Closed,
    /// None does: Stripe is known to be away.
    Open,
    /// One at a time, to see whether Stripe is back.
    HalfOpen,
}

impl BreakerState {
    /// Every state.
    pub const ALL: [Self; 3] = [Self::Closed, Self::Open, Self::HalfOpen];

    /// Its name in metrics.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Closed => "closed",
            Self::Open => "open",
            Self::HalfOpen => "half_open",
        }
    }
}

/// When to open, and for how long.
#[derive(Clone, Copy, Debug)]
pub(super) struct Rules {
    /// So many failures in a row open it.
    pub(super) in_a_row: u32,
    /// Or this percentage of the calls of one to two of these spans, …
    pub(super) percent: u32,
    pub(super) span: SignedDuration,
    /// … provided that there were so many.
    pub(super) least: u32,
    /// How long it stays open at first; twice as long after each probe that failed.
    pub(super) rest: SignedDuration,
    /// And at most.
    pub(super) longest_rest: SignedDuration,
    /// So many good probes in a row close it.
    pub(super) probes: u32,
}

impl Default for Rules {
    fn default() -> Self {
        Self {
            in_a_row: 5,
            percent: 50,
            span: SignedDuration::from_secs(10),
            least: 20,
            rest: SignedDuration::from_secs(5),
            longest_rest: SignedDuration::from_secs(60),
            probes: 2,
        }
    }
}

/// What became of a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Outcome {
    /// Stripe answered, be it a refusal.
    Answered,
    /// No answer, or one that says that Stripe is ill.
    Failed,
    /// The caller went away before it could be seen.
    Unseen,
}

/// Leave to make one call. What became of it must be reported.
#[derive(Debug)]
#[must_use]
pub(super) struct Pass {
    /// The phase that gave it: news from an earlier one says nothing about the present.
    era: u64,
}

#[derive(Clone, Copy, Debug)]
enum Phase {
    Closed,
    Open { since: Timestamp, rest: SignedDuration },
    HalfOpen { rest: SignedDuration, good: u32, probing: bool },
}

#[derive(Clone, Copy, Debug, Default)]
struct Tally {
    calls: u32,
    failures: u32,
}

/// The state machine.
#[derive(Debug)]
pub(super) struct Breaker {
    rules: Rules,
    phase: Phase,
    era: u64,
    in_a_row: u32,
    span_began: Timestamp,
    before: Tally,
    present: Tally,
}

impl Breaker {
    pub(super) fn new(rules: Rules, now: Timestamp) -> Self {
        Self {
            rules,
            phase: Phase::Closed,
            era: 0,
            in_a_row: 0,
            span_began: now,
            before: Tally::default(),
            present: Tally::default(),
        }
    }

    /// The state at this time.
    pub(super) fn state(&self, now: Timestamp) -> BreakerState {
        match self.phase {
            Phase::Closed => BreakerState::Closed,
            Phase::Open { since, rest } if left(since, rest, now).is_some() => BreakerState::Open,
            Phase::Open { .. } | Phase::HalfOpen { .. } => BreakerState::HalfOpen,
        }
    }

    /// Leave to make a call.
    ///
    /// # Errors
    /// How long to wait, when Stripe is to be left alone.
    pub(super) fn admit(&mut self, now: Timestamp) -> Result<Pass, SignedDuration> {
        if let Phase::Open { since, rest } = self.phase {
            if let Some(left) = left(since, rest, now) {
                return Err(left);
            }
            self.enter(Phase::HalfOpen { rest, good: 0, probing: false });
        }
        if let Phase::HalfOpen { probing, .. } = &mut self.phase {
            if *probing {
                return Err(SignedDuration::from_secs(1));
            }
            *probing = true;
        }
        Ok(Pass { era: self.era })
    }

    /// Learns what became of a call. Says whether this opened or closed it.
    pub(super) fn report(&mut self, pass: Pass, outcome: Outcome, now: Timestamp) -> bool {
        if pass.era != self.era {
            return false;
        }
        match (self.phase, outcome) {
            (Phase::Closed, Outcome::Unseen) | (Phase::Open { .. }, _) => false,
            (Phase::Closed, outcome) => self.count(outcome, now),
            (Phase::HalfOpen { rest, good, .. }, Outcome::Unseen) => {
                self.phase = Phase::HalfOpen { rest, good, probing: false };
                false
            }
            (Phase::HalfOpen { rest, .. }, Outcome::Failed) => {
                let longer = rest.checked_mul(2).unwrap_or(self.rules.longest_rest);
                self.enter(Phase::Open { since: now, rest: longer.min(self.rules.longest_rest) });
                true
            }
            (Phase::HalfOpen { rest, good, .. }, Outcome::Answered) => {
                let good = good.saturating_add(1);
                if good < self.rules.probes {
                    self.phase = Phase::HalfOpen { rest, good, probing: false };
                    return false;
                }
                self.enter(Phase::Closed);
                (self.before, self.present, self.in_a_row) = Default::default();
                true
            }
        }
    }

    fn count(&mut self, outcome: Outcome, now: Timestamp) -> bool {
        self.turn_over(now);
        self.present.calls = self.present.calls.saturating_add(1);
        if outcome == Outcome::Answered {
            self.in_a_row = 0;
            return false;
        }
        self.present.failures = self.present.failures.saturating_add(1);
        self.in_a_row = self.in_a_row.saturating_add(1);
        let calls = u64::from(self.before.calls) + u64::from(self.present.calls);
        let failures = u64::from(self.before.failures) + u64::from(self.present.failures);
        let many = calls >= u64::from(self.rules.least)
            && failures.saturating_mul(100) >= calls.saturating_mul(self.rules.percent.into());
        let open = many || self.in_a_row >= self.rules.in_a_row;
        if open {
            self.enter(Phase::Open { since: now, rest: self.rules.rest });
        }
        open
    }

    fn turn_over(&mut self, now: Timestamp) {
        let age = now.duration_since(self.span_began);
        if (SignedDuration::ZERO..self.rules.span).contains(&age) {
            return;
        }
        let next = age >= self.rules.span && age < self.rules.span.saturating_add(self.rules.span);
        self.before = if next { self.present } else { Tally::default() };
        self.present = Tally::default();
        self.span_began = now;
    }

    fn enter(&mut self, phase: Phase) {
        self.phase = phase;
        self.era = self.era.wrapping_add(1);
    }
}

/// What is left of a rest. A clock that was set back must not make it longer.
fn left(since: Timestamp, rest: SignedDuration, now: Timestamp) -> Option<SignedDuration> {
    let passed = now.duration_since(since);
    (SignedDuration::ZERO..rest).contains(&passed).then(|| rest.saturating_sub(passed))
}
