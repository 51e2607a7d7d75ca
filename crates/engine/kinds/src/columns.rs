//! What `kubectl get` shows, as upstream's `pkg/printers/internalversion` computes it, one file per kind or family.

pub(crate) mod access;
pub(crate) mod address;
pub(crate) mod admission;
pub(crate) mod api_service;
pub(crate) mod autoscaler;
pub(crate) mod certificate;
pub(crate) mod config;
pub(crate) mod deployment;
pub(crate) mod device;
pub(crate) mod event;
pub(crate) mod flow_control;
pub(crate) mod ingress;
pub(crate) mod job;
pub(crate) mod lease;
pub(crate) mod namespace;
pub(crate) mod node;
pub(crate) mod pod;
mod pod_status;
pub(crate) mod policy;
pub(crate) mod replica_set;
pub(crate) mod service;
pub(crate) mod storage;
pub(crate) mod workload;

use serde_json::Value;

use crate::cell::since;
use crate::fields::{at, integer, items, text};
use crate::{Cell, Column, Text};

/// What is shown where there is nothing.
const NONE: &str = "<none>";

/// A column of texts that is always shown.
fn column(name: &'static str, compute: fn(&Value) -> Value) -> Column {
    Column {
        name: name.into(),
        type_: "string".into(),
        format: Text::default(),
        description: Text::default(),
        priority: 0,
        cell: Cell::Computed(compute),
    }
}

/// A column of texts that speak of times.
fn column_at(name: &'static str, compute: fn(&Value, jiff::Timestamp) -> Value) -> Column {
    Column { cell: Cell::ComputedAt(compute), ..column(name, |_| Value::Null) }
}

/// A column of numbers that is always shown.
fn count(name: &'static str, compute: fn(&Value) -> Value) -> Column {
    Column { type_: "integer".into(), ..column(name, compute) }
}

/// The column, shown only with `-o wide`.
fn wide(column: Column) -> Column {
    Column { priority: 1, ..column }
}

/// How long the object has been there.
pub(crate) fn age() -> Column {
    let column =
        column_at("Age", |object, now| since(text(object, "metadata.creationTimestamp"), now).into());
    Column { description: "Time since the object was created".into(), ..column }
}

fn text_or_none(object: &Value, path: &str) -> Value {
    match text(object, path) {
        "" => NONE.into(),
        text => text.into(),
    }
}

fn text_at(object: &Value, path: &str) -> Value {
    text(object, path).into()
}

fn number_at(object: &Value, path: &str) -> Value {
    integer(object, path).unwrap_or_default().into()
}

/// How many entries the maps at these paths have together.
fn entries_of(object: &Value, paths: &[&str]) -> Value {
    let sizes = paths.iter().map(|path| at(object, path).as_object().map_or(0, serde_json::Map::len));
    sizes.sum::<usize>().into()
}

/// The items, joined by commas; at most `count_max` of them, and how many more there are.
fn joined(items: &[String], count_max: usize) -> String {
    let shown = items.iter().take(count_max).cloned().collect::<Vec<_>>().join(",");
    match items.len().saturating_sub(count_max) {
        0 if shown.is_empty() => NONE.to_owned(),
        0 => shown,
        more => format!("{shown} + {more} more..."),
    }
}

fn all_joined<'a>(items: impl Iterator<Item = &'a str>) -> Value {
    let joined = items.collect::<Vec<_>>().join(",");
    if joined.is_empty() { NONE.into() } else { joined.into() }
}

/// The wide columns of kinds with a pod template: containers, images and the selector.
fn template_columns() -> [Column; 3] {
    [
        wide(column("Containers", |object| of_containers(object, "name"))),
        wide(column("Images", |object| of_containers(object, "image"))),
        wide(column("Selector", |object| crate::selector::printed(at(object, "spec.selector")).into())),
    ]
}

fn of_containers(object: &Value, field: &str) -> Value {
    let containers = items(object, "spec.template.spec.containers");
    containers.iter().map(|container| text(container, field)).collect::<Vec<_>>().join(",").into()
}

/// The addresses in the status of a load balancer: of a Service or an Ingress.
fn load_balancer_addresses(object: &Value) -> String {
    let ingress = items(object, "status.loadBalancer.ingress").iter();
    let addresses = ingress.filter_map(|one| match (text(one, "ip"), text(one, "hostname")) {
        ("", "") => None,
        ("", hostname) => Some(hostname),
        (ip, _) => Some(ip),
    });
    addresses.collect::<Vec<_>>().join(",")
}

#[cfg(test)]
mod tests;
