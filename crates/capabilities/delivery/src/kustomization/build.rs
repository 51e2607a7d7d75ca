//! From files to the objects that are to be applied.

use bythos_api::flux::Artifact;
use bythos_api::kustomization::{Kustomization, KustomizationSpec};
use bythos_kustomize::{Budget, Image, Overlay, OverlayPatch, Selector, build_with};
use kube::ResourceExt as _;
use serde_json::{Map, Value};

use super::object::{OWNER_NAME, OWNER_NAMESPACE, Object};
use super::report::Failure;
use super::{Run, source, substitute};

impl Run<'_> {
    /// The objects that the artifact describes, as this kustomization changes them.
    pub(super) async fn build(&self, artifact: &Artifact) -> Result<Vec<Object>, Failure> {
        let files = source::files(&self.context.storage, artifact).await?;
        let variables = substitute::variables(&self.context.client, self.object).await?;
        let object = self.object.clone();
        let work = move || {
            let path = object.spec.path.as_deref().unwrap_or_default();
            let built = build_with(&files, path, &overlay(&object.spec), Budget::STANDARD)?;
            let substituted = match variables {
                Some(variables) => substitute::in_all(built, &variables)?,
                None => built,
            };
            substituted.into_iter().map(|value| finish(value, &object)).collect()
        };
        let built = tokio::task::spawn_blocking(work).await;
        built.unwrap_or_else(|panic| std::panic::resume_unwind(panic.into_panic()))
    }
}

/// The fields of a spec that Flux lays over the kustomization in the source.
fn overlay(spec: &KustomizationSpec) -> Overlay {
    let patch = |it: &bythos_api::kustomization::Patch| OverlayPatch {
        patch: it.patch.clone(),
        target: it.target.clone().map(|target| Selector {
            group: target.group,
            version: target.version,
            kind: target.kind,
            namespace: target.namespace,
            name: target.name,
            annotation_selector: target.annotation_selector,
            label_selector: target.label_selector,
        }),
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
        components: spec.components.clone(),
    }
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

fn put(metadata: &mut Map<String, Value>, field: &str, pairs: impl IntoIterator<Item = (String, String)>) {
    let mut pairs = pairs.into_iter().peekable();
    if pairs.peek().is_none() {
        return;
    }
    let known = metadata.entry(field).or_insert(Value::Null);
    if known.is_null() {
        *known = Value::Object(Map::new());
    }
    if let Value::Object(known) = known {
        known.extend(pairs.map(|(key, text)| (key, Value::String(text))));
    }
}
