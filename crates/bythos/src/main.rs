//! A private cloud in one binary.
//!
//! This crate is the composition: the command line, the start-up, and the one [table](parts) that lists the parts.
//! It is the only crate that sees them all, and it goes through the table without knowing what they do.

mod cli;
mod down;
mod gitops;
mod host;
mod idle;
mod image;
mod init;
mod install;
mod kubeconfig;
mod layout;
mod lock;
mod parts;
mod progress;
mod publish;
mod settings;
mod status;
mod supervisor;
mod tls;
mod up;

use std::process::ExitCode;
use std::time::Duration;

use clap::Parser as _;

const LAST_MOMENT: Duration = Duration::from_secs(1);

fn main() -> ExitCode {
    idle::bound_allocator();
    if rustls::crypto::aws_lc_rs::default_provider().install_default().is_err() {
        // Only this line installs a provider; a second one in the process would be a defect of this build.
        return fail(&anyhow::anyhow!("a TLS provider is installed already"));
    }
    let command = cli::Cli::parse();
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => return fail(&error.into()),
    };
    // Boxed: the runtime would hold a copy of all commands' code for each way in which it polls.
    let outcome = runtime.block_on(Box::pin(command.run()));
    // Whatever still blocks a thread ends with the process.
    runtime.shutdown_timeout(LAST_MOMENT);
    outcome.unwrap_or_else(|error| fail(&error))
}

#[allow(
    clippy::print_stderr,
    reason = "the one place where a failed command speaks to the person who gave it"
)]
fn fail(error: &anyhow::Error) -> ExitCode {
    eprintln!("bythos: {}", bythos_operator::error_chain(error.as_ref()));
    ExitCode::FAILURE
}
