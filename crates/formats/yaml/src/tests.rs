//! What this crate promises, as tables.

mod read;
mod reread;
mod round_trip;
mod source;
mod write;

use serde_json::Value;

use crate::{Limits, parse};

#[track_caller]
fn check(text: &str, expected: Value) {
    assert_eq!(parse(text, Limits::MANIFESTS), Ok(expected), "{text:?}");
}

#[track_caller]
fn check_error(text: &str, expected: &str) {
    let error = parse(text, Limits::MANIFESTS).expect_err(text);
    assert_eq!(error.to_string(), expected, "{text:?}");
}
