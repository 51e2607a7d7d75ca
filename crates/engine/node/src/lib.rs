//! The kubelet's work, on a real containerd.
//!
//! For the binary, which runs [`part`](fn@part) under its supervisor, ends everything with [`stop_all`], and builds and
//! imports images with [`build_image`] and [`import_image`].
//!
//! ```text
//! API ──caches──> pods/dispatch ──one worker per pod──> pods/worker ──CRI──> containerd ──> runc
//!  ^                   ^                                     │                   │
//!  │                   └── wake: what runs has changed <─────┼── events ─────────┘
//!  ├── pod status, events, deletion <────────────────────────┘
//!  ├── Node, Lease <── node_status
//!  ├── mirror pods <── pods/static_pods <── manifests in a folder
//!  ├── end of volumes <── claimed_volumes
//!  └── logs, streams <── kubelet_api (through the port that the API server calls)
//! ```
//!
//! CRI is the truth about what runs: what the node must remember is written on the containers themselves
//! (`cri/labels.rs`), so that a Bythos that starts again adopts all of it without restarting anything.
//! Containerd is this engine's own (`containerd/`): private mount namespace, session and cgroup. What it was asked for
//! goes on when Bythos is killed (`containerd/parking.rs`), so no container is started twice.
//!
//! Nothing here knows the API server, the store or the network's rules: it reaches the API through a
//! [`kube::Client`], and the CNI configuration is a file that somebody else writes.
//!
//! Left out: eviction under pressure (limits of a pod's own storage are enforced); resizing pods that run; checking that
//! a pod may use a private image which another one has pulled; the order of sidecars at the end of everything (`bythos
//! down`); a port of the kubelet's API for others than the API server, and its figures (`/metrics/resource`,
//! `/stats/summary`). What a pod may not ask for is listed in `pods/supported.rs`, and such a pod says so instead of
//! running as something else.

mod claimed_volumes;
mod config;
mod containerd;
mod cri;
mod host;
mod images;
mod kubelet_api;
mod logs;
mod node;
mod node_status;
mod part;
mod pods;
mod readable;
mod streams;
mod teardown;

pub use config::NodeConfig;
pub use images::archive::{ArchiveError, BuiltImage};
pub use images::build::{BuildError, build_image};
pub use images::clean_up::ImageGcPolicy;
pub use images::import::{ImportError, import_image};
pub use images::recipe::RecipeError;
pub use part::part;
pub use teardown::{StopError, stop_all};
