//! The objects of releases: made, changed, looked at and deleted.

use std::sync::Arc;

use bythos_helm::plan::{
    Apply, DeleteIf, FIELD_MANAGER, Manner, Object, ObjectKey, Ownership, Propagation, Step, ThreeWayPatch,
    applied_managed_fields, is_kept, three_way_patch,
};
use k8s_openapi::api::core::v1::Namespace;
use kube::Api;
use kube::api::{DeleteParams, Patch, PatchParams, PostParams, PropagationPolicy, ValidationDirective};
use kube::core::{DynamicObject, GroupVersionKind};
use serde_json::{Value, json};

use super::Releases;
use super::carry::Progress;
use crate::kinds::{Kind, KindError};
use crate::status::words;

/// How often an object is read again because somebody else wrote it in between.
const ATTEMPTS: usize = 5;

/// Something is wrong with an object.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ObjectError {
    #[error(
        "unable to build kubernetes objects from release manifest: {object}: ensure CRDs are installed first"
    )]
    Kind {
        object: Box<ObjectKey>,
        #[source]
        source: KindError,
    },
    #[error("failed to {verb} {object}: {words}")]
    Ask { verb: &'static str, object: Box<ObjectKey>, words: String },
    #[error("{object} exists and cannot be imported into the current release: {why}")]
    NotOurs { object: Box<ObjectKey>, why: String },
    #[error("failed to make namespace {name:?}: {words}")]
    Namespace { name: String, words: String },
}

/// An object's kind, and the way to it.
pub(crate) struct Way {
    pub(crate) kind: Kind,
    pub(crate) api: Api<DynamicObject>,
}

impl Releases<'_> {
    pub(crate) async fn way_to(&self, key: &ObjectKey) -> Result<Way, ObjectError> {
        let version = key.api_version.rsplit('/').next().unwrap_or_default();
        let gvk = GroupVersionKind::gvk(key.group(), version, &key.kind);
        let found = self.cluster.kind(&gvk).await;
        let kind = found.map_err(|source| ObjectError::Kind { object: Box::new(key.clone()), source })?;
        let api = self.cluster.api(&kind, &key.namespace);
        Ok(Way { kind, api })
    }

    /// The object as it is in the cluster; nothing where it is not, or its kind is not.
    pub(super) async fn find(&self, key: &ObjectKey) -> Result<Option<DynamicObject>, ObjectError> {
        let way = match self.way_to(key).await {
            Err(ObjectError::Kind { source: KindError::Unknown { .. }, .. }) => return Ok(None),
            way => way?,
        };
        way.api.get_opt(&key.name).await.map_err(|error| failed("get", key, &error))
    }

    pub(super) async fn ensure_namespace(&self, name: &str) -> Result<(), ObjectError> {
        let api = Api::<Namespace>::all(self.cluster.client().clone());
        let namespace = json!({
            "apiVersion": "v1", "kind": "Namespace", "metadata": { "name": name, "labels": { "name": name } },
        });
        let failed = |words: String| ObjectError::Namespace { name: name.to_owned(), words };
        let namespace: Namespace =
            serde_json::from_value(namespace).map_err(|error| failed(error.to_string()))?;
        let params = PostParams { field_manager: Some(FIELD_MANAGER.to_owned()), ..PostParams::default() };
        match api.create(&params, &namespace).await {
            Ok(_) => Ok(()),
            Err(kube::Error::Api(status)) if status.is_already_exists() => Ok(()),
            Err(error) => Err(failed(words(&error))),
        }
    }

    /// Brings a definition of a kind; one that is there changes only if it is to be applied.
    pub(super) async fn define(&self, definition: &Object, apply: bool) -> Result<(), ObjectError> {
        let way = self.way_to(&definition.key).await?;
        if apply {
            return self.server_side(definition, &way, Force::Yes).await;
        }
        match self.create(definition, &way).await {
            Err(Refused::Exists) => Ok(()),
            made => made.map_err(|refused| refused.into_error(&definition.key)),
        }
    }

    /// Whether every object of the plan is of a kind that the cluster serves: before anything is written.
    pub(super) async fn check_kinds(&self, progress: &Progress<'_>) -> Result<(), ObjectError> {
        let steps = progress.plan.map(|plan| plan.steps.as_slice()).unwrap_or_default();
        for step in steps {
            if let Step::Apply(apply) = step {
                self.way_to(&apply.object.key).await?;
            }
        }
        Ok(())
    }

    pub(super) async fn check_ownership(
        &self,
        objects: &[ObjectKey],
        ownership: Ownership,
        progress: &Progress<'_>,
    ) -> Result<(), ObjectError> {
        for key in objects {
            let Some(live) = self.find(key).await? else { continue };
            let checked = ownership.check(&json!(live), progress.release, progress.namespace);
            checked.map_err(|why| ObjectError::NotOurs { object: Box::new(key.clone()), why })?;
        }
        Ok(())
    }

    pub(super) async fn apply(&self, apply: &Apply, progress: &mut Progress<'_>) -> Result<(), ObjectError> {
        let Apply { object, manner } = apply;
        let key = &object.key;
        let way = self.way_to(key).await?;
        // The server is to name it: there is nothing to change.
        let live = if key.name.is_empty() { None } else { self.get(key, &way).await? };
        let Some(live) = live else {
            match manner {
                Manner::ServerSide { force_conflicts, .. } if !key.name.is_empty() => {
                    self.server_side(object, &way, Force::of(*force_conflicts)).await?;
                }
                _ => self.create(object, &way).await.map_err(|refused| refused.into_error(key))?,
            }
            progress.made.push(key.clone());
            return Ok(());
        };
        match manner {
            Manner::ServerSide { force_conflicts, takes_over } => {
                if *takes_over {
                    self.take_over(key, &way, live).await?;
                }
                self.server_side(object, &way, Force::of(*force_conflicts)).await
            }
            Manner::ThreeWay { previous } => self.three_way(object, previous.as_ref(), &way).await,
            Manner::Replace => self.replace(object, &way, &live).await,
        }
    }

    async fn get(&self, key: &ObjectKey, way: &Way) -> Result<Option<DynamicObject>, ObjectError> {
        way.api.get_opt(&key.name).await.map_err(|error| failed("get", key, &error))
    }

    pub(super) async fn create(&self, object: &Object, way: &Way) -> Result<(), Refused> {
        let params = PostParams { field_manager: Some(FIELD_MANAGER.to_owned()), ..PostParams::default() };
        let body = serde_json::from_value(body(object, &way.kind));
        let body: DynamicObject = body.map_err(|error| Refused::Other(error.to_string()))?;
        match way.api.create(&params, &body).await {
            Ok(_) => Ok(()),
            Err(kube::Error::Api(status)) if status.is_already_exists() => Err(Refused::Exists),
            Err(error) => Err(Refused::Other(words(&error))),
        }
    }

    pub(super) async fn server_side(
        &self,
        object: &Object,
        way: &Way,
        force: Force,
    ) -> Result<(), ObjectError> {
        let params = apply_params(force);
        let body = body(object, &way.kind);
        let applied = way.api.patch(&object.key.name, &params, &Patch::Apply(body)).await;
        applied.map(drop).map_err(|error| failed("apply", &object.key, &error))
    }

    /// What the manager owns by updates becomes what it owns by apply.
    async fn take_over(
        &self,
        key: &ObjectKey,
        way: &Way,
        mut live: DynamicObject,
    ) -> Result<(), ObjectError> {
        for attempt in 1.. {
            let Some(fields) = applied_managed_fields(&json!(live)) else { return Ok(()) };
            let version = live.metadata.resource_version.take();
            let patch = json!({ "metadata": { "managedFields": fields, "resourceVersion": version } });
            let taken = way.api.patch(&key.name, &PatchParams::default(), &Patch::Merge(patch)).await;
            match taken {
                Err(kube::Error::Api(status)) if status.is_conflict() && attempt < ATTEMPTS => {
                    let Some(newer) = self.get(key, way).await? else { return Ok(()) };
                    live = newer;
                }
                Err(error) => return Err(failed("take over", key, &error)),
                Ok(_) => break,
            }
        }
        Ok(())
    }

    async fn three_way(
        &self,
        object: &Object,
        previous: Option<&Arc<Value>>,
        way: &Way,
    ) -> Result<(), ObjectError> {
        let params = PatchParams { field_manager: Some(FIELD_MANAGER.to_owned()), ..PatchParams::default() };
        let name = &object.key.name;
        let patched = match three_way_patch(previous.map(AsRef::as_ref), object) {
            ThreeWayPatch::Strategic(patch) => way.api.patch(name, &params, &Patch::Strategic(patch)).await,
            ThreeWayPatch::Merge(patch) => way.api.patch(name, &params, &Patch::Merge(patch)).await,
        };
        patched.map(drop).map_err(|error| failed("patch", &object.key, &error))
    }

    async fn replace(&self, object: &Object, way: &Way, live: &DynamicObject) -> Result<(), ObjectError> {
        let key = &object.key;
        let mut value = body(object, &way.kind);
        value["metadata"]["resourceVersion"] = json!(live.metadata.resource_version);
        let refuse =
            |words: String| ObjectError::Ask { verb: "replace", object: Box::new(key.clone()), words };
        let value: DynamicObject =
            serde_json::from_value(value).map_err(|error| refuse(error.to_string()))?;
        let params = PostParams { field_manager: Some(FIELD_MANAGER.to_owned()), ..PostParams::default() };
        let replaced = way.api.replace(&key.name, &params, &value).await;
        replaced.map(drop).map_err(|error| refuse(words(&error)))
    }

    pub(super) async fn delete(
        &self,
        key: &ObjectKey,
        only_if: DeleteIf,
        propagation: Propagation,
        progress: &mut Progress<'_>,
    ) -> Result<(), ObjectError> {
        let Some(live) = self.find(key).await? else { return Ok(()) };
        let live = json!(live);
        let may = match only_if {
            DeleteIf::Always => true,
            DeleteIf::NotKept => !is_kept(&live),
            DeleteIf::Owned => Ownership::Required.check(&live, progress.release, progress.namespace).is_ok(),
        };
        if !may {
            progress.left.push(key.clone());
            return Ok(());
        }
        self.delete_now(key, propagation).await
    }

    pub(super) async fn delete_now(
        &self,
        key: &ObjectKey,
        propagation: Propagation,
    ) -> Result<(), ObjectError> {
        let way = match self.way_to(key).await {
            Err(ObjectError::Kind { source: KindError::Unknown { .. }, .. }) => return Ok(()),
            way => way?,
        };
        let policy = match propagation {
            Propagation::Background => PropagationPolicy::Background,
            Propagation::Foreground => PropagationPolicy::Foreground,
            Propagation::Orphan => PropagationPolicy::Orphan,
        };
        let params = DeleteParams { propagation_policy: Some(policy), ..DeleteParams::default() };
        match way.api.delete(&key.name, &params).await {
            Ok(_) => Ok(()),
            Err(kube::Error::Api(status)) if status.is_not_found() => Ok(()),
            Err(error) => Err(failed("delete", key, &error)),
        }
    }
}

/// How objects are applied by the server.
pub(crate) fn apply_params(force: Force) -> PatchParams {
    PatchParams {
        field_manager: Some(FIELD_MANAGER.to_owned()),
        force: force == Force::Yes,
        field_validation: Some(ValidationDirective::Strict),
        dry_run: false,
    }
}

/// Whether fields of others are taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Force {
    Yes,
    No,
}

impl Force {
    fn of(is_forced: bool) -> Force {
        if is_forced { Force::Yes } else { Force::No }
    }
}

/// Why an object was not made.
pub(super) enum Refused {
    /// It is there.
    Exists,
    Other(String),
}

impl Refused {
    pub(super) fn into_error(self, key: &ObjectKey) -> ObjectError {
        let words = match self {
            Refused::Exists => "it exists already".to_owned(),
            Refused::Other(words) => words,
        };
        ObjectError::Ask { verb: "make", object: Box::new(key.clone()), words }
    }
}

/// The object as it is sent. A namespace means nothing to a kind outside namespaces.
pub(crate) fn body(object: &Object, kind: &Kind) -> Value {
    let mut body = (*object.value).clone();
    if let Some(metadata) = body.get_mut("metadata").and_then(Value::as_object_mut) {
        if kind.namespaced {
            metadata.insert("namespace".to_owned(), object.key.namespace.as_str().into());
        } else {
            metadata.remove("namespace");
        }
    }
    body
}

pub(super) fn failed(verb: &'static str, key: &ObjectKey, error: &kube::Error) -> ObjectError {
    ObjectError::Ask { verb, object: Box::new(key.clone()), words: words(error) }
}
