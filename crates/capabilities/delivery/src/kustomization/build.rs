//! From files to the objects that are to be applied.

use bythos_api::flux::Artifact;
use bythos_api::kustomization::{Kustomization, KustomizationSpec};
use bythos_kustomize::{Budget, Files, Image, Manner, Options, Overlay, OverlayPatch, Selector, kustomize};
use kube::{Client, ResourceExt as _};
use serde_json::Value;

use super::object::{OWNER_NAME, OWNER_NAMESPACE, Object};
use super::report::Failure;
use super::{Run, source, substitute};
use crate::artifact;
use crate::metadata::put;
use crate::remote::Remote;

impl Run<'_> {
    /// The objects that the artifact describes, as this kustomization changes them.
    pub(super) async fn build(&self, artifact: &Artifact) -> Result<Vec<Object>, Failure> {
        let files = source::files(&self.context.storage, artifact).await?;
        objects(&self.context.client, self.object, files).await
    }
}

/// The objects that these files describe, as a kustomization changes them. Its variables are read with `client`.
pub(super) async fn objects(
    client: &Client,
    object: &Kustomization,
    files: Files,
) -> Result<Vec<Object>, Failure> {
    let variables = substitute::variables(client, object).await?;
    let (object, remote) = (object.clone(), Remote::new(client.clone()));
    let work = move || {
        let path = object.spec.path.as_deref().unwrap_or_default();
        let options = Options {
            manner: Manner::Flux,
            overlay: overlay(&object.spec, &files),
            fetch: Some(&|address| remote.fetch(address)),
            budget: Budget::STANDARD,
        };
        let built = kustomize(&files, path, &options)?;
        let substituted = match variables {
            Some(variables) => substitute::in_all(built, &variables)?,
            None => built,
        };
        substituted.into_iter().map(|value| finish(value, &object)).collect()
    };
    let built = tokio::task::spawn_blocking(work).await;
    built.unwrap_or_else(|panic| std::panic::resume_unwind(panic.into_panic()))
}

/// What tells these objects apart from others, as the history names it.
pub(super) fn digest_of(objects: &[Object]) -> String {
    let mut hash = artifact::Hash::default();
    for object in objects {
        hash.add(object.value.to_string().as_bytes());
    }
    hash.finish()
}

/// What selects objects in a spec, as kustomize selects them.
pub(crate) fn selector(target: &bythos_api::kustomization::Selector) -> Selector {
    let target = target.clone();
    Selector {
        group: target.group,
        version: target.version,
        kind: target.kind,
        namespace: target.namespace,
        name: target.name,
        annotation_selector: target.annotation_selector,
        label_selector: target.label_selector,
    }
}

/// The fields of a spec that Flux lays over the kustomization in the source.
fn overlay(spec: &KustomizationSpec, files: &Files) -> Overlay {
    let patch = |it: &bythos_api::kustomization::Patch| OverlayPatch {
        patch: it.patch.clone(),
        target: it.target.as_ref().map(selector),
    };
    let image = |it: &bythos_api::kustomization::Image| Image {
        name: it.name.clone(),
        new_name: it.new_name.clone(),
        new_tag: it.new_tag.clone(),
        digest: it.digest.clone(),
    };
    Overlay {
        namespace: spec.target_namespace.clone(),
        name_prefix: spec.name_prefix.clone(),
        name_suffix: spec.name_suffix.clone(),
        patches: spec.patches.iter().map(patch).collect(),
        images: spec.images.iter().map(image).collect(),
        components: components(spec, files),
        build_metadata: spec.build_metadata.clone(),
    }
}

/// The components; those that are not there are left out where the spec says so.
fn components(spec: &KustomizationSpec, files: &Files) -> Vec<String> {
    let base = spec.path.as_deref().unwrap_or_default();
    let is_there = |component: &&String| {
        let Some(folder) = folder_at(base, component) else { return true };
        files.keys().any(|path| path.strip_prefix(&folder).is_some_and(|rest| rest.starts_with('/')))
    };
    let may_miss = spec.ignore_missing_components == Some(true);
    spec.components.iter().filter(|component| !may_miss || is_there(component)).cloned().collect()
}

/// The folder that `path` means, seen from the folder `base`; `None` outside of the source.
fn folder_at(base: &str, path: &str) -> Option<String> {
    let mut steps: Vec<&str> = Vec::new();
    for step in base.split('/').chain(path.split('/')) {
        match step {
            "" | "." => {}
            ".." => {
                steps.pop()?;
            }
            step => steps.push(step),
        }
    }
    Some(steps.join("/"))
}

/// What every object gets: common metadata, and the name of who keeps it.
fn finish(mut value: Value, object: &Kustomization) -> Result<Object, Failure> {
    if value["kind"] == "Secret" && !value["sops"].is_null() {
        let name = value["metadata"]["name"].as_str().unwrap_or_default();
        return Err(Failure::Encrypted { secret: name.to_owned() });
    }
    if let Value::Object(map) = &mut value {
        // Both are the server's to write; tools that print objects leave them in.
        map.remove("status");
    }
    let common = object.spec.common_metadata.clone().unwrap_or_default();
    let owner = [(OWNER_NAME, object.name_any()), (OWNER_NAMESPACE, object.namespace().unwrap_or_default())];
    if let Some(metadata) = value.get_mut("metadata").and_then(Value::as_object_mut) {
        metadata.remove("creationTimestamp");
        put(metadata, "annotations", common.annotations);
        put(metadata, "labels", common.labels);
        put(metadata, "labels", owner.map(|(key, text)| (key.to_owned(), text)));
    }
    Ok(Object::of(value))
}
