//! What every part of Bythos stands on; it knows none of them.
//!
//! A *part* is one value of [`Part`]: its name, the resource types that it brings, the role that it needs, its
//! named listeners and the function that runs it. The binary goes through its table of parts and gives each a
//! [`PartContext`]: a client under the part's own identity, the shared [`caches`](PartCaches), its data folder,
//! its listeners and a [`Health`] to report on.
//!
//! Data flows one way through a controller:
//!
//! ```text
//! API server ──watch──> Cache<K> (one per kind in the process) ──change──> Controller's queue of keys
//!                                                                               │ one worker per key
//!            <──server-side apply, status── reconcile(key) <────────────────────┘
//! ```
//!
//! Everything here talks to a [`kube::Client`] and nothing else, so the same part runs on the embedded engine and
//! on any Kubernetes. Nothing here opens a socket, reads the environment or knows a kind of a capability.

pub mod apply;
pub mod cache;
pub mod condition;
pub mod controller;
pub mod event;
pub mod health;
mod index;
mod kinds;
pub mod kubelet;
pub mod names;
pub mod part;
mod queue;
mod raw;

pub use cache::{Cache, Caches, PartCaches};
pub use controller::{Controller, Next, ObjectKey};
pub use health::{Health, HealthReport, HealthState};
pub use index::Index;
pub use part::{Listener, ListenerSpec, Part, PartContext, PlatformInfo, Reach};

/// An error of which only the text and its sources matter to the one who gets it.
pub type BoxError = Box<dyn std::error::Error + Send + Sync>;

/// A text of at most `bytes_max` bytes; what was cut off shows as `…`.
pub fn shortened(mut text: String, bytes_max: usize) -> String {
    if text.len() > bytes_max {
        text.truncate(text.floor_char_boundary(bytes_max.saturating_sub('…'.len_utf8())));
        text.push('…');
    }
    text
}

/// The chain of an error's sources in one line, without the repeats that appear where a message already
/// contains its source's.
pub fn error_chain(error: &(dyn std::error::Error + 'static)) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        let cause_text = cause.to_string();
        if !text.contains(&cause_text) {
            text.push_str(": ");
            text.push_str(&cause_text);
        }
        source = cause.source();
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_never_goes_over_what_is_taken() {
        let cut = shortened("ä".repeat(1024), 1024);
        assert!(cut.len() <= 1024 && cut.ends_with("ä…"), "{cut}");
        assert_eq!(shortened("short".to_owned(), 5), "short");
    }
}
