//! What the benches share: medians, and the place of their figures in the README.

use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};

/// The folder of the workspace.
///
/// # Errors
/// The benches were moved out of it.
pub fn workspace() -> Result<PathBuf> {
    let own = Path::new(env!("CARGO_MANIFEST_DIR"));
    Ok(own.parent().context("the benches lie in the workspace")?.to_owned())
}

/// The figure in the middle; of an even number the upper one.
///
/// # Errors
/// There is none.
pub fn median<T: Ord>(figures: impl IntoIterator<Item = T>) -> Result<T> {
    let mut figures: Vec<T> = figures.into_iter().collect();
    figures.sort_unstable();
    let middle = figures.len() / 2;
    figures.into_iter().nth(middle).context("there was no round")
}

/// Puts a bench's text between its markers in the README.
///
/// # Errors
/// The README cannot be read or written, or has no such markers.
pub fn write_into_readme(bench: &str, text: &str) -> Result<()> {
    let readme = workspace()?.join("README.md");
    let (begin, end) = (
        format!("<!-- figures of benches/{bench}: begin -->"),
        format!("<!-- figures of benches/{bench}: end -->"),
    );
    let before = std::fs::read_to_string(&readme)?;
    let (head, rest) = before
        .split_once(&begin)
        .with_context(|| format!("the README has no place for the figures of {bench}"))?;
    let (_, tail) =
        rest.split_once(&end).with_context(|| format!("the README's place for {bench} has no end"))?;
    std::fs::write(&readme, format!("{head}{begin}\n{text}{end}{tail}"))?;
    Ok(())
}
