//! The collector's work on one object: judge it on its live state, and carry the judgement out.

use std::sync::Arc;
use std::time::Duration;

use bythos_operator::Next;
use bythos_operator::event::{Publisher, Severity};
use k8s_openapi::api::core::v1::ObjectReference;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::OwnerReference;
use kube::api::{DeleteParams, Patch, PatchParams, Preconditions, PropagationPolicy};
use kube::core::{DynamicObject, PartialObjectMeta};
use kube::{Api, Client};
use serde_json::{Value, json};
use tracing::debug;

use super::graph::{self, Ending, FOREGROUND, Node, ORPHAN};
use super::kinds::{self, Kinds};
use super::observer::Observer;
use super::verdict::{OwnerState, Verdict, judge};
use crate::call::CallError;
use crate::discover::KnownKind;

type Metadata = PartialObjectMeta<DynamicObject>;

/// How long the watch of an owner's kind may lag behind what the API itself says.
const OWNER_UNSEEN: Duration = Duration::from_secs(1);

/// See the module's documentation.
pub(super) struct Collector {
    pub(super) client: Client,
    pub(super) observer: Arc<Observer>,
    pub(super) kinds: Arc<Kinds>,
    pub(super) events: Publisher,
}

impl Collector {
    /// Judges the object with this uid.
    pub(super) async fn collect(&self, uid: &str) -> Result<Next, CallError> {
        let Some(node) = self.observer.graph().node(uid).cloned() else { return Ok(Next::Wait) };
        let Some(api) = self.api_of(&node) else { return Ok(Next::Wait) };
        let live = api.get_opt(&node.key.name).await.map_err(called("get", &node))?;
        let Some(live) = live.filter(|live| live.metadata.uid.as_deref() == Some(uid)) else {
            return Ok(Next::Wait);
        };
        let done = match graph::ending(&live.metadata) {
            Ending::Background => Ok(Next::Wait),
            Ending::Orphaning => self.orphan_dependents(uid, &node, &live).await,
            Ending::Foreground => self.wait_for_dependents(uid, &node, &live).await,
            Ending::No => self.judge(uid, &node, &live).await,
        };
        match done {
            // The change that was lost against comes through the watch and brings the object back.
            Err(error) if error.is_outrun() => Ok(Next::Wait),
            other => other,
        }
    }

    async fn judge(&self, uid: &str, node: &Node, live: &Metadata) -> Result<Next, CallError> {
        let mut owners = Vec::new();
        let mut next = Next::Wait;
        for reference in live.metadata.owner_references.iter().flatten() {
            let is_seen = self.observer.graph().node(&reference.uid).is_some();
            let Some(state) = self.state_of(uid, node, reference).await? else { return Ok(Next::Wait) };
            if !is_seen && state != OwnerState::Absent && self.is_watched(reference) {
                // Should it go before its kind's watch has shown it, nobody would tell.
                next = Next::After(OWNER_UNSEEN);
            }
            owners.push((reference.uid.clone(), state));
        }
        let has_dependents = self.observer.graph().dependents(uid).next().is_some();
        let finalizers = live.metadata.finalizers.clone().unwrap_or_default();
        match judge(&owners, has_dependents, &finalizers) {
            Verdict::Keep => Ok(next),
            Verdict::Unreference(gone) => {
                debug!(object = %node.key, plural = node.kind.plural, ?gone, "some owners are gone");
                self.unreference(node, live, |owner| gone.contains(&owner.uid)).await.map(|()| next)
            }
            Verdict::Delete(policy) => {
                debug!(object = %node.key, plural = node.kind.plural, ?policy, "all owners are gone");
                self.delete(node, live, policy).await.map(|()| Next::Wait)
            }
        }
    }

    /// What an owner is. None if it cannot be said to be absent: nobody knows its kind, or the reference does not say
    /// in which namespace it is.
    async fn state_of(
        &self,
        uid: &str,
        node: &Node,
        owner: &OwnerReference,
    ) -> Result<Option<OwnerState>, CallError> {
        let kind = self.kinds.of_reference(owner);
        if node.key.namespace.is_empty() && kind.as_ref().is_some_and(|kind| kind.is_namespaced) {
            self.report_out_of_reach(uid, node, owner).await;
            return Ok(None);
        }
        let seen = self.observer.graph().node(&owner.uid).map(|owner| owner.ending);
        if let Some(ending) = seen {
            return Ok(Some(state(ending)));
        }
        let Some(kind) = kind else {
            debug!(object = %node.key, owner = owner.kind, "the kind of this owner is not known");
            return Ok(None);
        };
        let api = self.api(&kind, &node.key.namespace);
        let live = api.get_opt(&owner.name).await;
        let live = live.map_err(CallError::on_kind("get", &owner.kind, &owner.name))?;
        let same = live.filter(|live| live.metadata.uid.as_ref() == Some(&owner.uid));
        Ok(Some(same.map_or(OwnerState::Absent, |live| state(graph::ending(&live.metadata)))))
    }

    /// Says that an object of the cluster's scope names an owner that lives in some namespace. Upstream keeps it.
    async fn report_out_of_reach(&self, uid: &str, node: &Node, owner: &OwnerReference) {
        let Some(kind) = self.kinds.get(&node.kind) else { return };
        let dependent = ObjectReference {
            api_version: Some(kind.resource.api_version),
            kind: Some(kind.resource.kind),
            name: Some(node.key.name.clone()),
            uid: Some(uid.to_owned()),
            ..ObjectReference::default()
        };
        let OwnerReference { api_version, kind, name, uid, .. } = owner;
        let message = format!(
            "ownerRef [{api_version}/{kind}, namespace: , name: {name}, uid: {uid}] does not exist in namespace \"\""
        );
        self.events
            .publish_regarding(dependent, Severity::Warning, "OwnerRefInvalidNamespace", &message)
            .await;
    }

    fn is_watched(&self, owner: &OwnerReference) -> bool {
        self.kinds.of_reference(owner).is_some_and(|kind| kinds::is_watched(&kind))
    }

    /// An owner in the foreground: brings its blocking dependents to judgement, and lets it go after the last.
    async fn wait_for_dependents(&self, uid: &str, node: &Node, live: &Metadata) -> Result<Next, CallError> {
        let blocking = self.observer.graph().blocking_dependents(uid);
        if blocking.is_empty() {
            self.remove_finalizer(node, live, FOREGROUND).await?;
        } else {
            self.observer.queue(blocking);
        }
        Ok(Next::Wait)
    }

    /// An owner that leaves its dependents: takes it out of their references, and lets it go after the last.
    async fn orphan_dependents(&self, uid: &str, node: &Node, live: &Metadata) -> Result<Next, CallError> {
        let dependents: Vec<_> =
            self.observer.graph().dependents(uid).map(|(uid, node)| (uid.clone(), node.clone())).collect();
        for (dependent_uid, dependent) in dependents {
            let Some(api) = self.api_of(&dependent) else { continue };
            let there = api.get_opt(&dependent.key.name).await.map_err(called("get", &dependent))?;
            if let Some(there) = there.filter(|there| there.metadata.uid.as_ref() == Some(&dependent_uid)) {
                self.unreference(&dependent, &there, |owner| owner.uid == uid).await?;
            }
        }
        self.remove_finalizer(node, live, ORPHAN).await?;
        Ok(Next::Wait)
    }

    async fn unreference(
        &self,
        node: &Node,
        live: &Metadata,
        is_gone: impl Fn(&OwnerReference) -> bool,
    ) -> Result<(), CallError> {
        let mut owners = live.metadata.owner_references.clone().unwrap_or_default();
        owners.retain(|owner| !is_gone(owner));
        self.patch(node, live, "unreference owners of", json!({ "ownerReferences": owners })).await
    }

    async fn remove_finalizer(&self, node: &Node, live: &Metadata, finalizer: &str) -> Result<(), CallError> {
        let mut finalizers = live.metadata.finalizers.clone().unwrap_or_default();
        finalizers.retain(|one| one != finalizer);
        self.patch(node, live, "remove a finalizer of", json!({ "finalizers": finalizers })).await
    }

    /// Changes metadata of exactly the object that was judged, in the version that was judged.
    async fn patch(
        &self,
        node: &Node,
        live: &Metadata,
        verb: &'static str,
        mut metadata: Value,
    ) -> Result<(), CallError> {
        let Some(api) = self.api_of(node) else { return Ok(()) };
        metadata["uid"] = json!(live.metadata.uid);
        metadata["resourceVersion"] = json!(live.metadata.resource_version);
        let patch = Patch::Merge(json!({ "metadata": metadata }));
        let patched = api.patch(&node.key.name, &PatchParams::default(), &patch).await;
        patched.map(drop).map_err(called(verb, node))
    }

    async fn delete(&self, node: &Node, live: &Metadata, policy: PropagationPolicy) -> Result<(), CallError> {
        let Some(api) = self.api_of(node) else { return Ok(()) };
        let params = DeleteParams {
            propagation_policy: Some(policy),
            preconditions: Some(Preconditions {
                uid: live.metadata.uid.clone(),
                resource_version: live.metadata.resource_version.clone(),
            }),
            ..DeleteParams::default()
        };
        let deleted = api.delete(&node.key.name, &params).await;
        deleted.map(drop).map_err(called("delete", node))
    }

    fn api_of(&self, node: &Node) -> Option<Api<Metadata>> {
        Some(self.api(&self.kinds.get(&node.kind)?, &node.key.namespace))
    }

    /// `namespace` is where to look if the kind lives in namespaces.
    fn api(&self, kind: &KnownKind, namespace: &str) -> Api<Metadata> {
        if kind.is_namespaced {
            Api::namespaced_with(self.client.clone(), namespace, &kind.resource)
        } else {
            Api::all_with(self.client.clone(), &kind.resource)
        }
    }
}

fn state(ending: Ending) -> OwnerState {
    if ending == Ending::Foreground { OwnerState::Waiting } else { OwnerState::Solid }
}

fn called(verb: &'static str, node: &Node) -> impl FnOnce(kube::Error) -> CallError {
    CallError::on_kind(verb, node.kind.plural.clone(), node.key.clone())
}
