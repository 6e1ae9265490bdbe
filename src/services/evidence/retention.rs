//! Delete evidence that must be kept no longer.

use jiff::SignedDuration;
use tracing::info;

use crate::services::App;
use crate::services::error::ServiceError;
use crate::store::{AuditLine, Change, Changed, Stored};

/// How many sessions are looked at in one go.
const BATCH: u32 = 100;
/// How long to wait before looking again whether a contract goes on that keeps the evidence.
const LOOK_AGAIN: SignedDuration = SignedDuration::from_hours(24 * 30);

/// Deletes the evidence of sessions that the rules of their place want kept no longer, and puts off those whose
/// contract goes on. Says how many it deleted. Safe to repeat, and to run in several processes at once.
///
/// # Errors
/// When the database cannot be reached.
pub async fn sweep(app: &App) -> Result<usize, ServiceError> {
    let now = app.clock.now();
    let (mut deleted, mut put_off) = (0, Vec::new());
    for (Stored { mut session, version }, seen) in app.store.evidence_due(now, BATCH).await? {
        let ended = session.contract_ended(seen.as_ref().map(|(seen, at)| (seen, *at)));
        if !session.expire_evidence(ended, now) {
            let soon = now.checked_add(LOOK_AGAIN).unwrap_or(now);
            let until = session.evidence_until(ended).map(|until| if until > now { until } else { soon });
            put_off.push((session.id, version, until));
            continue;
        }
        let line = AuditLine {
            actor: "system".to_owned(),
            action: "evidence.delete".to_owned(),
            detail: session.id.to_string(),
        };
        let change = Change { session: Some((session, version)), audit: Some(line), ..Change::new(now) };
        // Changed by somebody at this moment, it comes up again.
        if app.store.change(change).await? == Changed::Done {
            deleted += 1;
        }
    }
    if !put_off.is_empty() {
        app.store.put_off_evidence(put_off).await?;
    }
    if deleted > 0 {
        info!(deleted, "evidence deleted that had to be kept no longer");
    }
    Ok(deleted)
}
