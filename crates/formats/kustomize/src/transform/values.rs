//! `ValueAddTransformer`: a value for a field, or for a part of the path that stands in it.

use serde_json::Value;

use super::namespace::{Change, Subjects};
use crate::config::split_path;
use crate::field::{scalar_text, set_text};
use crate::reader::kind_of;
use crate::resource::Resource;
use crate::selector::Compiled;

/// A value and where it goes.
#[derive(Debug)]
pub(crate) struct ValueAdd {
    pub(crate) value: String,
    pub(crate) targets: Vec<ValueTarget>,
}

/// Where a value goes.
#[derive(Debug)]
pub(crate) struct ValueTarget {
    /// Which objects; without it, all.
    pub(crate) select: Option<Compiled>,
    pub(crate) path: String,
    /// Before which part of a path the value is put, from 1; 0 puts it in place of the whole.
    pub(crate) position: usize,
}

impl ValueAdd {
    pub(super) fn add(&self, resources: &mut [Resource]) -> Result<(), String> {
        for target in &self.targets {
            let is_meant = |it: &Resource| target.select.as_ref().is_none_or(|select| select.selects(it));
            for resource in resources.iter_mut().filter(|it| is_meant(it)) {
                if target.path == "metadata/namespace" {
                    let change = Change {
                        namespace: &self.value,
                        specs: &[],
                        only_unset: false,
                        subjects: Subjects::Default,
                    };
                    change.apply(std::slice::from_mut(resource))?;
                } else {
                    self.put(resource, target)
                        .map_err(|message| format!("{}: {message}", resource.label()))?;
                }
            }
        }
        Ok(())
    }

    fn put(&self, resource: &mut Resource, target: &ValueTarget) -> Result<(), String> {
        let mut found = &mut resource.value;
        for step in split_path(&target.path, '/') {
            if found.is_null() {
                *found = Value::Object(serde_json::Map::new());
            }
            let words = kind_of(found);
            let map = found.as_object_mut();
            let map = map.ok_or_else(|| format!("expected a map around {step:?}, found {words}"))?;
            found = map.entry(step).or_insert(Value::Null);
        }
        let text = match (target.position, &*found) {
            (0, _) => self.value.clone(),
            (position, Value::Null) => put_part("", position - 1, &self.value),
            (position, found) => put_part(&scalar_text(found), position - 1, &self.value),
        };
        set_text(found, &text)
    }
}

/// The path with a part put before that of the index, or at the end.
fn put_part(path: &str, index: usize, part: &str) -> String {
    let is_absolute = path.starts_with('/');
    let mut parts: Vec<&str> = path.split('/').filter(|it| !it.is_empty()).collect();
    parts.insert(index.min(parts.len()), part);
    format!("{}{}", if is_absolute { "/" } else { "" }, parts.join("/"))
}
