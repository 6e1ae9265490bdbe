//! What is known of the prices that a flow's offers of another plan name: from the database while it is fresh, from Stripe
//! when it is not, and stale rather than not at all. Whatever is presented of it is looked at again when it is applied.

use futures_util::future::join_all;
use jiff::{SignedDuration, Timestamp};
use tracing::info;

use super::app::App;
use super::error::ServiceError;
use crate::billing::BreakerState;
use crate::domain::flow::FlowDocument;
use crate::domain::ids::PriceId;
use crate::domain::price::Prices;
use crate::store::KnownPrice;

/// How long a price is taken to be as it was; its amount never changes, its name and whether it is sold may.
const FRESH: SignedDuration = SignedDuration::from_hours(1);
/// How long a price that Stripe did not know is not asked for again.
const MISSING_FOR: SignedDuration = SignedDuration::from_mins(5);
/// The most prices that one request asks Stripe for; the next one asks for more.
const MAX_ASKED: usize = 20;

/// What is known of the prices that the flow names.
///
/// # Errors
/// When the database cannot be reached.
pub(super) async fn current(app: &App, flow: &FlowDocument) -> Result<Prices, ServiceError> {
    let wanted = flow.prices();
    if wanted.is_empty() {
        return Ok(Prices::default());
    }
    let known = app.store.prices(wanted.clone()).await?;
    refreshed(app, &wanted, known).await
}

/// The same to a caller that has read already what the database knows.
///
/// # Errors
/// When the database cannot be reached.
pub(super) async fn refreshed(
    app: &App,
    wanted: &[PriceId],
    mut known: Vec<KnownPrice>,
) -> Result<Prices, ServiceError> {
    let now = app.clock.now();
    let is_fresh = |id: &PriceId| known.iter().any(|known| known.id == *id && fresh(known, now));
    let asked: Vec<PriceId> = wanted.iter().filter(|id| !is_fresh(id)).take(MAX_ASKED).cloned().collect();
    if !asked.is_empty() && app.gateway.breaker() == BreakerState::Closed {
        let found = ask(app, &asked, now).await;
        known.retain(|known| found.iter().all(|found| found.id != known.id));
        known.extend(found.iter().cloned());
        if !found.is_empty() {
            app.store.put_prices(found).await?;
        }
    }
    let livemode = app.gateway.livemode();
    let prices = known.into_iter().filter_map(|known| known.price);
    Ok(Prices(prices.filter(|price| price.livemode == livemode).collect()))
}

fn fresh(known: &KnownPrice, now: Timestamp) -> bool {
    let age = now.duration_since(known.fetched_at);
    let limit = if known.price.is_some() { FRESH } else { MISSING_FOR };
    age < limit && age >= SignedDuration::ZERO
}

/// Asks Stripe for prices, side by side. What it does not answer in time is left out.
async fn ask(app: &App, ids: &[PriceId], now: Timestamp) -> Vec<KnownPrice> {
    let one = async |id: &PriceId| match tokio::time::timeout(
        app.settings.snapshot_deadline,
        app.gateway.price(id),
    )
    .await
    {
        Ok(Ok(price)) => Some(KnownPrice { id: id.clone(), price, fetched_at: now }),
        Ok(Err(error)) => {
            info!(price = %id, code = %error.code, "a price cannot be asked for now");
            None
        }
        Err(_elapsed) => None,
    };
    join_all(ids.iter().map(one)).await.into_iter().flatten().collect()
}
