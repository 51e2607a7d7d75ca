//! `images`: names, tags and digests of container images.

use serde_json::Value;

use crate::field::{Missing, visit};
use crate::kustomization::Image;
use crate::resource::Resource;

/// Replaces an image wherever an object names one: in every list of containers at any depth, as kustomize does, and
/// in volumes of a pod.
pub(crate) fn replace(resources: &mut [Resource], image: &Image) {
    for resource in resources.iter_mut().filter(|resource| resource.kind() != "CustomResourceDefinition") {
        in_containers(&mut resource.value, image);
        for path in [
            &["spec", "volumes", "image", "reference"][..],
            &["spec", "template", "spec", "volumes", "image", "reference"],
        ] {
            visit(&mut resource.value, path, Missing::Skip, &mut |found| update(found, image));
        }
    }
}

fn in_containers(value: &mut Value, image: &Image) {
    match value {
        Value::Array(items) => items.iter_mut().for_each(|item| in_containers(item, image)),
        Value::Object(map) => {
            for (key, child) in map {
                if key == "containers" || key == "initContainers" {
                    visit(child, &["image"], Missing::Skip, &mut |found| update(found, image));
                }
                in_containers(child, image);
            }
        }
        _ => {}
    }
}

fn update(found: &mut Value, image: &Image) {
    if let Value::String(text) = found
        && let Some(updated) = updated(text, image)
    {
        *text = updated;
    }
}

fn updated(text: &str, image: &Image) -> Option<String> {
    let (name, tag, digest) = split(text);
    if name != image.name {
        return None;
    }
    let (tag, digest) = match (&image.new_tag, &image.digest) {
        (None, None) => (tag, digest),
        (new_tag, new_digest) => (new_tag.as_deref(), new_digest.as_deref()),
    };
    let mut updated = image.new_name.as_deref().unwrap_or(name).to_owned();
    for (separator, part) in [(':', tag), ('@', digest)] {
        if let Some(part) = part {
            updated.push(separator);
            updated.push_str(part);
        }
    }
    Some(updated)
}

/// Name, tag and digest. A colon belongs to a registry's port if a slash follows.
fn split(text: &str) -> (&str, Option<&str>, Option<&str>) {
    let (rest, digest) = match text.split_once('@') {
        Some((rest, digest)) => (rest, Some(digest)),
        None => (text, None),
    };
    match rest.rsplit_once(':') {
        Some((name, tag)) if !tag.contains('/') => (name, Some(tag), digest),
        _ => (rest, None, digest),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(found: &str, change: (&str, Option<&str>, Option<&str>, Option<&str>), expected: Option<&str>) {
        let owned = |text: Option<&str>| text.map(str::to_owned);
        let image = Image {
            name: change.0.to_owned(),
            new_name: owned(change.1),
            new_tag: owned(change.2),
            digest: owned(change.3),
        };
        assert_eq!(updated(found, &image).as_deref(), expected, "{found}");
    }

    #[test]
    fn images_are_told_apart_by_their_whole_name() {
        check("nginx", ("nginx", None, Some("1.2"), None), Some("nginx:1.2"));
        check("nginx:1.0", ("nginx", None, Some("1.2"), None), Some("nginx:1.2"));
        check("nginx:1.0", ("nginx", Some("mine/web"), None, None), Some("mine/web:1.0"));
        check("nginx:1.0@sha256:aa", ("nginx", None, Some("2"), None), Some("nginx:2"));
        check("nginx:1.0", ("nginx", None, None, Some("sha256:bb")), Some("nginx@sha256:bb"));
        check("host:5000/nginx", ("host:5000/nginx", None, Some("2"), None), Some("host:5000/nginx:2"));
        check("host:5000/nginx:1", ("nginx", None, Some("2"), None), None);
        check("nginx-extra:1", ("nginx", None, Some("2"), None), None);
    }
}
