//! `flow validate|publish FILE`.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::Subcommand;
use counteroffer::boot;
use counteroffer::config::Config;
use counteroffer::domain::flow::{self, Format, Problem, Reviewed};
use counteroffer::services::flows::Flows;
use counteroffer::services::publish;

use super::{Failure, say};

/// What to do with a flow document.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Check a document and print everything that is wrong with it.
    Validate {
        /// YAML, or JSON when the name ends in `.json`.
        file: PathBuf,
        /// Take warnings for errors.
        #[arg(long)]
        strict: bool,
    },
    /// Check a document and publish it as a new version.
    Publish {
        /// YAML, or JSON when the name ends in `.json`.
        file: PathBuf,
    },
}

pub(crate) async fn run(
    config: impl FnOnce() -> Result<Config, Failure>,
    command: Command,
) -> Result<ExitCode, Failure> {
    let (Command::Validate { file, .. } | Command::Publish { file }) = &command;
    let source = std::fs::read_to_string(file).map_err(|error| format!("{}: {error}", file.display()))?;
    let format = if file.extension().is_some_and(|end| end == "json") { Format::Json } else { Format::Yaml };
    let Reviewed { document, warnings } = match flow::review(&source, format) {
        Ok(reviewed) => reviewed,
        Err(problems) => {
            problems.iter().try_for_each(|problem| report(file, "", problem))?;
            return Ok(ExitCode::FAILURE);
        }
    };
    warnings.iter().try_for_each(|warning| report(file, "warning: ", warning))?;
    match command {
        Command::Validate { strict: true, .. } if !warnings.is_empty() => return Ok(ExitCode::FAILURE),
        Command::Validate { .. } => {
            say(&format!("{}: flow `{}` is valid", file.display(), document.key))?;
        }
        Command::Publish { .. } => {
            let store = boot::store(&config()?).await?;
            let now = counteroffer::clock::Clock::System.now();
            let flows = Flows::default();
            let published =
                publish::publish(&store, &flows, &document.key, &source, format, "command line", now);
            let published = published.await.map_err(|error| format!("not published: {error}"))?;
            say(&format!("flow `{}` version {} published", document.key, published.version))?;
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// Prints a problem or a warning with its place.
fn report(file: &Path, kind: &str, problem: &Problem) -> Result<(), Failure> {
    let place = match (problem.line, problem.column) {
        (Some(line), Some(column)) => format!(":{line}:{column}"),
        _ => String::new(),
    };
    say(&format!("{}{place}: {kind}{} {}", file.display(), problem.pointer, problem.detail))?;
    Ok(())
}
