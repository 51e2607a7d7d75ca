//! Which objects a list or a watch is about: `labelSelector` and `fieldSelector`.

use std::sync::Arc;

use bytes::Bytes;
use bythos_kinds::{FieldSelector, LabelSelector};
use bythos_store::Key;
use serde::Deserialize;
use serde_json::Value;

use crate::registry::Served;
use crate::request::Query;
use crate::status::Failure;
use crate::version;

/// What objects must be like to be selected.
pub(crate) struct Selection {
    served: Arc<Served>,
    labels: LabelSelector,
    fields: FieldSelector,
    /// The one object that the path names; `None` for all.
    name: Option<String>,
}

/// As much of an object as a label selector looks at.
#[derive(Deserialize)]
struct Labelled {
    #[serde(default)]
    metadata: Labels,
}

#[derive(Default, Deserialize)]
struct Labels {
    #[serde(default)]
    labels: Value,
}

impl Selection {
    pub(crate) fn of(query: &Query, served: &Arc<Served>) -> Result<Selection, Failure> {
        let labels = LabelSelector::parse(query.get("labelSelector").unwrap_or_default())
            .map_err(|error| Failure::BadRequest(error.to_string()))?;
        let fields = FieldSelector::parse(query.get("fieldSelector").unwrap_or_default())
            .map_err(|error| Failure::BadRequest(error.to_string()))?;
        if let Some(field) = fields.unsupported_field(&served.kind) {
            return Err(Failure::BadRequest(format!("field label not supported: {field}")));
        }
        Ok(Selection { served: served.clone(), labels, fields, name: None })
    }

    /// Only the object of this name, if it is one.
    pub(crate) fn of_name(self, name: &str) -> Selection {
        Selection { name: (!name.is_empty()).then(|| name.to_owned()), ..self }
    }

    pub(crate) fn is_everything(&self) -> bool {
        self.labels.is_everything() && self.fields.is_everything() && self.name.is_none()
    }

    /// Whether a stored object is selected. It is read only if its names do not tell: a thousand watchers of one object
    /// are told of a change without reading it a thousand times.
    pub(crate) fn matches(&self, key: &Key, stored: &Bytes) -> bool {
        if self.name.as_deref().is_some_and(|name| name != &*key.name) {
            return false;
        }
        match self.fields.matches_names(&key.namespace, &key.name) {
            Some(false) => false,
            Some(true) => self.labels_match(stored),
            None => self.labels_match(stored) && self.fields_match(stored),
        }
    }

    fn labels_match(&self, stored: &Bytes) -> bool {
        if self.labels.is_everything() {
            return true;
        }
        serde_json::from_slice(stored)
            .is_ok_and(|Labelled { metadata: Labels { labels } }| self.labels.matches(&labels))
    }

    fn fields_match(&self, stored: &Bytes) -> bool {
        version::looked_at(&self.served, stored)
            .is_ok_and(|object| self.fields.matches(&self.served.kind, &object))
    }
}

/// The one name that a field selector asks for. RBAC then sees a request for that name.
pub(crate) fn selected_name(query: &Query) -> Option<String> {
    let fields = FieldSelector::parse(query.get("fieldSelector")?).ok()?;
    fields.name().map(str::to_owned)
}
