//! `namespace`.

use serde_json::Value;

use crate::config::FieldSpec;
use crate::field::{self, Missing, set_text};
use crate::reader::kind_of;
use crate::resource::Resource;

/// In which subjects of role bindings the namespace is set.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Subjects {
    /// Those called `default`: that account exists in every namespace, and means that of the binding.
    Default,
    Accounts,
    None,
}

/// Moves every namespaced object to a namespace, and what points there with it.
pub(super) struct Change<'a> {
    pub(super) namespace: &'a str,
    pub(super) specs: &'a [FieldSpec],
    pub(super) only_unset: bool,
    pub(super) subjects: Subjects,
}

impl Change<'_> {
    pub(super) fn apply(&self, resources: &mut [Resource]) -> Result<(), String> {
        if self.namespace.is_empty() {
            return Ok(());
        }
        resources.iter_mut().try_for_each(|resource| self.change(resource))
    }

    fn change(&self, resource: &mut Resource) -> Result<(), String> {
        resource.remember();
        let is_binding = matches!(resource.kind(), "RoleBinding" | "ClusterRoleBinding");
        let is_core = resource.group().is_empty() && resource.version() == "v1";
        if !resource.is_cluster_scoped() {
            let spec = FieldSpec::everywhere("metadata/namespace");
            field::visit(resource, &spec, Missing::MakeText, &mut |found| self.set(found))?;
        }
        if is_binding {
            self.change_subjects(resource)?;
        }
        for spec in self.specs {
            let done = match spec.path.as_str() {
                "metadata/namespace" => true,
                "metadata/name" => !is_core,
                "subjects/namespace" => is_binding,
                _ => false,
            };
            if !done {
                field::visit(resource, spec, Missing::MakeText, &mut |found| self.set(found))?;
            }
        }
        Ok(())
    }

    fn set(&self, found: &mut Value) -> Result<(), String> {
        let is_unset = matches!(found, Value::Null) || found.as_str().is_some_and(str::is_empty);
        if self.only_unset && !is_unset { Ok(()) } else { set_text(found, self.namespace) }
    }

    fn change_subjects(&self, resource: &mut Resource) -> Result<(), String> {
        let subjects = match resource.value.get_mut("subjects") {
            None | Some(Value::Null) => return Ok(()),
            Some(Value::Array(subjects)) => subjects,
            Some(other) => return Err(format!("subjects: expected a list, found {}", kind_of(other))),
        };
        for subject in subjects.iter_mut().filter_map(Value::as_object_mut) {
            let is = |field: &str, wanted: &str| subject.get(field).is_some_and(|found| found == wanted);
            let is_meant = match self.subjects {
                Subjects::Default => is("name", "default"),
                Subjects::Accounts => is("kind", "ServiceAccount"),
                Subjects::None => false,
            };
            if is_meant {
                self.set(subject.entry("namespace").or_insert(Value::Null))?;
            }
        }
        Ok(())
    }
}
