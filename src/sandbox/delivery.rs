//! Automatic delivery of webhooks: in order, each retried a few times, as long as it is switched on.
use super::Shared;
use super::webhooks;
use std::sync::Weak;
use std::time::Duration;

/// How long to wait before each further attempt at an event; after the last it is given up.
const WAITS: [Duration; 3] = [Duration::from_millis(200), Duration::from_secs(1), Duration::from_secs(3)];

/// How often a running clock is looked at, so that what falls due happens without a call.
const TICK: Duration = Duration::from_secs(1);

/// Runs until the sandbox is gone.
pub(super) async fn run(sandbox: Weak<Shared>) {
    while let Some(shared) = sandbox.upgrade() {
        match shared.next_automatic() {
            Some(event) => deliver(&shared, &event).await,
            None => {
                // Either wakes it; which one does not matter.
                let _tick = tokio::time::timeout(TICK, shared.woken.notified()).await;
                shared.core().settle();
            }
        }
    }
}

async fn deliver(shared: &Shared, event: &webhooks::WebhookEvent) {
    for wait in WAITS.into_iter().map(Some).chain([None]) {
        let Some((url, secret, now)) = shared.destination() else {
            return;
        };
        let delivery = webhooks::send(&url, &secret, now, event).await;
        if delivery.taken() {
            return;
        }
        tracing::warn!(event = %event.id, name = %event.name, status = ?delivery.status, "webhook not taken");
        if let Some(wait) = wait {
            tokio::time::sleep(wait).await;
        }
    }
}
