//! What is laid over the objects that a chart gives: kustomize's patches and images, common metadata, and the labels by
//! which objects name the release that made them. Pure.
//!
//! Objects keep the template that they came from. As in Flux, hooks go through it together with all others, or not at all.

use std::collections::BTreeMap;

use bythos_api::helmrelease::{HelmReleaseSpec, Kustomize};
use bythos_api::kustomization::CommonMetadata;
use bythos_helm::{Manifest, Manifests, Rendered};
use bythos_kustomize::{Budget, Image, Manner, Options, Overlay, OverlayPatch, kustomize};
use bythos_yaml::Limits;
use serde_json::{Map, Value, json};

use super::chart::{OWNER_NAME, OWNER_NAMESPACE};
use crate::artifact;
use crate::kustomization::selector;
use crate::metadata::put;
use crate::release::Finish;

/// Where an object came from, while kustomize has it.
const ORIGIN: &str = "postrenderer.helm.sh/postrender-filename";
const INPUT: &str = "helm-output.yaml";

/// What tells whether it changed since the last release.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Digests {
    pub(super) renderers: Option<String>,
    pub(super) common_metadata: Option<String>,
}

impl Digests {
    pub(super) fn of(spec: &HelmReleaseSpec) -> Digests {
        let digest = |value: Value| artifact::digest(value.to_string().as_bytes());
        Digests {
            renderers: (!spec.post_renderers.is_empty()).then(|| digest(json!(spec.post_renderers))),
            common_metadata: spec.common_metadata.as_ref().map(|it| digest(json!(it))),
        }
    }
}

/// What a release lays over the objects of its chart.
pub(super) struct PostRender {
    pub(super) kustomize: Vec<Kustomize>,
    pub(super) common_metadata: CommonMetadata,
    /// Whether hooks stay as they are.
    pub(super) without_hooks: bool,
    /// Name and namespace of the HelmRelease.
    pub(super) owner: (String, String),
}

impl PostRender {
    pub(super) fn of(spec: &HelmReleaseSpec, owner: (String, String)) -> PostRender {
        PostRender {
            kustomize: spec.post_renderers.iter().filter_map(|it| it.kustomize.clone()).collect(),
            common_metadata: spec.common_metadata.clone().unwrap_or_default(),
            without_hooks: spec.post_render_strategy.as_deref() == Some("nohooks"),
            owner,
        }
    }

    pub(super) fn finish(self) -> Finish {
        Box::new(move |rendered| self.over(rendered))
    }

    fn over(&self, mut rendered: Rendered) -> Result<Rendered, String> {
        let hooks = std::mem::take(&mut rendered.manifests.hooks);
        let resources = std::mem::take(&mut rendered.manifests.resources);
        let mut all: Vec<&Manifest> = resources.iter().collect();
        if !self.without_hooks {
            all.extend(hooks.iter().map(|hook| &hook.manifest));
        }
        let mut objects = Vec::new();
        for manifest in all {
            objects.extend(parsed(manifest)?);
        }
        for step in &self.kustomize {
            objects = kustomized(step, &objects)?;
        }
        let texts = self.printed(objects);
        let named = texts.iter().map(|(name, text)| (name.as_str(), text.as_str()));
        rendered.manifests = Manifests::sort(named).map_err(|error| error.to_string())?;
        if self.without_hooks {
            rendered.manifests.hooks = hooks;
        }
        Ok(rendered)
    }

    /// The objects as texts, by the template that they came from.
    fn printed(&self, objects: Vec<Value>) -> BTreeMap<String, String> {
        let mut texts: BTreeMap<String, String> = BTreeMap::new();
        for mut object in objects {
            let origin = take_origin(&mut object);
            self.mark(&mut object);
            let text = texts.entry(origin).or_default();
            text.push_str("---\n");
            text.push_str(&bythos_yaml::to_string(&object));
        }
        texts
    }

    fn mark(&self, object: &mut Value) {
        let Some(metadata) = object.get_mut("metadata").and_then(Value::as_object_mut) else { return };
        let (name, namespace) = &self.owner;
        let owner = [(OWNER_NAME.to_owned(), name.clone()), (OWNER_NAMESPACE.to_owned(), namespace.clone())];
        put(metadata, "annotations", self.common_metadata.annotations.clone());
        put(metadata, "labels", self.common_metadata.labels.clone().into_iter().chain(owner));
    }
}

/// The objects of a manifest, each with its origin. What is no object has nothing that could be changed.
fn parsed(manifest: &Manifest) -> Result<Vec<Value>, String> {
    // As in the manifest of a release, where a block at the end has its line break.
    let parsed = bythos_yaml::parse_all(&format!("{}\n", manifest.content), Limits::MANIFESTS);
    let parsed = parsed.map_err(|error| format!("{}: {error}", manifest.source))?;
    let mut objects = Vec::new();
    for mut object in parsed {
        let Some(fields) = object.as_object_mut() else { continue };
        let metadata = fields.entry("metadata").or_insert(Value::Null);
        if metadata.is_null() {
            *metadata = Value::Object(Map::new());
        }
        if let Value::Object(metadata) = metadata {
            put(metadata, "annotations", [(ORIGIN.to_owned(), manifest.source.clone())]);
        }
        objects.push(object);
    }
    Ok(objects)
}

fn take_origin(object: &mut Value) -> String {
    let Some(metadata) = object.get_mut("metadata").and_then(Value::as_object_mut) else {
        return String::new();
    };
    let Some(annotations) = metadata.get_mut("annotations").and_then(Value::as_object_mut) else {
        return String::new();
    };
    let origin = annotations.remove(ORIGIN);
    if annotations.is_empty() {
        metadata.remove("annotations");
    }
    origin.and_then(|origin| origin.as_str().map(str::to_owned)).unwrap_or_default()
}

fn kustomized(step: &Kustomize, objects: &[Value]) -> Result<Vec<Value>, String> {
    if objects.is_empty() {
        return Ok(Vec::new());
    }
    let resources = bythos_kustomize::to_yaml(objects).into_bytes();
    let kustomization = format!("resources: [{INPUT}]\n").into_bytes();
    let files =
        BTreeMap::from([(INPUT.to_owned(), resources), ("kustomization.yaml".to_owned(), kustomization)]);
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
    let overlay = Overlay {
        patches: step.patches.iter().map(patch).collect(),
        images: step.images.iter().map(image).collect(),
        ..Overlay::default()
    };
    let options = Options { manner: Manner::Kustomize, overlay, fetch: None, budget: Budget::STANDARD };
    kustomize(&files, "", &options).map_err(|error| bythos_operator::error_chain(&error))
}

#[cfg(test)]
mod tests {
    use super::*;

    const WEB: &str = "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: web}\nspec: {template: {spec: {containers: \
                       [{name: a, image: 'a:1'}]}}}\n";
    const HOOK: &str = "apiVersion: v1\nkind: Pod\nmetadata: {name: hook, annotations: {helm.sh/hook: test}}\nspec: \
                        {containers: [{name: a, image: 'a:1'}]}\n";

    fn rendered() -> Rendered {
        let texts = [("c/templates/web.yaml", WEB), ("c/templates/hook.yaml", HOOK)];
        Rendered { manifests: Manifests::sort(texts.into_iter()).unwrap(), ..Rendered::default() }
    }

    fn over(fields: &Value) -> Rendered {
        let mut spec = json!({ "interval": "1m" });
        spec.as_object_mut().unwrap().extend(fields.as_object().unwrap().clone());
        let spec: HelmReleaseSpec = serde_json::from_value(spec).unwrap();
        PostRender::of(&spec, ("rel".to_owned(), "ns".to_owned())).finish()(rendered()).unwrap()
    }

    fn object(manifest: &Manifest) -> Value {
        bythos_yaml::parse(&manifest.content, Limits::MANIFESTS).unwrap()
    }

    #[test]
    fn objects_name_the_release_that_made_them_and_keep_their_template() {
        let rendered =
            over(&json!({ "commonMetadata": { "labels": { "a": "b" }, "annotations": { "c": "d" } } }));
        let web = &rendered.manifests.resources[0];
        assert_eq!(web.source, "c/templates/web.yaml");
        assert_eq!(
            object(web)["metadata"],
            json!({
                "name": "web", "annotations": { "c": "d" },
                "labels": { "a": "b", OWNER_NAME: "rel", OWNER_NAMESPACE: "ns" },
            })
        );
        assert_eq!(rendered.manifests.hooks[0].manifest.source, "c/templates/hook.yaml");
    }

    #[test]
    fn kustomize_changes_hooks_too_unless_they_are_left_out() {
        let images = json!([{ "kustomize": { "images": [{ "name": "a", "newTag": "2" }] } }]);
        let image = |manifest: &Manifest| {
            let object = object(manifest);
            let spec = object.pointer("/spec/template/spec").unwrap_or(&object["spec"]).clone();
            spec["containers"][0]["image"].clone()
        };
        let both = over(&json!({ "postRenderers": images }));
        assert_eq!(image(&both.manifests.resources[0]), "a:2");
        assert_eq!(image(&both.manifests.hooks[0].manifest), "a:2");
        let without = over(&json!({ "postRenderers": images, "postRenderStrategy": "nohooks" }));
        assert_eq!(image(&without.manifests.resources[0]), "a:2");
        assert_eq!(image(&without.manifests.hooks[0].manifest), "a:1");
    }

    #[test]
    fn patches_come_one_renderer_after_the_other() {
        let patch = |replicas: i64| {
            let text = format!("[{{\"op\": \"add\", \"path\": \"/spec/replicas\", \"value\": {replicas}}}]");
            json!({ "kustomize": { "patches": [{ "patch": text, "target": { "kind": "Deployment" } }] } })
        };
        let rendered = over(&json!({ "postRenderers": [patch(2), patch(3)] }));
        assert_eq!(object(&rendered.manifests.resources[0])["spec"]["replicas"], 3);
    }
}
