//! Behaviour of the whole part, against the engine in process and real git over HTTP.

mod commands;
mod faults;
mod harness;
mod helmreleases;
mod kustomizations;
mod leading;
mod lossy;
mod releases;
mod sources;
mod ssh;
mod wishes;
