//! When an operation whose outcome is unknown is tried again.

use std::time::Duration;

use backon::{BackoffBuilder, ExponentialBuilder};

/// How often an operation is tried before a person has to look: about a day, which is as long as Stripe remembers
/// idempotency keys.
pub const MAX_ATTEMPTS: u32 = 30;

const FIRST: Duration = Duration::from_secs(5);
const LONGEST: Duration = Duration::from_secs(60 * 60);

/// How long to wait after `attempts` fruitless attempts (counted from 1): five seconds, doubling, with up to as much
/// again at random, at most an hour.
#[must_use]
pub fn backoff(attempts: u32) -> Duration {
    let before = usize::try_from(attempts.saturating_sub(1)).unwrap_or(usize::MAX);
    let mut delays = ExponentialBuilder::new()
        .with_min_delay(FIRST)
        .with_max_delay(LONGEST)
        .without_max_times()
        .with_jitter()
        .build();
    // The delay stops growing long before the 64th, so there is no need to count further.
    delays.nth(before.min(64)).unwrap_or(LONGEST).min(LONGEST)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn grows_and_stays_within_an_hour() {
        for (attempts, least) in [(0, 5), (1, 5), (2, 10), (5, 80), (10, 2560), (11, 3600), (u32::MAX, 3600)]
        {
            let delay = backoff(attempts);
            let most = Duration::from_secs(2 * least).min(LONGEST);
            assert!((Duration::from_secs(least)..=most).contains(&delay), "{attempts}: {delay:?}");
        }
    }

    #[test]
    fn all_attempts_together_take_about_a_day() {
        let total: Duration = (1..=MAX_ATTEMPTS).map(backoff).sum();
        assert!((20..26).contains(&(total.as_secs() / 3600)), "{total:?}");
    }
}
