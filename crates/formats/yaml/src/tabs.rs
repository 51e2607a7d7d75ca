//! Tabs as indentation, which Go refuses outside of brackets and the parser, at places, does not.

use std::collections::BTreeMap;
use std::str::Chars;

use saphyr_parser::{Event, Marker, Span};

use crate::Error;

/// The lines that begin with blanks, markers (`-`, `?`, `:`) and a tab among them.
pub(crate) struct Tabs {
    /// In characters, where what follows begins; by the line, from 1.
    columns: BTreeMap<usize, usize>,
}

impl Tabs {
    pub(crate) fn of(text: &str) -> Tabs {
        let mut columns = BTreeMap::new();
        if text.contains('\t') {
            let lines = text.lines().enumerate();
            columns.extend(lines.filter_map(|(index, line)| Some((index + 1, tabbed_column(line)?))));
        }
        Tabs { columns }
    }

    fn lead_to(&self, marker: Marker) -> bool {
        self.columns.get(&marker.line()) == Some(&marker.col())
    }
}

/// Where the first text of the line begins, if a tab is before it.
fn tabbed_column(line: &str) -> Option<usize> {
    let mut rest = line;
    while let Some(next) = rest.strip_prefix([' ', '\t']).or_else(|| after_marker(rest)) {
        rest = next;
    }
    let before = line.strip_suffix(rest)?;
    before.contains('\t').then_some(before.len())
}

fn after_marker(text: &str) -> Option<&str> {
    text.strip_prefix(['-', '?', ':']).filter(|rest| rest.starts_with([' ', '\t']))
}

/// Watches the events of a text go by.
pub(crate) struct TabCheck<'t> {
    tabs: &'t Tabs,
    text: Cursor<'t>,
    /// How many lists and maps are open, from the outermost one in brackets on.
    in_brackets: usize,
}

impl<'t> TabCheck<'t> {
    pub(crate) fn new(tabs: &'t Tabs, text: &'t str) -> TabCheck<'t> {
        TabCheck { tabs, text: Cursor { rest: text.chars(), passed: 0 }, in_brackets: 0 }
    }

    /// # Errors
    /// A tab is the indentation of what begins here.
    pub(crate) fn check(&mut self, event: &Event<'_>, span: Span) -> Result<(), Error> {
        if self.tabs.columns.is_empty() {
            return Ok(());
        }
        if self.in_brackets == 0 && is_node(event) && self.tabs.lead_to(span.start) {
            return Err(Error::at(span.start, "a tab cannot be used as indentation"));
        }
        match event {
            Event::SequenceStart(..) | Event::MappingStart(..)
                if self.in_brackets > 0 || matches!(self.text.before(span.end), Some('[' | '{')) =>
            {
                self.in_brackets += 1;
            }
            Event::SequenceEnd | Event::MappingEnd => self.in_brackets = self.in_brackets.saturating_sub(1),
            _ => {}
        }
        Ok(())
    }
}

fn is_node(event: &Event<'_>) -> bool {
    matches!(event, Event::Scalar(..) | Event::Alias(_) | Event::SequenceStart(..) | Event::MappingStart(..))
}

/// Goes through a text once.
struct Cursor<'t> {
    rest: Chars<'t>,
    /// In characters.
    passed: usize,
}

impl Cursor<'_> {
    /// The character before the marker, which stands behind all markers before.
    fn before(&mut self, marker: Marker) -> Option<char> {
        let skipped = marker.index().checked_sub(self.passed + 1)?;
        self.passed = marker.index();
        self.rest.nth(skipped)
    }
}
