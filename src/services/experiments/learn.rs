//! What bandits learn: once a day their shares are reckoned from what had come of their customers when the day began.
//!
//! The shares of a day are a row that is written once, by whichever process is first. Processes read it as they read
//! newly published flows; no begin waits for it.

use jiff::Timestamp;
use jiff::tz::TimeZone;
use tracing::info;

use crate::domain::flow::Experiment;
use crate::domain::session::Status;
use crate::domain::statistics::{Arms, Outcome, thompson_shares};
use crate::services::app::App;
use crate::services::error::{Cause, ServiceError};

/// Reckons the shares of the day for those bandits that have none yet. Says how many those were.
///
/// # Errors
/// When the database cannot be reached.
pub async fn learn(app: &App) -> Result<usize, ServiceError> {
    let flow = app.flows.active(&app.settings.flow);
    let document = flow.document();
    if document.bandits().next().is_none() {
        return Ok(0);
    }
    let today = app.clock.now().to_zoned(TimeZone::UTC).date();
    let began = today.to_zoned(TimeZone::UTC).map_err(|error| ServiceError::Internal(Cause::new(error)))?;
    let (day, began): (String, Timestamp) = (today.to_string(), began.timestamp());
    let there = app.store.bandits_of_day(&document.key, &day).await?;
    let mut learnt = 0;
    for (key, experiment) in document.bandits().filter(|(key, _)| !there.contains(key)) {
        let livemode = app.gateway.livemode();
        let outcomes = app.store.experiment_outcomes(&document.key, key, livemode, began).await?;
        let shares = thompson_shares(&told(experiment, &outcomes), experiment.floor_percent.unwrap_or(0));
        if app.store.put_bandit_shares(&document.key, key, &day, &shares).await? {
            info!(experiment = %key, %day, ?shares, "a bandit has new shares");
            learnt += 1;
        }
    }
    app.flows.refresh(&app.store).await?;
    Ok(learnt)
}

/// Saves and other outcomes of the arms that the experiment has. Who is in its holdout by the flow's own alone is none of
/// its customers.
fn told(experiment: &Experiment, outcomes: &[Outcome]) -> Arms {
    let mut arms: Arms = experiment.arms.keys().map(|key| (key.clone(), (0, 0))).collect();
    let closed = outcomes.iter().filter(|outcome| outcome.over && outcome.status != Status::InProgress);
    for outcome in closed {
        let Some((saves, others)) = arms.get_mut(&outcome.arm) else { continue };
        let customers = u32::try_from(outcome.customers).unwrap_or(u32::MAX);
        let counted = if outcome.status == Status::Saved { saves } else { others };
        *counted = counted.saturating_add(customers);
    }
    arms
}
