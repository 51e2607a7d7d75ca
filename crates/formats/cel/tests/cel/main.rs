//! Rules as they are found in the field, and expressions that nobody would write.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::needless_pass_by_value,
    reason = "what tests share states what must hold in the shortest way, too"
)]

mod field;
mod properties;
