//! Pods, with the whole of Bythos: the newcomer's first commands, faults in the middle of a rollout, a full memory, and
//! one cloud on which they have all that they are promised.
//!
//! How a single pod lives is tested with the node alone (`crates/engine/node/tests`); here it is what takes all parts.

mod cluster;
mod faults;
mod memory;
mod newcomer;
mod remains;
mod together;
