//! Revisioned objects: served from memory, kept on disk, watched from any retained revision.
//!
//! For the API server alone. It stores bytes and knows nothing of Kubernetes, JSON or HTTP.
//!
//! ```text
//! commit ──queue──> writer: check a group against the state ──> encode ──> append, one sync ──┐
//!    <── acknowledge ── wake watches <── the group becomes visible in memory <────────────────┘
//!                                        │
//! get, list, watch <─────────────────────┘ (never touch the disk, never wait for it)
//! ```
//!
//! Memory is the serving copy and the disk is the truth. Transactions that arrive together share one sync, and
//! those who were answered together are expected together again; each is checked against the effect of those before it,
//! and none is seen by anybody before it is durable. A thread writes for those who queue; one who is alone writes on its
//! own thread. The newest events are kept in memory, bounded in bytes and, by [`Options::history_events`], in number; watches resume from them and lists
//! of an older revision are rebuilt from them. On disk the store is a snapshot and the log of what came after it;
//! a log that has outgrown the live objects is replaced by a new snapshot while the store goes on. A copy of it all can
//! be made at any time ([`Store::back_up`]).

mod error;
mod event;
mod object;
mod store;
mod transaction;

mod disk;
mod group;
mod state;
mod watch;
mod writer;

pub use error::{BackupError, CommitError, Expired, OpenError};
pub use event::{Event, EventKind};
pub use object::{Entry, Key, Listing, Page, Revision, Scope};
pub use store::{Options, Store};
pub use transaction::{Change, Encode, Expect, Operation};
pub use watch::Watch;

#[cfg(test)]
mod testing;
#[cfg(test)]
mod tests;
