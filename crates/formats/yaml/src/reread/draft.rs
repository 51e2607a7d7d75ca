//! A text whose lines are changed one by one.

use std::ops::RangeInclusive;

/// A text in lines, and how many bytes may still go into it and into readings of it.
pub(super) struct Draft {
    lines: Vec<String>,
    /// Further to the right than any line has to begin.
    right: String,
    bytes_left: usize,
}

impl Draft {
    pub(super) fn new(text: &str, bytes_max: usize) -> Draft {
        let right = " ".repeat(2 + text.lines().map(indentation).max().unwrap_or(0));
        let lines = text.split_inclusive('\n').map(str::to_owned).collect();
        Draft { lines, right, bytes_left: bytes_max }
    }

    /// The whole text, if it may be read once more.
    pub(super) fn text(&mut self) -> Option<String> {
        self.spend(self.lines.iter().map(String::len).sum())?;
        Some(self.lines.concat())
    }

    /// From 1.
    pub(super) fn line(&self, number: usize) -> Option<&str> {
        self.lines.get(number.checked_sub(1)?).map(String::as_str)
    }

    /// The lines from this one on, from 1.
    pub(super) fn lines_from(&self, number: usize) -> impl Iterator<Item = &str> {
        self.lines.iter().skip(number.saturating_sub(1)).map(String::as_str)
    }

    pub(super) fn replace(&mut self, number: usize, line: String) -> Option<()> {
        *self.lines.get_mut(number.checked_sub(1)?)? = line;
        Some(())
    }

    /// Moves lines to the right, those that hold nothing and those that are there excepted. `None` if none is left to be
    /// moved, and if one of them is the border of a document.
    pub(super) fn move_right(&mut self, numbers: RangeInclusive<usize>) -> Option<()> {
        let mut moved = None;
        for number in numbers {
            let line = self.line(number)?;
            if is_border(line) {
                return None;
            }
            if line.trim().is_empty() || line.starts_with(&self.right) {
                continue;
            }
            let line = format!("{}{line}", self.right);
            self.spend(self.right.len())?;
            moved = self.replace(number, line);
        }
        moved
    }

    fn spend(&mut self, bytes: usize) -> Option<()> {
        self.bytes_left = self.bytes_left.checked_sub(bytes)?;
        Some(())
    }
}

/// With the markers of lists and keys: what follows them begins further right.
fn indentation(line: &str) -> usize {
    line.len() - line.trim_start_matches([' ', '-', '?', ':']).len()
}

fn is_border(line: &str) -> bool {
    let rest = line.strip_prefix("---").or_else(|| line.strip_prefix("..."));
    rest.is_some_and(|rest| rest.is_empty() || rest.starts_with([' ', '\t', '\r', '\n']))
}
