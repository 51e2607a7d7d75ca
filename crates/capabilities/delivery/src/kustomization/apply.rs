//! Brings objects into the cluster by server-side apply: everything is tried out before anything is written.
//!
//! [`trial`] finds what would change, [`takeover`] makes ours what `kubectl apply` holds, and
//! [`crate::ignored`] leaves alone what `spec.ignore` names.

use std::time::Duration;

use bythos_operator::ObjectKey;
use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use kube::Api;
use kube::api::{DeleteParams, Patch, PatchParams, ValidationDirective};
use kube::runtime::wait::{await_condition, conditions};
use serde_json::Value;

mod takeover;
mod trial;

use super::object::{Id, Object};
use super::report::Failure;
use super::stage::{self, Stage};
use super::{FIELD_MANAGER, Run, source, verified};
use crate::ignored::Ignored;
use crate::kinds::{Kind, KindError};
use crate::status::words;
use trial::{Brought, Configuration, Verdict};

/// How long a new definition may take to be served, as in Flux.
const DEFINITION_TIME_MAX: Duration = Duration::from_secs(60);

/// How far applying got.
pub(super) enum Applied {
    /// Everything is as described.
    All,
    /// Something has to happen first; the text says what.
    NotYet(String),
}

impl Run<'_> {
    /// Applies in stages. Objects that can be tried out now are, before the first stage is written, so that one
    /// wrong field anywhere leaves the cluster as it was.
    pub(super) async fn apply(&mut self, mut objects: Vec<Object>) -> Result<Applied, Failure> {
        let owner = ObjectKey::of(self.object);
        self.known = self.context.verified.take(&owner);
        stage::sort(&mut objects);
        let brought = Brought::by(&objects);
        let ignored = Ignored::compile("spec.ignore", &self.object.spec.ignore)?;
        let verdicts = self.try_out(&objects, &brought, &ignored).await?;
        let mut tried: Vec<(Object, Verdict)> = objects.into_iter().zip(verdicts).collect();
        for stage in Stage::ALL {
            let (now, rest): (Vec<_>, Vec<_>) =
                tried.into_iter().partition(|(it, _)| Stage::of(&it.id) == stage);
            tried = rest;
            if let Applied::NotYet(message) = self.apply_stage(now, &ignored).await? {
                return Ok(Applied::NotYet(message));
            }
        }
        self.context.verified.keep(owner, std::mem::take(&mut self.seen));
        Ok(Applied::All)
    }

    async fn apply_stage(
        &mut self,
        tried: Vec<(Object, Verdict)>,
        ignored: &Ignored,
    ) -> Result<Applied, Failure> {
        let mut certain = Vec::new();
        for (object, verdict) in tried {
            let verdict = match verdict {
                Verdict::Later => match self.try_one(&object, &Brought::default(), ignored).await {
                    // The definition is established; discovery follows it in its own time.
                    Err(Failure::Kind { id, source: source @ KindError::Unknown { .. } }) => {
                        return Ok(Applied::NotYet(format!("{id}: {source}")));
                    }
                    verdict => verdict?,
                },
                verdict => verdict,
            };
            certain.push((object, verdict));
        }
        for (object, verdict) in certain {
            let (action, version) = match verdict {
                Verdict::Create(kind) => {
                    let version = self.write_object(&object.id, &kind, &body(&object, &kind)).await?;
                    (Some("created"), version)
                }
                Verdict::Configure(kind, configuration) => {
                    self.note_rival(&object.id, configuration.owner.as_ref());
                    (Some("configured"), self.configure(&object.id, &kind, *configuration).await?)
                }
                Verdict::Recreate(kind) => {
                    let deleted = self.cluster.api(&kind, &object.id.namespace);
                    let deleted = deleted.delete(&object.id.name, &DeleteParams::background()).await;
                    deleted
                        .map_err(|error| Failure::Recreate { id: boxed(&object.id), words: words(&error) })?;
                    return Ok(Applied::NotYet(format!("{} is deleted to be made anew", object.id)));
                }
                Verdict::Unchanged(version) => (None, Some(version)),
                Verdict::Skipped | Verdict::Later => (None, None),
            };
            if let Some(version) = version {
                let state = verified::state_of(&object, &ignored.paths_of(&object.value), &version);
                self.seen.insert(verified::name_of(&object), state);
            }
            self.applied.push(object.id.entry(&object.version));
            if let Some(action) = action {
                self.changes.push(format!("{} {action}", object.id));
                self.await_definition(&object.id).await?;
            }
        }
        Ok(Applied::All)
    }

    /// Notes that another kustomization describes an object as well. One that has not come to this revision yet may be
    /// about to let it go.
    fn note_rival(&mut self, id: &Id, owner: Option<&ObjectKey>) {
        let other = owner.filter(|owner| **owner != ObjectKey::of(self.object));
        let Some(rival) = other.and_then(|owner| self.context.kustomizations.get(owner)) else { return };
        let Some(status) = &rival.status else { return };
        let is_behind = source::key_of(&rival) == source::key_of(self.object)
            && status.last_applied_revision != self.revision;
        let mut kept = status.inventory.iter().flat_map(|inventory| &inventory.entries);
        if !is_behind && kept.any(|entry| Id::parse(entry).as_ref() == Some(id)) {
            self.rivals
                .push(format!("{id} is described by Kustomization/{} as well", ObjectKey::of(&*rival)));
        }
    }

    async fn configure(
        &self,
        id: &Id,
        kind: &Kind,
        Configuration { takeover, body, .. }: Configuration,
    ) -> Result<Option<String>, Failure> {
        let mut has_all = true;
        if let Some(takeover) = takeover {
            let params =
                PatchParams { field_manager: Some(FIELD_MANAGER.to_owned()), ..PatchParams::default() };
            let taken =
                self.cluster.api(kind, &id.namespace).patch(&id.name, &params, &Patch::Merge(takeover)).await;
            match taken {
                // Somebody was faster: the next run takes over.
                Err(kube::Error::Api(status)) if status.code == 409 => has_all = false,
                taken => drop(taken.map_err(|error| apply_failed(id, kind, &error))?),
            }
        }
        Ok(self.write_object(id, kind, &body).await?.filter(|_| has_all))
    }

    /// Writes an object, and returns its new version.
    async fn write_object(&self, id: &Id, kind: &Kind, body: &Value) -> Result<Option<String>, Failure> {
        let written =
            self.cluster.api(kind, &id.namespace).patch(&id.name, &params(), &Patch::Apply(body)).await;
        written.map(|it| it.metadata.resource_version).map_err(|error| apply_failed(id, kind, &error))
    }

    /// What comes after a definition may use it: waits until it is served.
    async fn await_definition(&self, id: &Id) -> Result<(), Failure> {
        if id.kind != "CustomResourceDefinition" {
            return Ok(());
        }
        let api = Api::<CustomResourceDefinition>::all(self.cluster.client().clone());
        let established = await_condition(api, &id.name, conditions::is_crd_established());
        let failed = |words: String| Failure::Apply { id: boxed(id), words };
        match tokio::time::timeout(DEFINITION_TIME_MAX, established).await {
            Ok(Ok(_)) => Ok(()),
            Ok(Err(error)) => Err(failed(bythos_operator::error_chain(&error))),
            Err(_) => Err(failed(format!("it is not established after {}s", DEFINITION_TIME_MAX.as_secs()))),
        }
    }
}

pub(crate) fn params() -> PatchParams {
    PatchParams {
        field_manager: Some(FIELD_MANAGER.to_owned()),
        force: true,
        field_validation: Some(ValidationDirective::Strict),
        dry_run: false,
    }
}

/// The object as it is sent. A namespace means nothing to a kind outside namespaces.
pub(crate) fn body(object: &Object, kind: &Kind) -> Value {
    let mut body = object.value.clone();
    if !kind.namespaced
        && let Some(metadata) = body.get_mut("metadata").and_then(Value::as_object_mut)
    {
        metadata.remove("namespace");
    }
    body
}

fn boxed(id: &Id) -> Box<Id> {
    Box::new(id.clone())
}

fn without_scope(id: &Id, kind: &Kind) -> Id {
    if kind.namespaced { id.clone() } else { Id { namespace: String::new(), ..id.clone() } }
}

fn apply_failed(id: &Id, kind: &Kind, error: &kube::Error) -> Failure {
    Failure::Apply { id: Box::new(without_scope(id, kind)), words: words(error) }
}
