//! The checks of a save.

use super::{Invariant, KeptSession, Violation};
use crate::domain::session::Status;
use crate::domain::validation::Horizon;

pub(super) fn check(kept: &KeptSession, found: &mut Vec<Violation>) {
    let violation = |what| kept.violation(Invariant::SaveChecked, what);
    let saved_at = kept.session.closed_at.filter(|_| kept.session.status() == Status::Saved);
    let (Some(saved_at), true) = (saved_at, kept.watched) else {
        if kept.watched || !kept.checks.is_empty() {
            found.push(violation("watched, and no save"));
        }
        return;
    };
    for horizon in Horizon::ALL {
        let mut checks = kept.checks.iter().filter(|check| check.horizon == horizon);
        let Some(check) = checks.next() else {
            found.push(violation("a horizon is missing"));
            continue;
        };
        let session = &kept.session;
        if check.subscription != session.subscription
            || check.livemode != session.livemode
            || check.due_at != horizon.of(saved_at)
        {
            found.push(violation("another subscription, mode or date"));
        }
        if check.settled != check.judged {
            found.push(violation("settled and judged"));
        } else if session.validated.at(horizon) != check.validated {
            found.push(violation("verdict"));
        }
    }
}
