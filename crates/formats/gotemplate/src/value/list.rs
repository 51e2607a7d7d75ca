//! Slices. A template cannot change an item of one, so they need no cells.

use std::rc::Rc;

use super::{Element, Shape, Value};

/// A slice of one type of items. Clones share their items.
#[derive(Clone)]
pub struct List(Rc<Body>);

struct Body {
    items: Vec<Value>,
    shape: Shape,
    is_nil: bool,
}

impl List {
    /// `[]interface {}`.
    pub fn new(items: Vec<Value>) -> List {
        List::of(Shape::ANY, items)
    }

    /// `[]string`.
    pub fn strings<T: Into<super::Text>>(items: impl IntoIterator<Item = T>) -> List {
        let items = items.into_iter().map(|item| Value::String(item.into())).collect();
        List::of(Shape::STRINGS, items)
    }

    /// `[]int`.
    pub fn ints(items: impl IntoIterator<Item = i64>) -> List {
        List::of(Shape::of(Element::Int), items.into_iter().map(Value::Int).collect())
    }

    /// Of any type; the items must be of it.
    pub fn of(shape: Shape, items: Vec<Value>) -> List {
        List(Rc::new(Body { items, shape, is_nil: false }))
    }

    /// A slice that was never made: empty, but `null` in JSON.
    pub fn nil(shape: Shape) -> List {
        List(Rc::new(Body { items: Vec::new(), shape, is_nil: true }))
    }

    /// In order.
    pub fn items(&self) -> &[Value] {
        &self.0.items
    }

    /// Its type.
    pub fn shape(&self) -> Shape {
        self.0.shape
    }

    /// Whether it was never made.
    pub fn is_nil(&self) -> bool {
        self.0.is_nil
    }

    pub(super) fn is_same(&self, other: &List) -> bool {
        Rc::ptr_eq(&self.0, &other.0)
    }

    /// The items, if nobody else holds the list.
    pub(super) fn into_items(self) -> Vec<Value> {
        Rc::into_inner(self.0).map(|mut body| std::mem::take(&mut body.items)).unwrap_or_default()
    }
}

impl Drop for Body {
    fn drop(&mut self) {
        super::map::drop_flat(std::mem::take(&mut self.items));
    }
}
