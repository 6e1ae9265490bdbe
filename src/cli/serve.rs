//! `serve`: the API and the worker, until told to stop.

use std::process::ExitCode;

use clap::Args;
use counteroffer::boot;
use counteroffer::clock::Clock;
use counteroffer::config::Config;
use counteroffer::store;
use tracing::info;

use super::Failure;

/// How to serve.
#[derive(Debug, Args)]
pub(crate) struct Options {
    /// Bring the schema up to date first.
    #[arg(long)]
    migrate: bool,
}

pub(crate) async fn run(config: Config, options: Options) -> Result<ExitCode, Failure> {
    boot::log(&config.log)?;
    if options.migrate || config.database.migrate_on_start {
        store::migrate(&boot::database_url(&config)?).await?;
    }
    let app = boot::app(&config, Clock::System).await?;
    let running = boot::start(app, &config)?;
    let ending = boot::told_to_end()?;
    info!(address = %running.address(), "serving");
    running.until(ending).await?;
    info!("stopped");
    Ok(ExitCode::SUCCESS)
}
