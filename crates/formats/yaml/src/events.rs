//! The parser's events, with what it takes otherwise than Go set right.

use saphyr_parser::{Event, Parser, ScalarStyle, Span, StrInput};

use crate::byte_order_mark;
use crate::reread::Fault;
use crate::tabs::{TabCheck, Tabs};

/// The events of a text in their order.
pub(crate) struct Events<'t> {
    parser: Parser<'t, StrInput<'t>>,
    tab_check: TabCheck<'t>,
    hides_marks: bool,
    /// In characters, where the text ends without a line break.
    open_end: Option<usize>,
}

impl<'t> Events<'t> {
    pub(crate) fn of(text: &'t str, tabs: &'t Tabs) -> Events<'t> {
        let is_open = !text.ends_with(['\n', '\r']);
        Events {
            parser: Parser::new_from_str(text),
            tab_check: TabCheck::new(tabs, text),
            hides_marks: byte_order_mark::is_hidden_in(text),
            open_end: is_open.then(|| text.chars().count()),
        }
    }

    fn set_right(&self, event: &mut Event<'t>, span: Span) {
        if self.has_added_break(event, span)
            && let Event::Scalar(text, ..) = event
        {
            text.to_mut().pop();
        }
        if self.hides_marks
            && let Event::Scalar(text, ..) = event
        {
            byte_order_mark::restore(text);
        }
    }

    /// Whether a block (`|`, `>`) ends with a line break that is not in the text: the parser adds one to the last line of
    /// a text, unless it is a blank one that does not reach the indentation of the block. Go does not.
    fn has_added_break(&self, event: &Event<'t>, span: Span) -> bool {
        let Event::Scalar(text, ScalarStyle::Literal | ScalarStyle::Folded, anchor, tag) = event else {
            return false;
        };
        if self.open_end.is_none_or(|end| span.end.index() < end) || !text.ends_with('\n') {
            return false;
        }
        if text.bytes().all(|byte| byte == b'\n') {
            // Blank lines alone are as many as there are line breaks below the first line.
            return span.start.line() + text.len() >= span.end.line();
        }
        // The span begins with the first line of the text, or else with what stands before the block.
        let indentation = if *anchor == 0 && tag.is_none() { span.start.col() } else { 0 };
        span.end.col() >= indentation.max(1)
    }
}

impl<'t> Iterator for Events<'t> {
    type Item = Result<(Event<'t>, Span), Fault>;

    fn next(&mut self) -> Option<Self::Item> {
        let (mut event, span) = match self.parser.next_event()? {
            Ok(next) => next,
            Err(error) => return Some(Err(error.into())),
        };
        if let Err(error) = self.tab_check.check(&event, span) {
            return Some(Err(error.into()));
        }
        self.set_right(&mut event, span);
        Some(Ok((event, span)))
    }
}
