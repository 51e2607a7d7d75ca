//! `namespace`.

use serde_json::Value;

use crate::field::{Missing, visit};
use crate::resource::Resource;

/// Moves every namespaced object to `namespace`, and what points there with it.
pub(crate) fn set(resources: &mut [Resource], namespace: &str) {
    for resource in resources {
        match (resource.group(), resource.kind()) {
            ("", "Namespace") if resource.name() != namespace => resource.set_name(namespace.to_owned()),
            ("apiregistration.k8s.io", "APIService") => {
                put(resource, &["spec", "service", "namespace"], Missing::Create, namespace);
            }
            ("apiextensions.k8s.io", "CustomResourceDefinition") => {
                let path = ["spec", "conversion", "webhook", "clientConfig", "service", "namespace"];
                put(resource, &path, Missing::Skip, namespace);
            }
            ("rbac.authorization.k8s.io", "ClusterRoleBinding" | "RoleBinding") => {
                move_default_subjects(resource, namespace);
            }
            _ => {}
        }
        if !resource.is_cluster_scoped() {
            resource.set_namespace(namespace);
        }
    }
}

fn put(resource: &mut Resource, path: &[&str], missing: Missing, namespace: &str) {
    visit(&mut resource.value, path, missing, &mut |found| *found = Value::String(namespace.to_owned()));
}

/// The account `default` exists in every namespace: in a binding it means that of the namespace that is set.
/// Accounts that are part of the build follow by reference.
fn move_default_subjects(resource: &mut Resource, namespace: &str) {
    visit(&mut resource.value, &["subjects"], Missing::Skip, &mut |subjects| {
        for subject in subjects.as_array_mut().into_iter().flatten() {
            if subject["name"] == "default"
                && let Value::Object(subject) = subject
            {
                subject.insert("namespace".to_owned(), Value::String(namespace.to_owned()));
            }
        }
    });
}
