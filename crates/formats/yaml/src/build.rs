//! From parser events to a value: aliases copied in, merge keys carried out, keys made strings.

use std::collections::{BTreeMap, BTreeSet};

use saphyr_parser::Event;
use serde_json::{Map, Value};

use crate::Rules;
use crate::limits::{Budget, Size};
use crate::scalar::{self, Scalar};

/// `0` is no anchor.
type Anchor = usize;

/// Builds one document after another out of one budget.
pub(crate) struct Builder {
    budget: Budget,
    rules: Rules,
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
    Map {
        fields: Map<String, Value>,
        /// Fields that a merge key brought, which the map's own ones replace.
        merged: BTreeSet<String>,
        key: Option<Key>,
    },
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
    pub(crate) fn new(budget: Budget, rules: Rules) -> Builder {
        Builder { budget, rules, open: Vec::new(), anchored: BTreeMap::new(), document: Value::Null }
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
            Event::MappingStart(anchor, _) => {
                self.begin(anchor, Kind::Map { fields: Map::new(), merged: BTreeSet::new(), key: None })
            }
            Event::SequenceEnd | Event::MappingEnd => self.end(),
            Event::Alias(anchor) => self.copy(anchor),
            Event::Scalar(text, style, anchor, tag) => {
                self.budget.spend_value()?;
                let scalar = scalar::resolve(&text, style, tag.as_deref(), self.rules)?;
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
            Some(open) => open.take(node, self.rules),
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
    fn take(&mut self, node: Node, rules: Rules) -> Result<(), String> {
        self.size.values += node.size.values;
        self.size.bytes += node.size.bytes;
        self.size.depth = self.size.depth.max(node.size.depth + 1);
        match &mut self.kind {
            Kind::List(items) => items.push(node.value),
            Kind::Map { fields, merged, key } => match (key.take(), rules) {
                (None, _) => *key = Some(Key::of(node, rules)?),
                (Some(Key::Merge), Rules::Go2) => merge(fields, node.value)?,
                (Some(Key::Merge), Rules::Go3) => merge_below(fields, merged, node.value)?,
                // Of two fields with one name the last one counts.
                (Some(Key::Named(name)), Rules::Go2) => drop(fields.insert(name, node.value)),
                (Some(Key::Named(name)), Rules::Go3) => {
                    if fields.contains_key(&name) && !merged.remove(&name) {
                        return Err(format!("the key {name:?} is there twice"));
                    }
                    fields.insert(name, node.value);
                }
            },
        }
        Ok(())
    }
}

impl Key {
    fn of(node: Node, rules: Rules) -> Result<Key, String> {
        if node.is_merge {
            return Ok(Key::Merge);
        }
        match (node.value, rules) {
            (Value::String(name), _) => Ok(Key::Named(name)),
            (key @ (Value::Bool(_) | Value::Number(_)), Rules::Go3) => {
                Err(format!("expected a text as the key, found {key}; put it in quotes"))
            }
            (key, _) => Ok(Key::Named(scalar::key(key)?)),
        }
    }
}

/// As in Go's v3: what the map holds by itself counts more, wherever it stands.
fn merge_below(
    fields: &mut Map<String, Value>,
    merged: &mut BTreeSet<String>,
    value: Value,
) -> Result<(), String> {
    match value {
        Value::Object(below) => {
            for (name, value) in below {
                if !fields.contains_key(&name) {
                    merged.insert(name.clone());
                    fields.insert(name, value);
                }
            }
            Ok(())
        }
        // The first of a list counts most.
        Value::Array(items) if items.iter().all(Value::is_object) => {
            items.into_iter().try_for_each(|item| merge_below(fields, merged, item))
        }
        _ => Err("expected a map or a list of maps after the merge key <<".to_owned()),
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
