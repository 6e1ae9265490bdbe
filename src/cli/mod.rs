//! One file per command. A command reads its arguments and the configuration, calls one use case, and prints what came
//! of it; nothing is decided here.

mod demo;
mod flow;
mod keys;
mod reconcile;
mod sandbox;
mod serve;
mod token;
mod verify;
mod walk;

use std::io::{self, Write};
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Parser, Subcommand};
use counteroffer::config::Config;
use counteroffer::store;

/// What a command fails with; printed, never sent anywhere.
pub(crate) type Failure = Box<dyn std::error::Error>;

/// Answers a subscriber's cancellation with save offers and updates Stripe exactly once.
#[derive(Debug, Parser)]
#[command(name = "counteroffer", version, about)]
pub(crate) struct Arguments {
    /// A TOML file with configuration; the environment goes before it.
    #[arg(long, global = true, env = "COUNTEROFFER_CONFIG", value_name = "FILE")]
    config: Option<PathBuf>,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Serve the API and run the worker.
    Serve(serve::Options),
    /// Play one cancellation through the real API on a sandbox in place of Stripe, and go on serving.
    Demo(demo::Options),
    /// Serve the sandbox in place of Stripe alone, for trying clients of Stripe's against it.
    Sandbox(sandbox::Options),
    /// Bring the database's schema up to date.
    Migrate,
    /// Manage API keys.
    #[command(subcommand)]
    Keys(keys::Command),
    /// Mint a customer token for trying things out.
    Token(token::Options),
    /// Check and publish flow documents.
    #[command(subcommand)]
    Flow(flow::Command),
    /// Compare what applied operations brought about with what Stripe shows now.
    Reconcile(reconcile::Options),
    /// Verify that all that is kept fits together; with `--stripe`, that Stripe shows each effect once.
    Verify(verify::Options),
    /// Print the OpenAPI document.
    Openapi,
}

/// Runs a command.
pub(crate) async fn run(arguments: Arguments) -> Result<ExitCode, Failure> {
    if let Command::Openapi = arguments.command {
        say(counteroffer::http::json(&counteroffer::http::document()).trim_end())?;
        return Ok(ExitCode::SUCCESS);
    }
    let config =
        || -> Result<Config, Failure> { Ok(Config::load(arguments.config.as_deref(), std::env::vars())?) };
    match arguments.command {
        Command::Serve(options) => serve::run(config()?, options).await,
        Command::Demo(options) => demo::run(options).await,
        Command::Sandbox(options) => sandbox::run(options).await,
        Command::Migrate => migrate(&config()?).await,
        Command::Keys(command) => keys::run(&config()?, command).await,
        Command::Token(options) => token::run(&config()?, options),
        Command::Reconcile(options) => reconcile::run(&config()?, options).await,
        Command::Verify(options) => verify::run(&config()?, options).await,
        Command::Flow(command) => flow::run(config, command).await,
        Command::Openapi => Ok(ExitCode::SUCCESS),
    }
}

async fn migrate(config: &Config) -> Result<ExitCode, Failure> {
    let applied = store::migrate(&counteroffer::boot::database_url(config)?).await?;
    if applied.is_empty() {
        say("The schema is up to date.")?;
    }
    for name in applied {
        say(&format!("applied {name}"))?;
    }
    Ok(ExitCode::SUCCESS)
}

/// Prints a line to standard output.
pub(crate) fn say(line: &str) -> io::Result<()> {
    let mut out = io::stdout().lock();
    writeln!(out, "{line}")?;
    out.flush()
}

/// Prints what a command failed with to standard error.
pub(crate) fn complain(error: &dyn std::error::Error) {
    // Nobody is left to tell when standard error is closed.
    let _closed = writeln!(io::stderr().lock(), "counteroffer: {error}");
}
