//! Brings objects into the cluster by server-side apply: everything is tried out before anything is written.

use std::time::Duration;

use futures::{StreamExt as _, TryStreamExt as _};
use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use kube::Api;
use kube::api::{DeleteParams, Patch, PatchParams, ValidationDirective};
use kube::core::DynamicObject;
use kube::runtime::wait::{await_condition, conditions};
use serde_json::Value;

use super::kinds::{Kind, KindError};
use super::object::{Id, Object, mark, mark_of};
use super::report::Failure;
use super::stage::{self, Stage};
use super::{FIELD_MANAGER, Run};
use crate::status::words;

/// Requests that may be under way at once for one kustomization.
const REQUESTS: usize = 8;
/// How long a new definition may take to be served, as in Flux.
const DEFINITION_TIME_MAX: Duration = Duration::from_secs(60);

/// How far applying got.
pub(super) enum Applied {
    /// Everything is as described.
    All,
    /// Something has to happen first; the text says what.
    NotYet(String),
}

/// What trying out an object showed.
enum Verdict {
    /// The cluster has it so already.
    Unchanged,
    /// It asks to be left alone.
    Skipped,
    Create(Kind),
    Configure(Kind),
    /// It needs a namespace or a kind that an earlier stage brings.
    Later,
    /// It was deleted, because it is to be made anew.
    Recreated,
}

impl Run<'_> {
    /// Applies in stages. Objects that can be tried out now are, before the first stage is written, so that one
    /// wrong field anywhere leaves the cluster as it was.
    pub(super) async fn apply(&mut self, mut objects: Vec<Object>) -> Result<Applied, Failure> {
        stage::sort(&mut objects);
        let brought = Brought::by(&objects);
        let verdicts = self.try_out(&objects, &brought).await?;
        let mut tried: Vec<(Object, Verdict)> = objects.into_iter().zip(verdicts).collect();
        if let Some((object, _)) = tried.iter().find(|(_, verdict)| matches!(verdict, Verdict::Recreated)) {
            return Ok(Applied::NotYet(format!("{} is deleted to be made anew", object.id)));
        }
        for stage in Stage::ALL {
            let (now, rest): (Vec<_>, Vec<_>) =
                tried.into_iter().partition(|(it, _)| Stage::of(&it.id) == stage);
            tried = rest;
            if let Applied::NotYet(message) = self.apply_stage(now).await? {
                return Ok(Applied::NotYet(message));
            }
        }
        Ok(Applied::All)
    }

    async fn apply_stage(&mut self, tried: Vec<(Object, Verdict)>) -> Result<Applied, Failure> {
        let mut certain = Vec::new();
        for (object, verdict) in tried {
            let verdict = match verdict {
                Verdict::Later => match self.try_one(&object, &Brought::default()).await {
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
            let entry = object.id.entry(&object.version);
            let (kind, action) = match verdict {
                Verdict::Create(kind) => (kind, "created"),
                Verdict::Configure(kind) => (kind, "configured"),
                Verdict::Recreated => {
                    return Ok(Applied::NotYet(format!("{} is deleted to be made anew", object.id)));
                }
                Verdict::Unchanged | Verdict::Skipped | Verdict::Later => {
                    self.applied.push(entry);
                    continue;
                }
            };
            self.write_object(&object, &kind).await?;
            self.applied.push(entry);
            self.changes.push(format!("{} {action}", object.id));
            self.await_definition(&object.id).await?;
        }
        Ok(Applied::All)
    }

    async fn try_out(&self, objects: &[Object], brought: &Brought) -> Result<Vec<Verdict>, Failure> {
        // Answers come in the order of the objects, and with them the first error.
        let tries: Vec<_> = objects.iter().map(|object| self.try_one(object, brought)).collect();
        futures::stream::iter(tries).buffered(REQUESTS).try_collect().await
    }

    /// Tries an object out without writing it.
    async fn try_one(&self, object: &Object, brought: &Brought) -> Result<Verdict, Failure> {
        let gvk = object.id.gvk(&object.version);
        let kind = match self.context.kinds.get(&gvk).await {
            Err(KindError::Unknown { .. }) if brought.has_kind(&object.id) => return Ok(Verdict::Later),
            kind => kind.map_err(|source| Failure::Kind { id: boxed(&object.id), source })?,
        };
        if kind.namespaced && object.id.namespace.is_empty() {
            return Err(Failure::NoNamespace { id: boxed(&object.id) });
        }
        let api = self.context.kinds.api(&kind, &object.id);
        let existing = match api.get_opt(&object.id.name).await {
            Ok(existing) => existing,
            Err(error) => return Err(self.dry_run_failed(object, &kind, &error)),
        };
        if asks_to_be_left_alone(object, existing.as_ref()) {
            return Ok(Verdict::Skipped);
        }
        let params = PatchParams { dry_run: true, ..params() };
        match api.patch(&object.id.name, &params, &Patch::Apply(&body(object, &kind))).await {
            Ok(outcome) => Ok(match existing {
                None => Verdict::Create(kind),
                Some(existing) if differs(&existing, &outcome) => Verdict::Configure(kind),
                Some(_) => Verdict::Unchanged,
            }),
            Err(kube::Error::Api(status)) if status.code == 404 && brought.has_namespace(&object.id) => {
                Ok(Verdict::Later)
            }
            Err(kube::Error::Api(status)) if existing.is_some() && self.may_recreate(object, &status) => {
                let deleted = api.delete(&object.id.name, &DeleteParams::background()).await;
                deleted.map_err(|error| Failure::Recreate { id: boxed(&object.id), words: words(&error) })?;
                Ok(Verdict::Recreated)
            }
            Err(error) => Err(self.dry_run_failed(object, &kind, &error)),
        }
    }

    fn may_recreate(&self, object: &Object, status: &kube::core::Status) -> bool {
        let wanted = self.object.spec.force || object.mark(mark::FORCE) == Some("enabled");
        wanted && status.code == 422 && status.message.contains("immutable")
    }

    fn dry_run_failed(&self, object: &Object, kind: &Kind, error: &kube::Error) -> Failure {
        let reason = match error {
            kube::Error::Api(status) => status.reason.clone(),
            _ => String::new(),
        };
        if matches!(error, kube::Error::Api(status) if status.code == 404) {
            // A definition may have gone since its kind was remembered.
            self.context.kinds.forget(&object.id.gvk(&object.version));
        }
        let id = Box::new(without_scope(&object.id, kind));
        Failure::DryRun { id, reason, words: words(error) }
    }

    async fn write_object(&self, object: &Object, kind: &Kind) -> Result<(), Failure> {
        let api = self.context.kinds.api(kind, &object.id);
        let written = api.patch(&object.id.name, &params(), &Patch::Apply(&body(object, kind))).await;
        written.map(drop).map_err(|error| Failure::Apply {
            id: Box::new(without_scope(&object.id, kind)),
            words: words(&error),
        })
    }

    /// What comes after a definition may use it: waits until it is served.
    async fn await_definition(&self, id: &Id) -> Result<(), Failure> {
        if id.kind != "CustomResourceDefinition" {
            return Ok(());
        }
        let api = Api::<CustomResourceDefinition>::all(self.context.client.clone());
        let established = await_condition(api, &id.name, conditions::is_crd_established());
        let failed = |words: String| Failure::Apply { id: boxed(id), words };
        match tokio::time::timeout(DEFINITION_TIME_MAX, established).await {
            Ok(Ok(_)) => Ok(()),
            Ok(Err(error)) => Err(failed(bythos_operator::error_chain(&error))),
            Err(_) => Err(failed(format!("it is not established after {}s", DEFINITION_TIME_MAX.as_secs()))),
        }
    }
}

/// What a set of objects brings, that others of the set may need.
#[derive(Debug, Default)]
struct Brought {
    namespaces: Vec<String>,
    /// Group and kind.
    kinds: Vec<(String, String)>,
}

impl Brought {
    fn by(objects: &[Object]) -> Self {
        let namespaces = objects.iter().filter(|it| it.id.group.is_empty() && it.id.kind == "Namespace");
        let kinds = objects.iter().filter(|it| it.id.kind == "CustomResourceDefinition").filter_map(|it| {
            let text = |pointer: &str| it.value.pointer(pointer).and_then(Value::as_str).map(str::to_owned);
            Some((text("/spec/group")?, text("/spec/names/kind")?))
        });
        Brought { namespaces: namespaces.map(|it| it.id.name.clone()).collect(), kinds: kinds.collect() }
    }

    fn has_namespace(&self, id: &Id) -> bool {
        self.namespaces.contains(&id.namespace)
    }

    fn has_kind(&self, id: &Id) -> bool {
        self.kinds.iter().any(|(group, kind)| *group == id.group && *kind == id.kind)
    }
}

fn params() -> PatchParams {
    PatchParams {
        field_manager: Some(FIELD_MANAGER.to_owned()),
        force: true,
        field_validation: Some(ValidationDirective::Strict),
        dry_run: false,
    }
}

/// The object as it is sent. A namespace means nothing to a kind outside namespaces.
fn body(object: &Object, kind: &Kind) -> Value {
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

fn asks_to_be_left_alone(object: &Object, existing: Option<&DynamicObject>) -> bool {
    let says = |key: &str, value: &str| {
        object.mark(key) == Some(value) || existing.and_then(|it| mark_of(it, key)) == Some(value)
    };
    says(mark::RECONCILE, "disabled")
        || says(mark::SSA, "Ignore")
        || (existing.is_some() && object.mark(mark::SSA) == Some("IfNotPresent"))
}

/// Whether applying would change anything but the book-keeping.
fn differs(existing: &DynamicObject, outcome: &DynamicObject) -> bool {
    let body = |object: &DynamicObject| {
        let mut data = object.data.clone();
        if let Some(data) = data.as_object_mut() {
            data.remove("status");
        }
        data
    };
    let marks = |object: &DynamicObject| {
        (
            object.metadata.labels.clone().unwrap_or_default(),
            object.metadata.annotations.clone().unwrap_or_default(),
        )
    };
    marks(existing) != marks(outcome) || body(existing) != body(outcome)
}
