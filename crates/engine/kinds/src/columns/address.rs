//! Addresses of services.

use super::{age, all_joined, column};
use crate::Column;
use crate::fields::{items, text};

pub(crate) fn ip_address() -> Vec<Column> {
    vec![
        column("ParentRef", |address| {
            let part = |field: &str| text(address, &format!("spec.parentRef.{field}")).to_lowercase();
            let resource = match (part("resource"), part("group")) {
                (resource, group) if group.is_empty() => resource,
                (resource, group) => format!("{resource}.{group}"),
            };
            let parts = [resource, part("namespace"), part("name")];
            parts.into_iter().filter(|part| !part.is_empty()).collect::<Vec<_>>().join("/").into()
        }),
        age(),
    ]
}

pub(crate) fn service_cidr() -> Vec<Column> {
    vec![
        column("CIDRs", |networks| {
            all_joined(items(networks, "spec.cidrs").iter().filter_map(|network| network.as_str()))
        }),
        age(),
    ]
}
