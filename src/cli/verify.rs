//! `verify`: whether all that is kept fits together.

use std::process::ExitCode;

use clap::Args;
use counteroffer::boot;
use counteroffer::clock::Clock;
use counteroffer::config::Config;
use counteroffer::services::verify::{Verified, verify};

use super::{Failure, say};

/// How to verify.
#[derive(Debug, Args)]
pub(crate) struct Options {
    /// Ask Stripe too whether it shows the effect of each applied operation once, and of no refused one.
    #[arg(long)]
    stripe: bool,
    /// Print what was found as JSON.
    #[arg(long)]
    json: bool,
}

pub(crate) async fn run(config: &Config, options: Options) -> Result<ExitCode, Failure> {
    let verifying = boot::verifying(config, options.stripe, &Clock::System)?;
    let verified = verify(verifying).await?;
    if options.json {
        say(&serde_json::to_string_pretty(&verified)?)?;
    } else {
        tell(&verified)?;
    }
    if !verified.not_asked.is_empty() {
        let count = verified.not_asked.len();
        return Err(
            format!("{count} subscription(s) could not be compared with Stripe; run it again later").into()
        );
    }
    Ok(if verified.violations.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn tell(verified: &Verified) -> Result<(), Failure> {
    for violation in &verified.violations {
        let ids = violation.ids.join("  ");
        say(&format!("{}  {ids}  {}", violation.invariant.as_str(), violation.what))?;
    }
    for id in &verified.not_asked {
        say(&format!("not compared with Stripe: {id}"))?;
    }
    let Verified { sessions, operations, asked, violations, .. } = verified;
    let count = violations.len();
    Ok(say(&format!(
        "{sessions} sessions, {operations} operations, {asked} subscriptions asked about in Stripe, {count} violations"
    ))?)
}
