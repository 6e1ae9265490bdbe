//! The command line.

mod cli;

use std::process::ExitCode;

use clap::Parser;

/// Requests make texts of some kilobytes on one thread that are freed on another. glibc's allocator scatters its memory over
/// them: after some ten thousand begins it takes twice as long as at first, a quarter of a begin's processor time.
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
