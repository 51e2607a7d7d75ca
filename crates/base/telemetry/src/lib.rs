//! Logs of Bythos itself.
//!
//! The server writes its log into a folder, one file a day, the last seven kept; what a command prints for people
//! never goes through here. The level is `info`; the setting `log`, for example `bythos_node=debug`, changes it.

use std::path::{Path, PathBuf};

use tracing_appender::non_blocking::{NonBlockingBuilder, WorkerGuard};
use tracing_appender::rolling::{RollingFileAppender, Rotation};
use tracing_subscriber::EnvFilter;

const DAYS_KEPT: usize = 7;
/// Lines that may wait for the disk; further ones are left out. The library takes 32 bytes for each of them at once, and
/// by itself would take four megabytes.
const WAITING_LINES_MAX: usize = 8_192;
const DEFAULT_FILTER: &str =
    "info,hickory_server=warn,hickory_net=warn,hickory_proto=warn,hickory_resolver=warn";

/// Logging cannot start.
#[derive(Debug, thiserror::Error)]
pub enum LogError {
    /// The filter is not one.
    #[error(
        "the log filter {filter:?} is not understood; expected for example \"info\" or \"bythos_node=debug\""
    )]
    ParseFilter {
        /// What was given.
        filter: String,
        /// The parser's words.
        #[source]
        source: tracing_subscriber::filter::ParseError,
    },
    /// The folder cannot be written.
    #[error("failed to open a log file in {directory:?}")]
    OpenFile {
        /// Which folder.
        directory: PathBuf,
        /// The library's words.
        #[source]
        source: tracing_appender::rolling::InitError,
    },
    /// Someone else in this process logs already.
    #[error("logging was started twice")]
    StartedTwice,
}

/// Writes what is left when it is dropped; keep it until the process ends.
#[must_use = "the log is cut off when this is dropped"]
#[derive(Debug)]
pub struct LogGuard {
    _worker: WorkerGuard,
}

/// Starts logging into `directory`, which exists. An absent `filter` means `info`.
///
/// # Errors
/// See [`LogError`].
pub fn log_to_files(directory: &Path, filter: Option<&str>) -> Result<LogGuard, LogError> {
    let filter = parse_filter(filter.unwrap_or(DEFAULT_FILTER))?;
    let files = RollingFileAppender::builder()
        .rotation(Rotation::DAILY)
        .filename_prefix("bythos")
        .filename_suffix("log")
        .max_log_files(DAYS_KEPT)
        .build(directory)
        .map_err(|source| LogError::OpenFile { directory: directory.to_owned(), source })?;
    let (writer, worker) =
        NonBlockingBuilder::default().buffered_lines_limit(WAITING_LINES_MAX).finish(files);
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_ansi(false)
        .with_writer(writer)
        .try_init()
        .map_err(|_| LogError::StartedTwice)?;
    Ok(LogGuard { _worker: worker })
}

fn parse_filter(filter: &str) -> Result<EnvFilter, LogError> {
    EnvFilter::builder()
        .parse(filter)
        .map_err(|source| LogError::ParseFilter { filter: filter.to_owned(), source })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_filter_that_is_not_one_is_named() {
        let error = parse_filter("bythos=loud").unwrap_err();
        assert!(error.to_string().contains("bythos=loud"), "{error}");
        assert!(parse_filter(DEFAULT_FILTER).is_ok());
    }

    #[test]
    fn lines_arrive_in_a_file_of_the_folder() {
        let folder = tempfile::tempdir().unwrap();
        let guard = log_to_files(folder.path(), None).unwrap();
        tracing::info!("hello from the log");
        drop(guard);
        let file = std::fs::read_dir(folder.path()).unwrap().next().unwrap().unwrap();
        let text = std::fs::read_to_string(file.path()).unwrap();
        assert!(text.contains("hello from the log"), "{text}");
    }
}
