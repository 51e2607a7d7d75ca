//! Tries objects out: what applying each of them would change, without writing anything.

use bythos_operator::ObjectKey;
use futures::{StreamExt as _, TryStreamExt as _};
use kube::ResourceExt as _;
use kube::api::{Patch, PatchParams};
use kube::core::DynamicObject;
use serde_json::Value;

use super::{body, boxed, params, takeover, without_scope};
use crate::ignored::{Ignored, differs};
use crate::kinds::{Kind, KindError};
use crate::kustomization::object::{Id, OWNER_NAME, OWNER_NAMESPACE, Object, mark};
use crate::kustomization::report::Failure;
use crate::kustomization::{FIELD_MANAGER, Run, verified};
use crate::metadata::Marked as _;
use crate::status::words;

/// Requests that may be under way at once for one kustomization.
const REQUESTS: usize = 8;

/// What trying out an object showed.
pub(super) enum Verdict {
    /// The cluster has it so already, in this version.
    Unchanged(String),
    /// It asks to be left alone.
    Skipped,
    Create(Kind),
    Configure(Kind, Box<Configuration>),
    /// It needs a namespace or a kind that an earlier stage brings.
    Later,
    /// It is to be deleted and made anew.
    Recreate(Kind),
}

/// How an object that is there is changed.
pub(super) struct Configuration {
    /// Takes over what `kubectl apply` holds, where it does.
    pub(super) takeover: Option<Value>,
    /// What is applied: without the fields that are left to others.
    pub(super) body: Value,
    /// The kustomization that it names as the one that keeps it.
    pub(super) owner: Option<ObjectKey>,
}

impl Run<'_> {
    pub(super) async fn try_out(
        &self,
        objects: &[Object],
        brought: &Brought,
        ignored: &Ignored,
    ) -> Result<Vec<Verdict>, Failure> {
        // Answers come in the order of the objects, and with them the first error.
        let tries: Vec<_> = objects.iter().map(|object| self.try_one(object, brought, ignored)).collect();
        futures::stream::iter(tries).buffered(REQUESTS).try_collect().await
    }

    /// Tries an object out without writing it.
    pub(super) async fn try_one(
        &self,
        object: &Object,
        brought: &Brought,
        ignored: &Ignored,
    ) -> Result<Verdict, Failure> {
        let kind = match self.cluster.kind(&object.id.gvk(&object.version)).await {
            Err(KindError::Unknown { .. }) if brought.has_kind(&object.id) => return Ok(Verdict::Later),
            kind => kind.map_err(|source| Failure::Kind { id: boxed(&object.id), source })?,
        };
        if kind.namespaced && object.id.namespace.is_empty() {
            return Err(Failure::NoNamespace { id: boxed(&object.id) });
        }
        let api = self.cluster.api(&kind, &object.id.namespace);
        let existing = match api.get_opt(&object.id.name).await {
            Ok(existing) => existing,
            Err(error) => return Err(self.dry_run_failed(object, &kind, &error)),
        };
        if asks_to_be_left_alone(object, existing.as_ref()) {
            return Ok(Verdict::Skipped);
        }
        if let Some(version) = existing.as_ref().and_then(|it| it.resource_version())
            && self.has_seen(object, ignored, &version)
        {
            return Ok(Verdict::Unchanged(version));
        }
        let params = PatchParams { dry_run: true, ..params() };
        let tried = api.patch(&object.id.name, &params, &Patch::Apply(&body(object, &kind))).await;
        match (tried, existing) {
            (Ok(_), None) => Ok(Verdict::Create(kind)),
            (Ok(outcome), Some(existing)) => Ok(compare(object, kind, &existing, &outcome, ignored)),
            (Err(kube::Error::Api(status)), _) if status.code == 404 && brought.has_namespace(&object.id) => {
                Ok(Verdict::Later)
            }
            (Err(kube::Error::Api(status)), Some(existing))
                if self.may_recreate(object, &existing, &status) =>
            {
                Ok(Verdict::Recreate(kind))
            }
            (Err(error), _) => Err(self.dry_run_failed(object, &kind, &error)),
        }
    }

    fn has_seen(&self, object: &Object, ignored: &Ignored, version: &str) -> bool {
        let known = self.known.get(&verified::name_of(object));
        known.is_some_and(|known| {
            *known == verified::state_of(object, &ignored.paths_of(&object.value), version)
        })
    }

    fn may_recreate(&self, object: &Object, existing: &DynamicObject, status: &kube::core::Status) -> bool {
        let wanted = self.object.spec.force
            || object.says(mark::FORCE, "enabled")
            || existing.says(mark::FORCE, "enabled");
        wanted && status.message.contains("immutable")
    }

    fn dry_run_failed(&self, object: &Object, kind: &Kind, error: &kube::Error) -> Failure {
        let reason = match error {
            kube::Error::Api(status) => status.reason.clone(),
            _ => String::new(),
        };
        if matches!(error, kube::Error::Api(status) if status.code == 404) {
            // A definition may have gone since its kind was remembered.
            self.cluster.forget(&object.id.gvk(&object.version));
        }
        let id = Box::new(without_scope(&object.id, kind));
        Failure::DryRun { id, reason, words: words(error) }
    }
}

fn compare(
    object: &Object,
    kind: Kind,
    existing: &DynamicObject,
    outcome: &DynamicObject,
    ignored: &Ignored,
) -> Verdict {
    let may_take_over = !object.says(mark::SSA, "Merge") && !existing.says(mark::SSA, "Merge");
    let takeover = takeover::of(existing).filter(|_| may_take_over);
    let paths = ignored.paths_of(&object.value);
    if takeover.is_none() && !differs(existing, outcome, &paths) {
        return Verdict::Unchanged(existing.resource_version().unwrap_or_default());
    }
    let mut body = body(object, &kind);
    Ignored::leave_to_others(FIELD_MANAGER, &mut body, existing, outcome, &paths);
    Verdict::Configure(kind, Box::new(Configuration { takeover, body, owner: owner_of(existing) }))
}

fn owner_of(object: &DynamicObject) -> Option<ObjectKey> {
    let label = |key: &str| object.labels().get(key);
    Some(ObjectKey::namespaced(label(OWNER_NAMESPACE)?.as_str(), label(OWNER_NAME)?.as_str()))
}

/// What a set of objects brings, that others of the set may need.
#[derive(Debug, Default)]
pub(super) struct Brought {
    namespaces: Vec<String>,
    /// Group and kind.
    kinds: Vec<(String, String)>,
}

impl Brought {
    pub(super) fn by(objects: &[Object]) -> Self {
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

fn asks_to_be_left_alone(object: &Object, existing: Option<&DynamicObject>) -> bool {
    let says = |key: &str, word: &str| {
        object.says(key, word) || existing.is_some_and(|existing| existing.says(key, word))
    };
    says(mark::RECONCILE, "disabled")
        || says(mark::SSA, "Ignore")
        || (existing.is_some() && object.says(mark::SSA, "IfNotPresent"))
}
