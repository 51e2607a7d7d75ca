//! What the fuzz targets share: how one input becomes several texts, a server, and a world for charts.
//!
//! Inputs are texts that a person can read and write: parts are divided by a line `----`, files are headed by a line
//! `==== path`.

mod server;
mod world;

pub use server::Server;
pub use world::Still;

use serde_json::Value;

/// A line of its own between two parts of an input.
const BORDER: &str = "\n----\n";
/// What begins the line before a file of an input.
const HEAD: &str = "==== ";

/// The parts of an input; `None` if there are not so many.
pub fn parts<const COUNT: usize>(input: &str) -> Option<[&str; COUNT]> {
    let parts: Vec<&str> = input.splitn(COUNT, BORDER).collect();
    parts.try_into().ok()
}

/// The parts of an input, each in JSON.
pub fn values<const COUNT: usize>(input: &str) -> Option<[Value; COUNT]> {
    let values: Option<Vec<Value>> =
        parts::<COUNT>(input)?.iter().map(|part| serde_json::from_str(part).ok()).collect();
    values?.try_into().ok()
}

/// The files of an input: path and content.
pub fn files(input: &str) -> Vec<(String, Vec<u8>)> {
    let file = |text: &str| {
        let (path, content) = text.split_once('\n')?;
        Some((path.to_owned(), content.as_bytes().to_vec()))
    };
    let marked = format!("\n{input}");
    marked.split(&format!("\n{HEAD}")).filter_map(file).collect()
}
