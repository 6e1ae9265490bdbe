//! Re-entry: who comes back soon to a flow that they left open, or left by staying, goes on with the same pass. It counts
//! once, and what was decided for it stands.

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use super::ids::SessionId;
use super::offer::Key;
use super::session::{Session, State};

/// What the earlier session's last decision came from, for as long as the reason stays the same.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reentry {
    /// The earlier session.
    pub of: SessionId,
    /// The reason given there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<Key>,
    /// The segments that held, sorted.
    pub segments: Vec<Key>,
    /// The rule that counted, from 0; none when no rule did.
    pub rule: Option<usize>,
}

/// Whether a session begun at `now` goes on with this earlier one of the same subscription: left open past its time, or
/// left by staying without an offer, less than `hours` ago.
#[must_use]
pub fn goes_on(earlier: &Session, hours: u16, now: Timestamp) -> bool {
    let over = match earlier.state {
        State::Abandoned | State::Saved { offer: None } => earlier.closed_at,
        // Nobody has come by yet to abandon it.
        State::Deciding => Some(earlier.expires_at).filter(|over| *over <= now),
        _ => None,
    };
    let window = SignedDuration::from_hours(i64::from(hours));
    over.is_some_and(|over| now.duration_since(over) < window)
}
