//! `namePrefix` and `nameSuffix`.

use crate::resource::Resource;

/// Puts `prefix` before and `suffix` after the names of objects, but not of those whose names others know.
pub(crate) fn wrap(resources: &mut [Resource], prefix: &str, suffix: &str) {
    if prefix.is_empty() && suffix.is_empty() {
        return;
    }
    for resource in resources.iter_mut().filter(|resource| !keeps_its_name(resource)) {
        let name = format!("{prefix}{}{suffix}", resource.name());
        resource.set_name(name);
        resource.affixes.push((prefix.to_owned(), suffix.to_owned()));
    }
}

fn keeps_its_name(resource: &Resource) -> bool {
    matches!(
        (resource.group(), resource.kind()),
        (_, "CustomResourceDefinition" | "Namespace") | ("apiregistration.k8s.io", "APIService")
    )
}
