//! The pods of this node: one worker each, which brings what runs in line with what the API says.
//!
//! ```text
//! Cache<Pod> ──────────┐                      ┌─> volumes, image, container ─> CRI
//! CRI (snapshot) ──────┼─ wake ─> worker ─ plan ┤
//! probes, pulls, stops ┘   (one per pod)      └─> status ─> API
//! ```
//!
//! A worker is told only that something may have changed. It then looks: at the API's object in the cache, and at
//! CRI for what runs. It keeps nothing that it could not find again, except how long to hold back from repeating
//! what failed.

pub(crate) mod admission;
pub(crate) mod container;
pub(crate) mod dispatch;
pub(crate) mod environment;
pub(crate) mod eviction;
pub(crate) mod fields;
pub(crate) mod hooks;
pub(crate) mod image;
pub(crate) mod network;
pub(crate) mod objects;
pub(crate) mod observe;
pub(crate) mod paths;
pub(crate) mod plan;
pub(crate) mod pod_cgroup;
pub(crate) mod probes;
pub(crate) mod report;
pub(crate) mod resource_field;
pub(crate) mod resources;
pub(crate) mod restart;
pub(crate) mod run;
pub(crate) mod runtime;
pub(crate) mod sandbox;
pub(crate) mod security;
pub(crate) mod spec;
pub(crate) mod start;
pub(crate) mod static_pods;
pub(crate) mod status;
pub(crate) mod stop;
pub(crate) mod sub_path;
pub(crate) mod supported;
pub(crate) mod terminate;
pub(crate) mod tokens;
pub(crate) mod volumes;
pub(crate) mod worker;
