//! `sandbox`: the Stripe-compatible server alone, for trying a client of Stripe's against it.

use std::net::SocketAddr;
use std::process::ExitCode;

use clap::Args;
use counteroffer::clock::Clock;
use counteroffer::sandbox::{Sandbox, SandboxClock, SandboxConfig};
use secrecy::SecretString;
use url::Url;

use super::{Failure, say};

/// How to run the sandbox.
#[derive(Debug, Args)]
pub(crate) struct Options {
    /// Where to listen; port 0 takes a free one.
    #[arg(long, default_value = "127.0.0.1:12111")]
    listen: SocketAddr,
    /// Where webhooks go, as they happen; without it they wait at `/_sandbox/webhooks`.
    #[arg(long, value_name = "URL")]
    webhooks: Option<Url>,
    /// The only key that it takes.
    #[arg(long, default_value = "sk_test_sandbox")]
    key: String,
    /// What webhooks are signed with.
    #[arg(long, default_value = "whsec_sandbox")]
    webhook_secret: String,
}

/// Serves until it is interrupted.
pub(crate) async fn run(options: Options) -> Result<ExitCode, Failure> {
    let delivers = options.webhooks.is_some();
    let sandbox = Sandbox::start(SandboxConfig {
        addr: options.listen,
        secret_key: SecretString::from(options.key.as_str()),
        webhook_secret: SecretString::from(options.webhook_secret.as_str()),
        webhook_url: options.webhooks,
        clock: SandboxClock::Running { start: Clock::System.now() },
    })
    .await?;
    sandbox.auto_deliver(delivers);
    say(&format!("A sandbox in place of Stripe: {} with the key {}", sandbox.url(), options.key))?;
    tokio::signal::ctrl_c().await?;
    sandbox.stop().await;
    Ok(ExitCode::SUCCESS)
}
