//! From parser events to a value: aliases copied in, merge keys carried out, keys made strings.

use std::collections::BTreeMap;

use saphyr_parser::Event;
use serde_json::{Map, Value};

use crate::limits::{Budget, Size};
use crate::scalar::{self, Scalar};

/// `0` is no anchor.
type Anchor = usize;

/// Builds one document after another out of one budget.
pub(crate) struct Builder {
    budget: Budget,
    open: Vec<Open>,
    anchored: BTreeMap<Anchor, (Value, Size)>,
    document: Value,
}

/// A list or map whose end is still to come.
struct Open {
    anchor: Anchor,
    size: Size,
    kind: Kind,
}

enum Kind {
    List(Vec<Value>),
    Map { fields: Map<String, Value>, key: Option<Key> },
}

enum Key {
    Named(String),
    /// `<<`: the value's fields become fields of the map.
    Merge,
}

/// A value that is complete, on its way to where it belongs.
struct Node {
    value: Value,
    size: Size,
    /// An unquoted `<<`, which as a key means more than the text.
    is_merge: bool,
}

impl Builder {
    pub(crate) fn new(budget: Budget) -> Builder {
        Builder { budget, open: Vec::new(), anchored: BTreeMap::new(), document: Value::Null }
    }

    pub(crate) fn begin_document(&mut self) {
        self.anchored.clear();
    }

    pub(crate) fn end_document(&mut self) -> Value {
        std::mem::take(&mut self.document)
    }

    /// # Errors
    /// What is wrong at the event.
    pub(crate) fn add(&mut self, event: Event<'_>) -> Result<(), String> {
        match event {
            Event::SequenceStart(anchor, _) => self.begin(anchor, Kind::List(Vec::new())),
            Event::MappingStart(anchor, _) => self.begin(anchor, Kind::Map { fields: Map::new(), key: None }),
            Event::SequenceEnd | Event::MappingEnd => self.end(),
            Event::Alias(anchor) => self.copy(anchor),
            Event::Scalar(text, style, anchor, tag) => {
                self.budget.spend_value()?;
                let scalar = scalar::resolve(&text, style, tag.as_deref())?;
                let size = Size { values: 1, bytes: text.len(), depth: 0 };
                self.complete(anchor, Node::scalar(scalar, size))
            }
            _ => Ok(()),
        }
    }

    fn begin(&mut self, anchor: Anchor, kind: Kind) -> Result<(), String> {
        self.budget.spend_value()?;
        self.budget.check_depth(self.open.len() + 1)?;
        self.open.push(Open { anchor, size: Size { values: 1, bytes: 0, depth: 1 }, kind });
        Ok(())
    }

    fn end(&mut self) -> Result<(), String> {
        let Some(Open { anchor, size, kind }) = self.open.pop() else { return Ok(()) };
        let value = match kind {
            Kind::List(items) => Value::Array(items),
            Kind::Map { fields, .. } => Value::Object(fields),
        };
        self.complete(anchor, Node { value, size, is_merge: false })
    }

    fn copy(&mut self, anchor: Anchor) -> Result<(), String> {
        let Some((value, size)) = self.anchored.get(&anchor) else {
            return Err(
                "the alias stands inside of what it names, or names nothing in this document".to_owned()
            );
        };
        self.budget.spend_copy(*size)?;
        self.budget.check_depth(self.open.len() + size.depth)?;
        let node = Node { value: value.clone(), size: *size, is_merge: false };
        self.complete(0, node)
    }

    fn complete(&mut self, anchor: Anchor, node: Node) -> Result<(), String> {
        if anchor != 0 {
            self.budget.spend_copy(node.size)?;
            self.anchored.insert(anchor, (node.value.clone(), node.size));
        }
        match self.open.last_mut() {
            Some(open) => open.take(node),
            None => {
                self.document = node.value;
                Ok(())
            }
        }
    }
}

impl Node {
    fn scalar(scalar: Scalar, size: Size) -> Node {
        match scalar {
            Scalar::Value(value) => Node { value, size, is_merge: false },
            Scalar::Merge => Node { value: Value::String("<<".to_owned()), size, is_merge: true },
        }
    }
}

impl Open {
    fn take(&mut self, node: Node) -> Result<(), String> {
        self.size.values += node.size.values;
        self.size.bytes += node.size.bytes;
        self.size.depth = self.size.depth.max(node.size.depth + 1);
        match &mut self.kind {
            Kind::List(items) => items.push(node.value),
            Kind::Map { fields, key } => match key.take() {
                None => *key = Some(Key::of(node)?),
                Some(Key::Merge) => merge(fields, node.value)?,
                // Of two fields with one name the last one counts.
                Some(Key::Named(name)) => drop(fields.insert(name, node.value)),
            },
        }
        Ok(())
    }
}

impl Key {
    fn of(node: Node) -> Result<Key, String> {
        if node.is_merge {
            return Ok(Key::Merge);
        }
        Ok(Key::Named(scalar::key(node.value)?))
    }
}

/// As in Go's v2: where `<<` stands, its fields take the place of those before it; those after it take theirs.
fn merge(fields: &mut Map<String, Value>, value: Value) -> Result<(), String> {
    match value {
        Value::Object(merged) => {
            fields.extend(merged);
            Ok(())
        }
        // The first of a list counts most.
        Value::Array(items) if items.iter().all(Value::is_object) => {
            items.into_iter().rev().try_for_each(|item| merge(fields, item))
        }
        _ => Err("expected a map or a list of maps after the merge key <<".to_owned()),
    }
}
