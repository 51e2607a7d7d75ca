//! What this crate promises, as tables.

mod read;
mod round_trip;
mod write;
