//! The command line.

mod cli;

use std::process::ExitCode;

use clap::Parser;

/// Requests make many short-lived texts, on one thread and freed on another: a sixth of what a begin costs went to glibc's
/// allocator.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

#[actix_web::main]
async fn main() -> ExitCode {
    match cli::run(cli::Arguments::parse()).await {
        Ok(code) => code,
        Err(error) => {
            cli::complain(&*error);
            ExitCode::FAILURE
        }
    }
}
