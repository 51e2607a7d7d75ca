//! ControllerRevisions: the templates that a StatefulSet or DaemonSet has had, so that pods of an earlier one can be
//! told from others, made again, and gone back to by `kubectl rollout undo`.
//!
//! The name of a revision follows from its template, so that making it twice makes it once.

use std::collections::BTreeMap;
use std::sync::Arc;

use bythos_operator::apply::Applicable;
use bythos_operator::{Cache, ObjectKey};
use k8s_openapi::api::apps::v1::ControllerRevision;
use k8s_openapi::api::core::v1::PodTemplateSpec;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use k8s_openapi::apimachinery::pkg::runtime::RawExtension;
use kube::api::{Patch, PatchParams, PostParams};
use kube::core::{NamespaceResourceScope, Selector};
use kube::{Api, Client, Resource};
use serde_json::{Value, json};

use crate::call::{self, CallError};
use crate::{ownership, suffix};

/// On pods: the revision that they are of.
pub(crate) const POD_REVISION: &str = "controller-revision-hash";

/// The revisions of one owner, and the one of its present template.
pub(crate) struct Revisions {
    pub(crate) current: Arc<ControllerRevision>,
    /// All others, oldest first.
    pub(crate) others: Vec<Arc<ControllerRevision>>,
    /// How many times a name was taken by another template: it belongs into the status of the owner.
    pub(crate) collisions: i32,
}

/// What an owner has to say for its revisions to be kept.
pub(crate) struct Wish<'a> {
    pub(crate) template: &'a PodTemplateSpec,
    /// The label of the revision that repeats the end of its name.
    pub(crate) hash_label: &'static str,
    pub(crate) collisions: i32,
}

impl Revisions {
    /// Finds or makes the revision of the present template among those that `selector` matches. None in a namespace
    /// that is being deleted.
    pub(crate) async fn keep<O>(
        client: &Client,
        owner: &O,
        selector: &Selector,
        wish: &Wish<'_>,
        revisions: &Cache<ControllerRevision>,
    ) -> Result<Option<Revisions>, CallError>
    where
        O: Applicable + Resource<Scope = NamespaceResourceScope>,
    {
        let candidates = revisions.list_in(owner.meta().namespace.as_deref().unwrap_or_default());
        let owned = ownership::claim(client, owner, selector, candidates).await?;
        match Self::find_or_make(client, owner, wish, owned).await {
            Err(error) if error.is_namespace_going() => Ok(None),
            other => other.map(Some),
        }
    }

    async fn find_or_make<O>(
        client: &Client,
        owner: &O,
        wish: &Wish<'_>,
        owned: Vec<Arc<ControllerRevision>>,
    ) -> Result<Revisions, CallError>
    where
        O: Resource<DynamicType = ()>,
    {
        let mut others = owned;
        others.sort_by_key(|revision| (number(revision), revision.metadata.name.clone()));
        let data = data(wish.template);
        let next = others.last().map_or(0, |last| number(last)).saturating_add(1);
        let mut collisions = wish.collisions;
        let known = others.iter().rposition(|revision| revision.data.0 == data);
        let current = match known.map(|index| (others.remove(index), index)) {
            Some((known, index)) if index == others.len() => known,
            Some((known, _)) => Arc::new(renumber(client, &known, next).await?),
            None => loop {
                let wanted = build(owner, wish, &data, next, collisions);
                match create(client, owner, &wanted).await? {
                    Some(made) => break Arc::new(made),
                    None => collisions = collisions.saturating_add(1),
                }
            },
        };
        Ok(Revisions { current, others, collisions })
    }

    /// The revision of this name.
    pub(crate) fn named(&self, name: &str) -> Option<&Arc<ControllerRevision>> {
        let all = self.others.iter().chain([&self.current]);
        all.into_iter().find(|revision| revision.metadata.name.as_deref() == Some(name))
    }

    /// Deletes the oldest revisions beyond `limit` of those that `is_used` does not speak for.
    pub(crate) async fn forget(
        &self,
        client: &Client,
        limit: Option<i32>,
        is_used: impl Fn(&ControllerRevision) -> bool,
    ) -> Result<(), CallError> {
        let limit = usize::try_from(limit.unwrap_or(10)).unwrap_or_default();
        let unused: Vec<_> = self.others.iter().filter(|revision| !is_used(revision)).collect();
        let surplus = unused.len().saturating_sub(limit);
        for revision in unused.into_iter().take(surplus) {
            match call::delete(client, revision.as_ref()).await {
                Err(error) if !error.is_outrun() => return Err(error),
                _ => {}
            }
        }
        Ok(())
    }
}

/// The name of a revision.
pub(crate) fn name(revision: &ControllerRevision) -> &str {
    revision.metadata.name.as_deref().unwrap_or_default()
}

/// The template of a revision; none if somebody else wrote something else there.
pub(crate) fn template(revision: &ControllerRevision) -> Option<PodTemplateSpec> {
    let mut template = revision.data.0.pointer("/spec/template")?.clone();
    template.as_object_mut()?.remove("$patch");
    serde_json::from_value(template).ok()
}

/// A strategic merge patch that brings an owner back to `template`.
fn data(template: &PodTemplateSpec) -> Value {
    let mut template = json!(template);
    template["$patch"] = json!("replace");
    json!({ "spec": { "template": template } })
}

fn number(revision: &ControllerRevision) -> i64 {
    revision.revision.unwrap_or_default()
}

fn build<O: Resource<DynamicType = ()>>(
    owner: &O,
    wish: &Wish<'_>,
    data: &Value,
    number: i64,
    collisions: i32,
) -> ControllerRevision {
    let mut parts = vec![data.to_string().into_bytes()];
    if collisions > 0 {
        parts.push(collisions.to_be_bytes().to_vec());
    }
    let parts: Vec<&[u8]> = parts.iter().map(Vec::as_slice).collect();
    let hash = suffix::hash(&parts);
    let meta = owner.meta();
    let labels = wish.template.metadata.as_ref().and_then(|meta| meta.labels.clone());
    let mut labels: BTreeMap<String, String> = labels.unwrap_or_default();
    labels.insert(wish.hash_label.to_owned(), hash.clone());
    ControllerRevision {
        metadata: ObjectMeta {
            name: Some(format!("{}-{hash}", meta.name.as_deref().unwrap_or_default())),
            namespace: meta.namespace.clone(),
            labels: Some(labels),
            annotations: meta.annotations.clone(),
            owner_references: Some(vec![ownership::controller_reference(owner)]),
            ..ObjectMeta::default()
        },
        data: RawExtension(data.clone()),
        revision: Some(number),
    }
}

/// Makes the revision, or finds it where it was made already. None if its name is taken by another template.
async fn create<O>(
    client: &Client,
    owner: &O,
    wanted: &ControllerRevision,
) -> Result<Option<ControllerRevision>, CallError>
where
    O: Resource<DynamicType = ()>,
{
    let key = ObjectKey::of(wanted);
    let api = Api::<ControllerRevision>::namespaced(client.clone(), &key.namespace);
    let made = api.create(&PostParams::default(), wanted).await;
    match made.map_err(CallError::on::<ControllerRevision>("create", &key)) {
        Ok(made) => Ok(Some(made)),
        Err(error) if error.is_already_exists() => {
            let there = api.get(&key.name).await.map_err(CallError::on::<ControllerRevision>("get", &key))?;
            let uid = owner.meta().uid.as_deref().unwrap_or_default();
            let is_same = there.data.0 == wanted.data.0 && ownership::is_controlled_by(&there.metadata, uid);
            Ok(is_same.then_some(there))
        }
        Err(error) => Err(error),
    }
}

async fn renumber(
    client: &Client,
    revision: &ControllerRevision,
    number: i64,
) -> Result<ControllerRevision, CallError> {
    let key = ObjectKey::of(revision);
    let patch = json!({ "metadata": { "uid": revision.metadata.uid }, "revision": number });
    let api = Api::<ControllerRevision>::namespaced(client.clone(), &key.namespace);
    let patched = api.patch(&key.name, &PatchParams::default(), &Patch::Merge(patch)).await;
    patched.map_err(CallError::on::<ControllerRevision>("renumber", &key))
}
