//! Logs of containers, in the format that CRI writes them (`kubernetes/cri-api`, "CRI log format").
//!
//! ```text
//! 2026-01-02T03:04:05.678901234Z stdout F a whole line
//! 2026-01-02T03:04:05.678901234Z stderr P the beginning of a long line
//! ```

mod files;
mod follow;
mod line;
mod options;
mod read;
mod rotate;

pub(crate) use self::files::latest_files;
pub(crate) use self::options::{LogOptions, OptionError};
pub(crate) use self::read::{LogSource, stream, tail_of};
pub(crate) use self::rotate::{files_of, keep_small};
