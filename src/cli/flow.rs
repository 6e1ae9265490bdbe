//! `flow validate|publish FILE`.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::Subcommand;
use counteroffer::boot;
use counteroffer::config::Config;
use counteroffer::domain::flow::{self, FlowDocument, Format};
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
    let (Command::Validate { file } | Command::Publish { file }) = &command;
    let source = std::fs::read_to_string(file).map_err(|error| format!("{}: {error}", file.display()))?;
    let format = if file.extension().is_some_and(|end| end == "json") { Format::Json } else { Format::Yaml };
    let Some(document) = checked(file, &source, format)? else { return Ok(ExitCode::FAILURE) };
    match command {
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

fn checked(file: &Path, source: &str, format: Format) -> Result<Option<FlowDocument>, Failure> {
    let problems = match flow::parse(source, format) {
        Ok(document) => return Ok(Some(document)),
        Err(problems) => problems,
    };
    for problem in problems {
        let place = match (problem.line, problem.column) {
            (Some(line), Some(column)) => format!(":{line}:{column}"),
            _ => String::new(),
        };
        say(&format!("{}{place}: {} {}", file.display(), problem.pointer, problem.detail))?;
    }
    Ok(None)
}
