//! Behaviour of the whole part, against the engine in process and real git over HTTP.

mod harness;
mod kustomizations;
mod sources;
