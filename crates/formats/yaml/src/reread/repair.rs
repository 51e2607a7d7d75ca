//! What Go does not mind and the parser does, one function each.

use super::draft::Draft;
use crate::Error;

/// Changes the text at the place of an error; `None` if nothing there can be changed.
pub(super) type Repair = fn(&mut Draft, &Error) -> Option<()>;

/// By what the parser says.
pub(super) fn of(message: &str) -> Option<Repair> {
    match message {
        "invalid indentation" | "invalid indentation in flow construct" => Some(line_in_brackets),
        "invalid indentation in quoted scalar" => Some(quoted_lines),
        "tab cannot be used as indentation" => Some(quoted_lines_with_tabs),
        "':' must be followed by a valid YAML whitespace" => Some(tab_after_colon),
        _ => None,
    }
}

/// A line in brackets begins further left than the field that the brackets belong to.
fn line_in_brackets(draft: &mut Draft, error: &Error) -> Option<()> {
    draft.move_right(error.line..=error.line)
}

/// The lines of a quoted text do. What a line begins with is no part of the text, so all of them are moved; the error
/// stands where the text begins.
fn quoted_lines(draft: &mut Draft, error: &Error) -> Option<()> {
    let mut ends = QuoteEnd::default();
    let first = draft.line(error.line)?.chars().skip(error.column.checked_sub(1)?);
    if ends.is_in(first) {
        return None;
    }
    let more = draft.lines_from(error.line + 1).position(|line| ends.is_in(line.chars()))?;
    draft.move_right(error.line + 1..=error.line + 1 + more)
}

/// A line of a quoted text begins with a tab, and the error stands there. Which quote ends the text is not known, but up
/// to the first quote of any kind there is no end.
fn quoted_lines_with_tabs(draft: &mut Draft, error: &Error) -> Option<()> {
    let more = draft.lines_from(error.line).position(|line| line.contains(['"', '\'']))?;
    for number in error.line..=error.line + more {
        let line = draft.line(number)?;
        let text = line.trim_start_matches([' ', '\t']);
        let spaced = format!("{}{text}", " ".repeat(line.len() - text.len()));
        draft.replace(number, spaced)?;
    }
    // What is too far left still, now that tabs are gone, is the same fault as without them.
    Some(())
}

/// A tab parts a field's name from its value; the error stands behind it.
fn tab_after_colon(draft: &mut Draft, error: &Error) -> Option<()> {
    let line = draft.line(error.line)?;
    let (end, _) = line.char_indices().nth(error.column.checked_sub(1)?)?;
    let (before, value) = line.split_at_checked(end)?;
    let name = before.trim_end_matches([' ', '\t']);
    let blanks = before.len() - name.len();
    if blanks == 0 || !name.ends_with(':') {
        return None;
    }
    let spaced = format!("{name}{}{value}", " ".repeat(blanks));
    draft.replace(error.line, spaced)
}

/// Looks for the end of a quoted text, line by line.
#[derive(Default)]
struct QuoteEnd {
    /// The quote that the text began with.
    quote: Option<char>,
}

impl QuoteEnd {
    /// Whether the text ends in the line. The first one begins with its quote.
    fn is_in(&mut self, line: impl Iterator<Item = char>) -> bool {
        let mut rest = line.peekable();
        if self.quote.is_none() {
            self.quote = rest.next();
        }
        while let Some(next) = rest.next() {
            match (self.quote, next) {
                (Some('"'), '\\') => drop(rest.next()),
                (Some('\''), '\'') if rest.peek() == Some(&'\'') => drop(rest.next()),
                (quote, _) if quote == Some(next) => return true,
                _ => {}
            }
        }
        false
    }
}
