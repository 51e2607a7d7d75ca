//! `images`: names, tags and digests of container images.

use regex::{Regex, RegexBuilder};
use serde_json::Value;

use crate::config::FieldSpec;
use crate::field::{self, Missing, scalar_text};
use crate::kustomization::{Image, ImageChange};
use crate::reader::kind_of;
use crate::resource::Resource;

/// How much the pattern of a name may take, in bytes.
const PATTERN_BYTES_MAX: usize = 1 << 20;

/// Replaces an image wherever an object names one: in every list of containers at any depth, and where the
/// specifications say.
pub(super) fn replace(
    resources: &mut [Resource],
    change: &ImageChange,
    specs: &[FieldSpec],
) -> Result<(), String> {
    let pattern = pattern(&change.image.name)?;
    let change = Change { image: &change.image, tag_suffix: change.tag_suffix.as_deref(), pattern };
    for resource in resources.iter_mut().filter(|resource| resource.kind() != "CustomResourceDefinition") {
        change.in_containers(&mut resource.value)?;
        for spec in specs {
            field::visit(resource, spec, Missing::Skip, &mut |found| change.update(found))?;
        }
    }
    Ok(())
}

/// The name is a pattern: kustomize puts it into one as it is.
fn pattern(name: &str) -> Result<Regex, String> {
    let whole = format!("^{name}(:[a-zA-Z0-9_.{{}}-]*)?(@sha256:[a-zA-Z0-9_.{{}}-]*)?$");
    let built = RegexBuilder::new(&whole).size_limit(PATTERN_BYTES_MAX).build();
    built.map_err(|error| format!("the name {name:?} is not a regular expression: {error}"))
}

struct Change<'a> {
    image: &'a Image,
    tag_suffix: Option<&'a str>,
    pattern: Regex,
}

impl Change<'_> {
    fn in_containers(&self, value: &mut Value) -> Result<(), String> {
        match value {
            Value::Array(items) => items.iter_mut().try_for_each(|item| self.in_containers(item)),
            Value::Object(map) => map.iter_mut().try_for_each(|(key, child)| {
                self.in_containers(child)?;
                match child {
                    Value::Array(items) if key == "containers" || key == "initContainers" => items
                        .iter_mut()
                        .filter_map(|item| item.get_mut("image"))
                        .try_for_each(|it| self.update(it)),
                    _ => Ok(()),
                }
            }),
            _ => Ok(()),
        }
    }

    fn update(&self, found: &mut Value) -> Result<(), String> {
        if found.is_array() || found.is_object() {
            return Err(format!("expected the name of an image, found {}", kind_of(found)));
        }
        if let Some(updated) = self.updated(&scalar_text(found)) {
            *found = Value::String(updated);
        }
        Ok(())
    }

    fn updated(&self, text: &str) -> Option<String> {
        if !self.pattern.is_match(text) {
            return None;
        }
        let Image { new_name, new_tag, digest: new_digest, .. } = self.image;
        let (name, tag, digest) = split(text);
        let mut tag = tag.map(str::to_owned);
        let mut digest = digest.map(str::to_owned);
        if new_tag.is_some() || new_digest.is_some() {
            (tag, digest) = (new_tag.clone(), new_digest.clone());
        } else if let Some(suffix) = self.tag_suffix {
            (tag, digest) = (Some(tag.unwrap_or_default() + suffix), None);
        }
        let mut updated = new_name.as_deref().unwrap_or(name).to_owned();
        for (separator, part) in [(':', tag), ('@', digest)] {
            if let Some(part) = part {
                updated.push(separator);
                updated.push_str(&part);
            }
        }
        Some(updated)
    }
}

/// Name, tag and digest. A colon belongs to a registry's port if a slash follows.
fn split(text: &str) -> (&str, Option<&str>, Option<&str>) {
    let (rest, digest) = match text.split_once('@') {
        Some((rest, digest)) => (rest, Some(digest)),
        None => (text, None),
    };
    let path = rest.find('/').filter(|slash| *slash > 0).unwrap_or(0);
    let (host, path) = rest.split_at(path);
    match path.split_once(':') {
        Some((name, tag)) => (&rest[..host.len() + name.len()], Some(tag), digest),
        None => (rest, None, digest),
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
        let change = Change { image: &image, tag_suffix: None, pattern: pattern(&image.name).unwrap() };
        assert_eq!(change.updated(found).as_deref(), expected, "{found}");
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
