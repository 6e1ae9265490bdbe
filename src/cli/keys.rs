//! `keys create|list|revoke`.

use std::process::ExitCode;

use clap::Subcommand;
use counteroffer::boot;
use counteroffer::config::Config;
use counteroffer::domain::ids::ApiKeyId;
use counteroffer::services::keys::{self, Role};
use secrecy::ExposeSecret;

use super::{Failure, say};

/// What to do with API keys.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Make a key and print it; it is shown this once.
    Create {
        /// server, analyst, operator or admin.
        #[arg(long)]
        role: Role,
        /// What the key is for, in your words.
        #[arg(long)]
        name: String,
    },
    /// List keys.
    List,
    /// Revoke a key.
    Revoke {
        /// The key's id, `key_…`.
        id: ApiKeyId,
    },
}

pub(crate) async fn run(config: &Config, command: Command) -> Result<ExitCode, Failure> {
    let store = boot::store(config).await?;
    let clock = counteroffer::clock::Clock::System;
    match command {
        Command::Create { role, name } => {
            let (id, key) = keys::create(&store, &name, role, clock.now()).await?;
            say(&format!("{id}  {}", role.as_str()))?;
            say(key.expose_secret())?;
        }
        Command::List => {
            for key in keys::list(&store).await? {
                let state =
                    key.revoked_at.map_or_else(|| "in force".to_owned(), |at| format!("revoked {at}"));
                say(&format!("{}  {:<8}  {}  {}", key.id, key.role.as_str(), state, key.name))?;
            }
        }
        Command::Revoke { id } => {
            if !keys::revoke(&store, id, clock.now()).await? {
                return Err(format!("there is no key {id} in force").into());
            }
            say(&format!("{id}  revoked"))?;
        }
    }
    Ok(ExitCode::SUCCESS)
}
