//! `token`: mint a customer token, as the app's back end would.

use std::process::ExitCode;

use clap::Args;
use counteroffer::config::Config;
use counteroffer::domain::ids::{CustomerId, SubscriptionId};
use counteroffer::http::auth::mint;

use super::{Failure, say};

/// What the token says.
#[derive(Debug, Args)]
pub(crate) struct Options {
    /// The app's customer id, or Stripe's `cus_…`.
    #[arg(long)]
    customer: CustomerId,
    /// The subscription the token is for.
    #[arg(long)]
    subscription: Option<SubscriptionId>,
    /// Seconds until it expires, at most 900.
    #[arg(long, default_value_t = 900, value_parser = clap::value_parser!(u32).range(1..=900))]
    ttl: u32,
}

pub(crate) fn run(config: &Config, options: Options) -> Result<ExitCode, Failure> {
    let now = counteroffer::clock::Clock::System.now();
    let token = mint(&config.auth, &options.customer, options.subscription.as_ref(), options.ttl, now)?;
    say(&token)?;
    Ok(ExitCode::SUCCESS)
}
