//! Which events belong to fields that are wanted.

use saphyr_parser::Event;

/// Watches the events of a text go by.
pub(crate) struct Picker<'p> {
    wants: &'p dyn Fn(&[String]) -> bool,
    /// The maps and lists around, the outermost first.
    around: Vec<Around>,
    /// The keys that lead here.
    path: Vec<String>,
    /// How many lists and maps are open inside of what is not wanted.
    refused: Option<usize>,
}

enum Around {
    List,
    Map {
        /// Whether the key of the next value has gone by; it is the last of the path.
        has_key: bool,
    },
}

impl<'p> Picker<'p> {
    pub(crate) fn new(wants: &'p dyn Fn(&[String]) -> bool) -> Picker<'p> {
        Picker { wants, around: Vec::new(), path: Vec::new(), refused: None }
    }

    /// Whether the event is part of what is wanted. A key that is not wanted is not taken, nor is its value.
    pub(crate) fn takes(&mut self, event: &Event<'_>) -> bool {
        if let Some(open) = self.refused {
            self.pass(event, open);
            return false;
        }
        match event {
            Event::Scalar(text, ..) if matches!(self.around.last(), Some(Around::Map { has_key: false })) => {
                return self.takes_key(text);
            }
            Event::Scalar(..) | Event::Alias(_) => self.end_value(),
            Event::SequenceStart(..) => self.around.push(Around::List),
            Event::MappingStart(..) => self.around.push(Around::Map { has_key: false }),
            Event::SequenceEnd | Event::MappingEnd => {
                self.around.pop();
                self.end_value();
            }
            _ => {}
        }
        true
    }

    fn takes_key(&mut self, key: &str) -> bool {
        self.path.push(key.to_owned());
        let is_wanted = (self.wants)(&self.path);
        if let Some(Around::Map { has_key }) = self.around.last_mut() {
            *has_key = true;
        }
        if !is_wanted {
            self.refused = Some(0);
        }
        is_wanted
    }

    /// Goes by what is not wanted.
    fn pass(&mut self, event: &Event<'_>, open: usize) {
        let open = match event {
            Event::SequenceStart(..) | Event::MappingStart(..) => open + 1,
            Event::SequenceEnd | Event::MappingEnd => open.saturating_sub(1),
            _ => open,
        };
        self.refused = Some(open);
        if open == 0 {
            self.refused = None;
            self.end_value();
        }
    }

    fn end_value(&mut self) {
        if let Some(Around::Map { has_key }) = self.around.last_mut()
            && *has_key
        {
            *has_key = false;
            self.path.pop();
        }
    }
}
