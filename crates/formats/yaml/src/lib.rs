//! YAML as Go's Kubernetes libraries read and write it: bytes in, JSON values out, and back.
//!
//! For everything that reads what people wrote for Kubernetes. "Go's rules" are those of `sigs.k8s.io/yaml` on
//! `go.yaml.in/yaml/v2`, which kubectl, Helm and the API server use: YAML 1.1 scalars (`yes` is a boolean, `0644` is
//! octal), then JSON (no non-string keys, `1e3` is `1000`).
//!
//! ```text
//! text ──source, saphyr-parser──> events ──build──> Value     scalars resolved, aliases and merge keys copied in
//! Value ──emit──> text                                        keys sorted, quoted only where reading would differ
//! ```
//!
//! The parser reads YAML 1.2 and Go 1.1. What only one of them accepts or what they read differently is dealt with in
//! `source`, `events` and `reread`, as far as it is known to matter. Not followed: to Go, U+0085, U+2028 and U+2029 are
//! line breaks; tabs on blank lines after an unquoted text are refused; tabs may be the indentation of what stands in
//! brackets that a field holds; `-0.0` stays negative.
//!
//! Every reader takes [`Limits`]: no text can make it run long or build more than it was allowed to. Nothing here
//! does I/O or knows what the values mean.

mod build;
mod byte_order_mark;
mod emit;
mod error;
mod events;
mod key_order;
mod limits;
mod number;
mod parse;
mod pick;
mod repeat;
mod reread;
mod scalar;
mod source;
mod tabs;
mod timestamp;

pub use emit::{to_string, to_string_pretty};
pub use error::Error;
pub use limits::Limits;
pub use parse::{parse, parse_all, parse_all_by, parse_only};
pub use repeat::{RepeatedKey, repeated_keys};
pub use scalar::plain_value;

#[cfg(test)]
mod tests;

/// Whose reading of YAML.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Rules {
    /// `go.yaml.in/yaml/v2` through `sigs.k8s.io/yaml`: kubectl, Helm, the API server, kustomize's own file.
    #[default]
    Go2,
    /// `go.yaml.in/yaml/v3`, through which kustomize reads manifests: `yes` is a text, a date becomes a point in time,
    /// a key that is there twice or is no text is refused, and a merge key fills only what is missing.
    Go3,
}
