//! Keys that a map names more than once. Reading takes the last of them; whoever wrote the text may want to know.

use std::collections::BTreeSet;

use saphyr_parser::{Event, ScalarStyle};

use crate::events::Events;
use crate::limits::Budget;
use crate::reread::Fault;
use crate::source::Source;
use crate::{Error, Limits};

/// A key that its map named before.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RepeatedKey {
    /// Where it stands again, from 1.
    pub line: usize,
    /// As it is written.
    pub key: String,
}

/// The keys that maps of a text name more than once, in their order.
///
/// # Errors
/// The text is not YAML, or goes beyond the limits.
pub fn repeated_keys(text: &str, limits: Limits) -> Result<Vec<RepeatedKey>, Error> {
    Source::new(text, limits)?.read(|events| find(events, limits))
}

fn find(events: Events<'_>, limits: Limits) -> Result<Vec<RepeatedKey>, Fault> {
    let mut budget = Budget::new(limits);
    let (mut keys, mut repeated) = (Keys::default(), Vec::new());
    for next in events {
        let (event, span) = next?;
        let spent = budget.spend_value().and_then(|()| budget.check_depth(keys.around.len()));
        spent.map_err(|message| Error::at(span.start, message))?;
        if let Some(key) = keys.take(&event) {
            repeated.push(RepeatedKey { line: span.start.line().max(1), key });
        }
    }
    Ok(repeated)
}

/// Watches the events of a text go by.
#[derive(Default)]
struct Keys {
    /// The maps and lists around, the outermost first.
    around: Vec<Around>,
}

enum Around {
    List,
    Map {
        known: BTreeSet<String>,
        /// Whether the next value is a key.
        expects_key: bool,
    },
}

impl Keys {
    /// The key that comes with this event, if its map has it already.
    fn take(&mut self, event: &Event<'_>) -> Option<String> {
        match event {
            Event::SequenceStart(..) => self.around.push(Around::List),
            Event::MappingStart(..) => {
                self.around.push(Around::Map { known: BTreeSet::new(), expects_key: true });
            }
            Event::SequenceEnd | Event::MappingEnd => {
                self.around.pop();
                self.end_value();
            }
            Event::Alias(_) => self.end_value(),
            Event::Scalar(text, style, ..) => {
                let repeated = self.repeats(text, *style);
                self.end_value();
                return repeated.then(|| text.to_string());
            }
            _ => {}
        }
        None
    }

    fn repeats(&mut self, text: &str, style: ScalarStyle) -> bool {
        // A merge key is no name.
        let is_merge = text == "<<" && style == ScalarStyle::Plain;
        match self.around.last_mut() {
            Some(Around::Map { known, expects_key: true }) if !is_merge => !known.insert(text.to_owned()),
            _ => false,
        }
    }

    fn end_value(&mut self) {
        if let Some(Around::Map { expects_key, .. }) = self.around.last_mut() {
            *expects_key = !*expects_key;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIMITS: Limits = Limits { bytes_max: 1 << 20, depth_max: 20, values_max: 1000 };

    #[track_caller]
    fn check(text: &str, expected: &[(usize, &str)]) {
        let found = repeated_keys(text, LIMITS).unwrap();
        let found: Vec<(usize, &str)> = found.iter().map(|one| (one.line, one.key.as_str())).collect();
        assert_eq!(found, expected, "{text}");
    }

    #[test]
    fn a_key_is_repeated_only_within_its_map() {
        check("a: 1\nb: {a: 1}\nc: [{a: 1}, {a: 2}]\n", &[]);
        check("a: a\nb: b\na:\n  c: 1\n  c: 2\n", &[(3, "a"), (5, "c")]);
        check("- {a: 1, a: 2}\n", &[(1, "a")]);
        check("{\"a\": [1, {}],\n \"a\": 2}", &[(2, "a")]);
    }

    #[test]
    fn merge_keys_and_aliases_are_no_names() {
        check("a: &a {x: 1}\nb:\n  <<: *a\n  <<: *a\n  x: 2\nc: *a\n", &[]);
    }
}
