//! What can go wrong.

use std::path::PathBuf;
use std::sync::Arc;

use crate::{Expect, Key, Revision};

/// A transaction was not carried out; nothing of it is visible, now or later.
#[derive(Debug, Clone, thiserror::Error)]
pub enum CommitError {
    /// An expectation did not hold.
    #[error("expected {key:?} {expected:?}, found {found:?}")]
    Unexpected {
        /// Which object.
        key: Key,
        /// What was expected.
        expected: Expect,
        /// The revision of what is there; `None` if nothing is.
        found: Option<Revision>,
    },
    /// The disk refused; the text says what and where. Later writes are tried again when there is room.
    #[error("failed to write {file:?}")]
    Write {
        /// Which file.
        file: PathBuf,
        /// The system's words.
        #[source]
        source: Arc<std::io::Error>,
    },
    /// The store is closing.
    #[error("the store is closed")]
    Closed,
}

/// The store cannot be copied; the store itself is as before.
#[derive(Debug, thiserror::Error)]
pub enum BackupError {
    /// The system refused. What was written so far does not open as a store.
    #[error("failed to write the copy's {file:?}")]
    Io {
        /// Which file or folder.
        file: PathBuf,
        /// The system's words.
        #[source]
        source: std::io::Error,
    },
    /// A copy is made in a folder of its own.
    #[error("{directory:?} holds a store already; name a folder that is new or empty")]
    NotEmpty {
        /// The folder.
        directory: PathBuf,
    },
}

/// The store cannot be opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// The system refused.
    #[error("failed to open {file:?}")]
    Io {
        /// Which file or folder.
        file: PathBuf,
        /// The system's words.
        #[source]
        source: std::io::Error,
    },
    /// Another process has it open.
    #[error("the store in {directory:?} is in use by another process")]
    InUse {
        /// The folder.
        directory: PathBuf,
    },
    /// The file is damaged at a place that a crash does not explain.
    #[error("{file:?} is damaged at byte {offset}: {what}")]
    Damaged {
        /// Which file.
        file: PathBuf,
        /// Where in it.
        offset: u64,
        /// What was found there.
        what: String,
    },
}

/// The revision is not retained any more (or not reached yet): list again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("revision {asked:?} is not retained; the oldest is {oldest:?}, the newest is {newest:?}")]
pub struct Expired {
    /// What was asked for.
    pub asked: Revision,
    /// The oldest revision after which events are still known.
    pub oldest: Revision,
    /// The newest committed revision.
    pub newest: Revision,
}
