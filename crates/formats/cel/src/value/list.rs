//! Lists: items of an object, or items that were computed.

use std::rc::Rc;

use bythos_schema::{ListType, Schema};
use serde_json::Value as Json;

use super::Value;
use super::bind::bind;
use crate::Fault;

/// A list. Clones share it.
#[derive(Debug, Clone)]
pub enum List<'a> {
    /// A list of an object, with its schema if there is one.
    Json {
        /// Its items.
        items: &'a [Json],
        /// The schema of the list.
        schema: Option<&'a Schema>,
    },
    /// A list that was computed.
    Made {
        /// Its items.
        items: Rc<Vec<Value<'a>>>,
        /// The schema of the list of an object that it was made from, for its list type.
        schema: Option<&'a Schema>,
    },
}

impl<'a> List<'a> {
    pub(crate) fn made(items: Vec<Value<'a>>) -> Self {
        List::Made { items: Rc::new(items), schema: None }
    }

    pub(crate) fn made_like(items: Vec<Value<'a>>, like: &List<'a>) -> Self {
        List::Made { items: Rc::new(items), schema: like.schema() }
    }

    pub(crate) fn len(&self) -> usize {
        match self {
            List::Json { items, .. } => items.len(),
            List::Made { items, .. } => items.len(),
        }
    }

    /// The item at a place; `None` beyond the end.
    pub(crate) fn get(&self, index: usize) -> Result<Option<Value<'a>>, Fault> {
        match self {
            List::Json { items, schema } => {
                let schema = schema.and_then(|schema| schema.items.as_deref());
                items.get(index).map(|item| bind(item, schema)).transpose()
            }
            List::Made { items, .. } => Ok(items.get(index).cloned()),
        }
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = Result<Value<'a>, Fault>> + '_ {
        (0..self.len()).map_while(|index| self.get(index).transpose())
    }

    pub(crate) fn list_type(&self) -> &'a ListType {
        self.schema().map_or(&ListType::Atomic, |schema| &schema.list_type)
    }

    fn schema(&self) -> Option<&'a Schema> {
        match self {
            List::Json { schema, .. } | List::Made { schema, .. } => *schema,
        }
    }
}
