//! Lists and maps in brackets, with lines that begin further left than the parser allows: Go does not care.
//!
//! Where the parser stops at such a line, the line is moved to the right and the text read again.

use saphyr_parser::ScanError;

use crate::Error;

/// Why a text could not be read.
pub(crate) enum Fault {
    /// A line in brackets begins too far left.
    Line {
        /// From 1.
        line: usize,
        error: Error,
    },
    Other(Error),
}

impl From<Error> for Fault {
    fn from(error: Error) -> Fault {
        Fault::Other(error)
    }
}

impl From<ScanError> for Fault {
    fn from(error: ScanError) -> Fault {
        let is_line = matches!(error.info(), "invalid indentation" | "invalid indentation in flow construct");
        let line = error.marker().line();
        let error = Error::from(error);
        if is_line { Fault::Line { line, error } } else { Fault::Other(error) }
    }
}

/// Reads, and reads again while there are lines to move; all readings after the first together take no more than so many
/// bytes.
pub(crate) fn read<T>(
    text: &str,
    bytes_max: usize,
    mut read_once: impl FnMut(&str) -> Result<T, Fault>,
) -> Result<T, Error> {
    let (mut line, mut error) = match read_once(text) {
        Ok(value) => return Ok(value),
        Err(Fault::Other(error)) => return Err(error),
        Err(Fault::Line { line, error }) => (line, error),
    };
    let right = " ".repeat(1 + text.lines().map(indentation).max().unwrap_or(0));
    let mut lines: Vec<String> = text.split_inclusive('\n').map(str::to_owned).collect();
    let mut bytes_left = bytes_max;
    loop {
        let moved = line.checked_sub(1).and_then(|index| lines.get_mut(index));
        let Some(moved) = moved.filter(|moved| !moved.starts_with(&right)) else { return Err(error) };
        moved.insert_str(0, &right);
        let text = lines.concat();
        let Some(left) = bytes_left.checked_sub(text.len()) else { return Err(error) };
        bytes_left = left;
        (line, error) = match read_once(&text) {
            Ok(value) => return Ok(value),
            Err(Fault::Other(error)) => return Err(error),
            Err(Fault::Line { line, error }) => (line, error),
        };
    }
}

fn indentation(line: &str) -> usize {
    line.len() - line.trim_start_matches(' ').len()
}
