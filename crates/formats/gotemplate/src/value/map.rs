//! Maps with strings as keys. They are shared and can be changed, so one can come to contain itself.

use std::cell::{Ref, RefCell};
use std::collections::BTreeMap;
use std::rc::Rc;

use super::{Shape, Value};
use crate::text::Text;

/// A map. Clones share its fields: what one changes, all see. Two of different types may share them, too.
#[derive(Clone)]
pub struct Map {
    body: Rc<Body>,
    shape: Shape,
}

struct Body {
    fields: RefCell<BTreeMap<Text, Value>>,
    is_nil: bool,
}

impl Map {
    /// An empty `map[string]interface {}`.
    pub fn new() -> Map {
        Map::of(Shape::ANY, BTreeMap::new())
    }

    /// Of any type; the fields must be of it.
    pub fn of(shape: Shape, fields: BTreeMap<Text, Value>) -> Map {
        Map { body: Rc::new(Body { fields: RefCell::new(fields), is_nil: false }), shape }
    }

    /// A map that was never made: empty, but `null` in JSON, and nothing can be put into it.
    pub fn nil(shape: Shape) -> Map {
        Map { body: Rc::new(Body { fields: RefCell::new(BTreeMap::new()), is_nil: true }), shape }
    }

    /// The field of the name.
    pub fn get(&self, name: &[u8]) -> Option<Value> {
        self.body.fields.borrow().get(name).cloned()
    }

    /// Whether there is a field of the name.
    pub fn has(&self, name: &[u8]) -> bool {
        self.body.fields.borrow().contains_key(name)
    }

    /// Puts a field. Nothing happens to a map that was never made; see [`Map::is_nil`].
    pub fn set(&self, name: impl Into<Text>, field: Value) {
        if !self.body.is_nil {
            let old = self.body.fields.borrow_mut().insert(name.into(), field);
            drop(old);
        }
    }

    /// Takes a field away.
    pub fn unset(&self, name: &[u8]) {
        let old = self.body.fields.borrow_mut().remove(name);
        drop(old);
    }

    /// Takes all fields away. This frees a map that contains itself.
    pub fn clear(&self) {
        let old = std::mem::take(&mut *self.body.fields.borrow_mut());
        drop(old);
    }

    /// Number of fields.
    pub fn len(&self) -> usize {
        self.body.fields.borrow().len()
    }

    /// Whether there are no fields.
    pub fn is_empty(&self) -> bool {
        self.body.fields.borrow().is_empty()
    }

    /// The fields by name. The map must not be changed while this is held.
    pub fn fields(&self) -> Ref<'_, BTreeMap<Text, Value>> {
        self.body.fields.borrow()
    }

    /// The fields by name, as they are now.
    pub fn to_fields(&self) -> Vec<(Text, Value)> {
        self.fields().iter().map(|(name, field)| (name.clone(), field.clone())).collect()
    }

    /// Its type.
    pub fn shape(&self) -> Shape {
        self.shape
    }

    /// The same fields as another type, with items of the same type.
    #[must_use]
    pub fn as_shape(&self, shape: Shape) -> Map {
        Map { body: Rc::clone(&self.body), shape }
    }

    /// Whether it was never made.
    pub fn is_nil(&self) -> bool {
        self.body.is_nil
    }

    /// Whether both are one map.
    pub fn is_same(&self, other: &Map) -> bool {
        Rc::ptr_eq(&self.body, &other.body)
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
                let fields = Rc::into_inner(map.body).map(|mut body| std::mem::take(body.fields.get_mut()));
                values.extend(fields.unwrap_or_default().into_values());
            }
            _ => {}
        }
    }
}
