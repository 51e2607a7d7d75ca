//! Behaviour of the whole part, against the engine in process and real git over HTTP.

mod charts;
mod commands;
mod faults;
mod git;
mod harness;
mod helm;
mod helmreleases;
mod kustomizations;
mod leading;
mod lossy;
mod releases;
mod remote;
mod repositories;
mod shape;
mod site;
mod sources;
mod ssh;
mod wishes;
