//! Where a value stands in an object.

use std::fmt;
use std::sync::Arc;

/// The place of a value in an object, printed as Kubernetes does: `spec.containers[0].image`,
/// `metadata.labels[app.kubernetes.io/name]`.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct FieldPath(Vec<Step>);

/// One step of a [`FieldPath`].
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Step {
    /// A declared field.
    Field(Arc<str>),
    /// A key of a map.
    Key(Arc<str>),
    /// A place in a list, from 0.
    Index(usize),
    /// An item of a list that is told apart by its keys or its value, for example `name="web"`.
    Item(Arc<str>),
}

impl FieldPath {
    /// The object itself.
    pub fn root() -> Self {
        FieldPath::default()
    }
    /// This path and one field more.
    #[must_use]
    pub fn field(&self, name: &str) -> Self {
        self.with(Step::Field(name.into()))
    }
    /// This path and one map key more.
    #[must_use]
    pub fn key(&self, key: &str) -> Self {
        self.with(Step::Key(key.into()))
    }
    /// This path and one place in a list more.
    #[must_use]
    pub fn index(&self, index: usize) -> Self {
        self.with(Step::Index(index))
    }
    /// This path and one item of a keyed list or of a set more.
    #[must_use]
    pub fn item(&self, item: &str) -> Self {
        self.with(Step::Item(item.into()))
    }
    fn with(&self, step: Step) -> Self {
        let mut steps = self.0.clone();
        steps.push(step);
        FieldPath(steps)
    }
    /// This path and all steps of another.
    #[must_use]
    pub fn join(&self, below: &FieldPath) -> Self {
        FieldPath(self.0.iter().chain(&below.0).cloned().collect())
    }
    /// The steps, from the root.
    pub fn steps(&self) -> &[Step] {
        &self.0
    }
}

impl fmt::Display for FieldPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, step) in self.0.iter().enumerate() {
            match step {
                Step::Field(name) if index == 0 => f.write_str(name)?,
                Step::Field(name) => write!(f, ".{name}")?,
                Step::Key(key) | Step::Item(key) => write!(f, "[{key}]")?,
                Step::Index(index) => write!(f, "[{index}]")?,
            }
        }
        Ok(())
    }
}

/// A path under construction: it lives on the stack of the walk and becomes a [`FieldPath`] only for a finding.
#[derive(Clone, Copy)]
pub(crate) enum Trail<'a> {
    Root,
    Field(&'a Trail<'a>, &'a str),
    Key(&'a Trail<'a>, &'a str),
    Index(&'a Trail<'a>, usize),
}

impl Trail<'_> {
    pub(crate) fn path(&self) -> FieldPath {
        let mut steps = Vec::new();
        let mut here = *self;
        loop {
            here = match here {
                Trail::Root => break,
                Trail::Field(above, name) => {
                    steps.push(Step::Field(name.into()));
                    *above
                }
                Trail::Key(above, key) => {
                    steps.push(Step::Key(key.into()));
                    *above
                }
                Trail::Index(above, index) => {
                    steps.push(Step::Index(index));
                    *above
                }
            };
        }
        steps.reverse();
        FieldPath(steps)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_prints_as_kubernetes_prints_it() {
        let root = Trail::Root;
        let labels = Trail::Field(&root, "metadata");
        let labels = Trail::Field(&labels, "labels");
        assert_eq!(
            Trail::Key(&labels, "app.kubernetes.io/name").path().to_string(),
            "metadata.labels[app.kubernetes.io/name]"
        );
        let image = FieldPath::root().field("spec").field("containers").index(0).field("image");
        assert_eq!(image.to_string(), "spec.containers[0].image");
        let owned =
            FieldPath::root().field("spec").field("ports").item(r#"port=80,protocol="TCP""#).field("name");
        assert_eq!(owned.to_string(), r#"spec.ports[port=80,protocol="TCP"].name"#);
    }
}
