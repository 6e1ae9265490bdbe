//! `reconcile`: whether Stripe still shows what applied operations brought about.

use std::process::ExitCode;

use clap::Args;
use counteroffer::boot;
use counteroffer::clock::Clock;
use counteroffer::config::Config;
use counteroffer::services::reconcile::{self, Report};

use super::{Failure, say};

/// The exit status that tells of drift, apart from that of a comparison that could not be made.
const DRIFTED: u8 = 2;

/// What to do about what is found.
#[derive(Debug, Args)]
pub(crate) struct Options {
    /// Repair what is safe without a person; without it, nothing is changed in Stripe.
    #[arg(long)]
    repair: bool,
    /// Print the report as JSON.
    #[arg(long)]
    json: bool,
}

pub(crate) async fn run(config: &Config, options: Options) -> Result<ExitCode, Failure> {
    let app = boot::app(config, Clock::System).await?;
    let report = reconcile::everything(&app, options.repair).await.map_err(|error| format!("{error:?}"))?;
    app.store.close().await;
    if options.json {
        say(&serde_json::to_string_pretty(&report)?)?;
    } else {
        tell(&report)?;
    }
    if !report.not_compared.is_empty() {
        let count = report.not_compared.len();
        return Err(format!("{count} subscription(s) could not be compared; run it again later").into());
    }
    Ok(if report.left() == 0 { ExitCode::SUCCESS } else { ExitCode::from(DRIFTED) })
}

fn tell(report: &Report) -> Result<(), Failure> {
    for drift in &report.drift {
        let (state, kind) = (drift.state.as_str(), drift.kind.as_str());
        say(&format!("{}  {state}  {kind}  {}  {}", drift.id, drift.subscription, drift.operation))?;
        say(&format!("    expected: {}; found: {}", drift.expected, drift.found))?;
        say(&format!("    {}", drift.advice))?;
    }
    for id in &report.not_compared {
        say(&format!("not compared: {id}"))?;
    }
    let Report { subscriptions, asked, .. } = report;
    let left = report.left();
    Ok(say(&format!("{subscriptions} subscriptions, {asked} asked about in Stripe, {left} drifted"))?)
}
