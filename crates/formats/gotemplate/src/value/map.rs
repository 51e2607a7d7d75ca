//! Maps with strings as keys. They are shared and can be changed, so one can come to contain itself.

use std::cell::{Ref, RefCell};
use std::collections::BTreeMap;
use std::rc::Rc;

use super::{Shape, Value};
use crate::text::Text;

/// A map. Clones share its fields: what one changes, all see.
#[derive(Clone)]
pub struct Map(Rc<Body>);

struct Body {
    fields: RefCell<BTreeMap<Text, Value>>,
    shape: Shape,
    is_nil: bool,
}

impl Map {
    /// An empty `map[string]interface {}`.
    pub fn new() -> Map {
        Map::of(Shape::ANY, BTreeMap::new())
    }

    /// Of any type; the fields must be of it.
    pub fn of(shape: Shape, fields: BTreeMap<Text, Value>) -> Map {
        Map(Rc::new(Body { fields: RefCell::new(fields), shape, is_nil: false }))
    }

    /// A map that was never made: empty, but `null` in JSON, and nothing can be put into it.
    pub fn nil(shape: Shape) -> Map {
        Map(Rc::new(Body { fields: RefCell::new(BTreeMap::new()), shape, is_nil: true }))
    }

    /// The field of the name.
    pub fn get(&self, name: &[u8]) -> Option<Value> {
        self.0.fields.borrow().get(name).cloned()
    }

    /// Whether there is a field of the name.
    pub fn has(&self, name: &[u8]) -> bool {
        self.0.fields.borrow().contains_key(name)
    }

    /// Puts a field. Nothing happens to a map that was never made; see [`Map::is_nil`].
    pub fn set(&self, name: impl Into<Text>, field: Value) {
        if !self.0.is_nil {
            let old = self.0.fields.borrow_mut().insert(name.into(), field);
            drop(old);
        }
    }

    /// Takes a field away.
    pub fn unset(&self, name: &[u8]) {
        let old = self.0.fields.borrow_mut().remove(name);
        drop(old);
    }

    /// Takes all fields away. This frees a map that contains itself.
    pub fn clear(&self) {
        let old = std::mem::take(&mut *self.0.fields.borrow_mut());
        drop(old);
    }

    /// Number of fields.
    pub fn len(&self) -> usize {
        self.0.fields.borrow().len()
    }

    /// Whether there are no fields.
    pub fn is_empty(&self) -> bool {
        self.0.fields.borrow().is_empty()
    }

    /// The fields by name. The map must not be changed while this is held.
    pub fn fields(&self) -> Ref<'_, BTreeMap<Text, Value>> {
        self.0.fields.borrow()
    }

    /// The fields by name, as they are now.
    pub fn to_fields(&self) -> Vec<(Text, Value)> {
        self.fields().iter().map(|(name, field)| (name.clone(), field.clone())).collect()
    }

    /// Its type.
    pub fn shape(&self) -> Shape {
        self.0.shape
    }

    /// Whether it was never made.
    pub fn is_nil(&self) -> bool {
        self.0.is_nil
    }

    /// Whether both are one map.
    pub fn is_same(&self, other: &Map) -> bool {
        Rc::ptr_eq(&self.0, &other.0)
    }
}

impl Default for Map {
    fn default() -> Map {
        Map::new()
    }
}

impl FromIterator<(Text, Value)> for Map {
    fn from_iter<I: IntoIterator<Item = (Text, Value)>>(fields: I) -> Map {
        Map::of(Shape::ANY, fields.into_iter().collect())
    }
}

impl Drop for Body {
    fn drop(&mut self) {
        let fields = std::mem::take(self.fields.get_mut());
        drop_flat(fields.into_values().collect());
    }
}

/// Frees values without a call inside of a call per level of nesting, which would end the stack.
pub(super) fn drop_flat(mut values: Vec<Value>) {
    while let Some(value) = values.pop() {
        match value {
            Value::List(list) => values.extend(list.into_items()),
            Value::Map(map) => {
                let fields = Rc::into_inner(map.0).map(|mut body| std::mem::take(body.fields.get_mut()));
                values.extend(fields.unwrap_or_default().into_values());
            }
            _ => {}
        }
    }
}
