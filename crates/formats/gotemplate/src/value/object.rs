//! What has fields and methods of its own: times, versions, certificates, files.

use std::any::Any;

use super::{Kind, Value};
use crate::function::Function;

/// A value of a type that the caller defines.
pub trait Object: Any {
    /// As `%T` prints.
    fn type_name(&self) -> String;

    /// What Go's reflection calls its kind.
    fn kind(&self) -> Kind {
        Kind::Struct
    }

    /// The fields, in the order of the struct.
    fn fields(&self) -> Vec<(&'static str, Value)> {
        Vec::new()
    }

    /// The method of the name. Its first parameter is the object.
    fn method(&self, name: &str) -> Option<&'static Function> {
        let _ = name;
        None
    }

    /// What its `String` method gives, if it has one: that is how it is printed.
    fn text(&self) -> Option<String> {
        None
    }

    /// If it is a whole number with a name and methods, like a duration.
    fn number(&self) -> Option<i64> {
        None
    }

    /// What stands for it in JSON. Its `String` method does not count there.
    fn json(&self) -> InJson {
        match self.number() {
            Some(number) => InJson::Value(Value::Int64(number)),
            None => InJson::Fields(self.fields()),
        }
    }
}

/// What stands for an object in JSON.
#[derive(Debug, Clone)]
pub enum InJson {
    /// A value.
    Value(Value),
    /// Its fields, by the names that they have there and in their order.
    Fields(Vec<(&'static str, Value)>),
}

impl dyn Object {
    /// The object, if it is a `T`.
    pub fn downcast<T: Object>(&self) -> Option<&T> {
        let any: &dyn Any = self;
        any.downcast_ref()
    }

    pub(crate) fn field(&self, name: &str) -> Option<Value> {
        self.fields().into_iter().find(|(found, _)| *found == name).map(|(_, field)| field)
    }
}
