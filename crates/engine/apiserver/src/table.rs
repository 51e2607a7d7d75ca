//! Objects as rows, the way `kubectl get` shows them: `meta.k8s.io/v1` Table; and their metadata alone.

use jiff::Timestamp;
use serde_json::{Value, json};

use crate::negotiate::Include;
use crate::object;
use crate::registry::Served;

/// A table that is being filled.
pub(crate) struct Table<'a> {
    served: &'a Served,
    include: Include,
    now: Timestamp,
    rows: Vec<Value>,
}

impl<'a> Table<'a> {
    /// An empty table of a kind's columns.
    pub(crate) fn new(served: &'a Served, include: Include) -> Self {
        Table { served, include, now: Timestamp::now(), rows: Vec::new() }
    }

    /// Adds a row.
    pub(crate) fn add(&mut self, object: &Value) {
        let kind = &self.served.kind;
        let name = kind.leads_with_name().then(|| json!(object::name(object)));
        let others = kind.columns.iter().map(|column| bythos_kinds::cell(column, object, self.now));
        let cells: Vec<Value> = name.into_iter().chain(others).collect();
        let mut row = json!({ "cells": cells });
        match self.include {
            Include::Nothing => {}
            Include::Metadata => row["object"] = metadata_only(object),
            Include::Object => row["object"] = object.clone(),
        }
        self.rows.push(row);
    }

    /// The table. `definitions` replaces the column definitions, which later events of a watch leave out.
    pub(crate) fn finish(self, revision: Option<&str>, definitions: Option<Value>) -> Value {
        let definitions = definitions.unwrap_or_else(|| column_definitions(self.served));
        json!({
            "kind": "Table",
            "apiVersion": "meta.k8s.io/v1",
            "metadata": { "resourceVersion": revision.unwrap_or_default() },
            "columnDefinitions": definitions,
            "rows": self.rows,
        })
    }
}

fn column_definitions(served: &Served) -> Value {
    let name = json!({
        "name": "Name",
        "type": "string",
        "format": "name",
        "description": "Name must be unique within a namespace.",
        "priority": 0,
    });
    let others = served.kind.columns.iter().map(|column| {
        json!({
            "name": column.name,
            "type": column.type_,
            "format": column.format,
            "description": column.description,
            "priority": column.priority,
        })
    });
    served.kind.leads_with_name().then_some(name).into_iter().chain(others).collect()
}

/// The object as a `PartialObjectMetadata`.
pub(crate) fn metadata_only(object: &Value) -> Value {
    json!({
        "kind": "PartialObjectMetadata",
        "apiVersion": "meta.k8s.io/v1",
        "metadata": object.get("metadata").cloned().unwrap_or_else(|| json!({})),
    })
}
