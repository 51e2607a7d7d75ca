//! Texts that the parser refuses and Go reads: where the parser stops, the text is changed so that it means the same to
//! Go, and read again.

mod draft;
mod repair;

use saphyr_parser::ScanError;

use crate::Error;
use draft::Draft;
use repair::Repair;

/// Why a text could not be read.
pub(crate) struct Fault {
    error: Error,
    /// What makes a text of it that can be read, or can be read further.
    repair: Option<Repair>,
}

impl From<Error> for Fault {
    fn from(error: Error) -> Fault {
        Fault { error, repair: None }
    }
}

impl From<ScanError> for Fault {
    fn from(error: ScanError) -> Fault {
        let repair = repair::of(error.info());
        Fault { error: error.into(), repair }
    }
}

/// Reads, and reads again while there is something to repair; all readings after the first together take no more than so
/// many bytes.
pub(crate) fn read<T>(
    text: &str,
    bytes_max: usize,
    mut read_once: impl FnMut(&str) -> Result<T, Fault>,
) -> Result<T, Error> {
    let mut fault = match read_once(text) {
        Ok(value) => return Ok(value),
        Err(fault) => fault,
    };
    let mut draft = Draft::new(text, bytes_max);
    loop {
        let Fault { error, repair } = fault;
        let Some(text) = repair.and_then(|repair| repair(&mut draft, &error)).and_then(|()| draft.text())
        else {
            return Err(error);
        };
        fault = match read_once(&text) {
            Ok(value) => return Ok(value),
            Err(fault) => fault,
        };
    }
}
