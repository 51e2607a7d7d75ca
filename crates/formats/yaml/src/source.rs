//! A text before it is read: what Go refuses whatever it means, and what the parser must not see.

use std::borrow::Cow;

use crate::events::Events;
use crate::limits::Budget;
use crate::reread::{self, Fault};
use crate::tabs::Tabs;
use crate::{Error, Limits, byte_order_mark};

/// A text that may be read.
pub(crate) struct Source<'t> {
    text: Cow<'t, str>,
    tabs: Tabs,
    limits: Limits,
}

impl<'t> Source<'t> {
    /// # Errors
    /// The text is too long, holds what no text may hold, or is written in another YAML.
    pub(crate) fn new(text: &'t str, limits: Limits) -> Result<Source<'t>, Error> {
        Budget::new(limits).check_text(text).map_err(Error::of_text)?;
        let text = byte_order_mark::without_first(text);
        check_characters(text)?;
        check_directives(text)?;
        Ok(Source { text: byte_order_mark::hide(text), tabs: Tabs::of(text), limits })
    }

    /// Reads the text by its events, again and again while the parser stops where Go does not.
    pub(crate) fn read<T>(
        &self,
        mut read_once: impl FnMut(Events<'_>) -> Result<T, Fault>,
    ) -> Result<T, Error> {
        reread::read(&self.text, self.limits.bytes_max, |text| read_once(Events::of(text, &self.tabs)))
    }
}

fn check_characters(text: &str) -> Result<(), Error> {
    let refused = text.char_indices().find(|(_, character)| !is_allowed(*character));
    let Some((at, character)) = refused else { return Ok(()) };
    let before = text.get(..at).unwrap_or_default();
    let line = before.rsplit('\n').next().unwrap_or_default();
    Err(Error {
        line: 1 + before.matches('\n').count(),
        column: 1 + line.chars().count(),
        message: format!("control characters are not allowed, found {character:?}"),
    })
}

/// Go's reader, of whatever the character is a part.
fn is_allowed(character: char) -> bool {
    matches!(character,
        '\t' | '\n' | '\r' | ' '..='~' | '\u{85}' | '\u{a0}'..='\u{fffd}' | '\u{10000}'..='\u{10ffff}')
}

/// Checks the lines that begin with `%` before the first document.
fn check_directives(text: &str) -> Result<(), Error> {
    for (index, line) in text.lines().enumerate() {
        let Some(directive) = line.strip_prefix('%') else {
            if line.trim().is_empty() || line.trim_start().starts_with('#') {
                continue;
            }
            break;
        };
        let mut words = directive.split_ascii_whitespace();
        let message = match (words.next(), words.next()) {
            (Some("YAML"), Some("1.1")) | (Some("TAG"), _) => continue,
            (Some("YAML"), version) => {
                format!("expected YAML 1.1, found version {:?}", version.unwrap_or_default())
            }
            (name, _) => format!("unknown directive {:?}", name.unwrap_or_default()),
        };
        return Err(Error { line: index + 1, column: 1, message });
    }
    Ok(())
}
