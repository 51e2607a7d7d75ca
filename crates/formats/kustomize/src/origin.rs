//! `buildMetadata`: annotations that say where an object comes from and what changed it.

use serde_json::Value;

use crate::resource::{Resource, map_in};

const ORIGIN: &str = "config.kubernetes.io/origin";
const TRANSFORMATIONS: &str = "alpha.config.kubernetes.io/transformations";
const MANAGED_BY: &str = "app.kubernetes.io/managed-by";
/// What `kubectl kustomize` writes, which knows no version of its own.
const MANAGER: &str = "kustomize-(devel)";

/// Which annotations are asked for.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Metadata {
    pub(crate) origin: bool,
    pub(crate) transformations: bool,
    pub(crate) managed_by: bool,
}

impl Metadata {
    /// What the options of `buildMetadata` ask for.
    pub(crate) fn asked(options: &[String]) -> Self {
        let is_asked = |option: &str| options.iter().any(|it| it == option);
        Metadata {
            origin: is_asked("originAnnotations"),
            transformations: is_asked("transformerAnnotations"),
            managed_by: is_asked("managedByLabel"),
        }
    }

    /// Whether objects have to carry their origin while they are built.
    pub(crate) fn follows_origins(self) -> bool {
        self.origin || self.transformations
    }
}

/// Where an object comes from: a file, or an entry of a kustomization file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Origin {
    File { path: String },
    Configured { file: String, by: ConfiguredBy },
}

/// What made or changed an object: a built-in plugin, or one that a file configures.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ConfiguredBy {
    pub(crate) kind: String,
    pub(crate) name: Option<String>,
}

impl Origin {
    fn lines(&self) -> Vec<String> {
        let scalar =
            |text: &str| bythos_yaml::to_string(&Value::String(text.to_owned())).trim_end().to_owned();
        match self {
            Origin::File { path } => vec![format!("path: {}", scalar(path))],
            Origin::Configured { file, by } => {
                let mut lines = vec![
                    format!("configuredIn: {}", scalar(file)),
                    "configuredBy:".to_owned(),
                    "  apiVersion: builtin".to_owned(),
                    format!("  kind: {}", scalar(&by.kind)),
                ];
                lines.extend(by.name.as_ref().map(|name| format!("  name: {}", scalar(name))));
                lines
            }
        }
    }
}

/// Notes that a transformer went over the objects; for those of unknown origin it is the origin.
pub(crate) fn note(resources: &mut [Resource], origin: &Origin) {
    for resource in resources {
        match resource.origin {
            None => resource.origin = Some(origin.clone()),
            Some(_) => resource.transformations.push(origin.clone()),
        }
    }
}

/// Writes what is asked for into the object.
pub(crate) fn write(resource: &mut Resource, metadata: Metadata) {
    if metadata.managed_by {
        let labels = map_in(&mut resource.value["metadata"], "labels");
        labels.insert(MANAGED_BY.to_owned(), Value::String(MANAGER.to_owned()));
    }
    let text = |origin: &Origin| origin.lines().join("\n") + "\n";
    if let (true, Some(origin)) = (metadata.origin, &resource.origin) {
        let text = text(origin);
        annotate(resource, ORIGIN, text);
    }
    if metadata.transformations && !resource.transformations.is_empty() {
        let items =
            resource.transformations.iter().map(|origin| format!("- {}\n", origin.lines().join("\n  ")));
        let text = items.collect();
        annotate(resource, TRANSFORMATIONS, text);
    }
}

fn annotate(resource: &mut Resource, key: &str, text: String) {
    map_in(&mut resource.value["metadata"], "annotations").insert(key.to_owned(), Value::String(text));
}
