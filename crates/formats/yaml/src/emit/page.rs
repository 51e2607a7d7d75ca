//! The text so far, where its last line stands, and how deep what comes next is indented.

use std::fmt::Write as _;

/// Lines are broken at the first space after so many columns.
const WIDTH: usize = 80;
const INDENT: usize = 2;

/// How lists are indented and lines are broken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Layout {
    /// Lists under their names, lines broken.
    Plain,
    /// Lists further in than their names, lines whole.
    Pretty,
}

/// A text that grows.
pub(super) struct Page {
    layout: Layout,
    text: String,
    /// In characters.
    column: usize,
    /// Of the collections around; the last is the innermost, `None` the document itself.
    indents: Vec<Option<usize>>,
    indent: Option<usize>,
    /// Whether something may follow right away, without a space.
    after_space: bool,
    /// Whether the line has only indentation and markers so far.
    at_indent: bool,
}

impl Page {
    pub(super) fn new(layout: Layout) -> Page {
        Page {
            layout,
            text: String::new(),
            column: 0,
            indents: Vec::new(),
            indent: None,
            after_space: true,
            at_indent: true,
        }
    }

    pub(super) fn layout(&self) -> Layout {
        self.layout
    }

    fn is_too_wide(&self) -> bool {
        self.layout == Layout::Plain && self.column > WIDTH
    }

    /// The whole text.
    pub(super) fn end(mut self) -> String {
        self.indent = None;
        self.indent();
        self.text
    }

    pub(super) fn is_at_indent(&self) -> bool {
        self.at_indent
    }

    /// Begins a list or map; the items of a list that is a field stand under the name of the field.
    pub(super) fn open(&mut self, indentless: bool) {
        self.indents.push(self.indent);
        self.indent = match self.indent {
            None => Some(0),
            Some(indent) if indentless => Some(indent),
            Some(indent) => Some(indent + INDENT),
        };
    }

    /// Begins a scalar: its further lines are indented even at the root.
    pub(super) fn open_scalar(&mut self) {
        self.indents.push(self.indent);
        self.indent = Some(self.indent.unwrap_or(0) + INDENT);
    }

    pub(super) fn close(&mut self) {
        self.indent = self.indents.pop().flatten();
    }

    /// Goes to where the next item, field or line begins.
    pub(super) fn indent(&mut self) {
        let indent = self.indent.unwrap_or(0);
        if !self.at_indent || self.column > indent || (self.column == indent && !self.after_space) {
            self.put('\n');
        }
        while self.column < indent {
            self.put(' ');
        }
        self.after_space = true;
        self.at_indent = true;
    }

    /// `-`, `?` or `:` after which what it marks may begin on the same line.
    pub(super) fn marker(&mut self, marker: &str) {
        self.space();
        self.put_all(marker);
        self.after_space = false;
    }

    /// `:` after a key.
    pub(super) fn colon(&mut self) {
        self.put(':');
        self.after_space = false;
        self.at_indent = false;
    }

    /// `[]` or `{}`.
    pub(super) fn indicator(&mut self, indicator: &str) {
        self.space();
        self.put_all(indicator);
        self.after_space = false;
        self.at_indent = false;
    }

    pub(super) fn plain(&mut self, text: &str, may_wrap: bool) {
        self.space();
        self.wrapped(text, may_wrap, |page, character| page.put(character));
    }

    pub(super) fn single_quoted(&mut self, text: &str, may_wrap: bool) {
        self.indicator("'");
        self.wrapped(text, may_wrap, |page, character| {
            if character == '\'' {
                page.put('\'');
            }
            page.put(character);
        });
        self.put('\'');
    }

    pub(super) fn double_quoted(&mut self, text: &str, may_wrap: bool) {
        self.indicator("\"");
        let mut after_space = false;
        let mut rest = text.chars();
        let mut is_first = true;
        while let Some(character) = rest.next() {
            let next = rest.clone().next();
            if character == ' ' {
                if may_wrap && !after_space && self.is_too_wide() && !is_first && next.is_some() {
                    self.indent();
                    // The spaces at the front of a line are not part of the text, but an escaped one is.
                    if next == Some(' ') {
                        self.put('\\');
                    }
                } else {
                    self.put(' ');
                }
            } else {
                self.escaped(character);
            }
            after_space = character == ' ';
            is_first = false;
        }
        self.put('"');
        self.after_space = false;
        self.at_indent = false;
    }

    pub(super) fn literal(&mut self, text: &str) {
        self.space();
        self.put('|');
        if text.starts_with([' ', '\n']) {
            self.put_all(&INDENT.to_string());
        }
        if !text.ends_with('\n') {
            self.put('-');
        } else if text == "\n" || text.ends_with("\n\n") {
            self.put('+');
        }
        self.put('\n');
        self.after_space = true;
        self.at_indent = true;
        for line in text.split_inclusive('\n') {
            if line != "\n" {
                self.indent();
            }
            self.put_all(line);
            self.at_indent = line.ends_with('\n');
        }
    }

    /// Writes characters, breaking lines at single spaces.
    fn wrapped(&mut self, text: &str, may_wrap: bool, write: impl Fn(&mut Page, char)) {
        let mut after_space = false;
        let mut characters = text.chars().peekable();
        let mut is_first = true;
        while let Some(character) = characters.next() {
            let is_single_space =
                character == ' ' && !after_space && characters.peek().is_some_and(|next| *next != ' ');
            if is_single_space && may_wrap && !is_first && self.is_too_wide() {
                self.indent();
            } else {
                write(self, character);
            }
            after_space = character == ' ';
            is_first = false;
        }
        self.after_space = false;
        self.at_indent = false;
    }

    fn escaped(&mut self, character: char) {
        let short = match character {
            '\0' => "\\0",
            '\u{7}' => "\\a",
            '\u{8}' => "\\b",
            '\t' => "\\t",
            '\n' => "\\n",
            '\u{b}' => "\\v",
            '\u{c}' => "\\f",
            '\r' => "\\r",
            '\u{1b}' => "\\e",
            '"' => "\\\"",
            '\\' => "\\\\",
            '\u{85}' => "\\N",
            '\u{2028}' => "\\L",
            '\u{2029}' => "\\P",
            ' '..='~' | '\u{a0}'..='\u{fefe}' | '\u{ff00}'..='\u{fffd}' => return self.put(character),
            _ => return self.put_all(&numbered_escape(character)),
        };
        self.put_all(short);
    }

    fn space(&mut self) {
        if !self.after_space {
            self.put(' ');
        }
    }

    fn put_all(&mut self, text: &str) {
        text.chars().for_each(|character| self.put(character));
    }

    fn put(&mut self, character: char) {
        self.text.push(character);
        self.column = if character == '\n' { 0 } else { self.column + 1 };
    }
}

fn numbered_escape(character: char) -> String {
    let code = u32::from(character);
    let mut escape = String::from("\\");
    let written = match code {
        0..=0xff => write!(escape, "x{code:02X}"),
        0x100..=0xffff => write!(escape, "u{code:04X}"),
        _ => write!(escape, "U{code:08X}"),
    };
    // Writing to a string cannot fail.
    written.map_or_else(|_| String::new(), |()| escape)
}
