//! Events, as `kubectl describe` shows them: what happened to an object, said once and counted.

use std::collections::BTreeMap;

use k8s_openapi::api::core::v1::{Event, EventSource, ObjectReference};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{ObjectMeta, Time};
use k8s_openapi::jiff::Timestamp;
use kube::api::{Patch, PatchParams, PostParams};
use kube::{Api, Client, Resource};
use serde_json::json;
use tracing::warn;

use crate::{error_chain, shortened};

/// The longest message of an event, as `events.k8s.io` limits its note.
const MESSAGE_BYTES_MAX: usize = 1024;

/// Whether an event is news or a warning.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Severity {
    /// Something went as it should.
    Normal,
    /// Something needs attention.
    Warning,
}

impl Severity {
    fn as_str(self) -> &'static str {
        match self {
            Severity::Normal => "Normal",
            Severity::Warning => "Warning",
        }
    }
}

/// Publishes the events of one component.
#[derive(Clone)]
pub struct Publisher {
    client: Client,
    component: &'static str,
    annotations: BTreeMap<String, String>,
}

impl Publisher {
    /// `component` is shown in the `From` column, for example `kubelet`.
    pub fn new(client: Client, component: &'static str) -> Self {
        Publisher { client, component, annotations: BTreeMap::new() }
    }

    /// The same publisher, of events with these annotations. An event that is said again gets those of the last time.
    #[must_use]
    pub fn annotated(&self, annotations: BTreeMap<String, String>) -> Self {
        Publisher { annotations, ..self.clone() }
    }

    /// Says that `reason` happened to `object`. The same words about the same object raise the count of the event
    /// that is there; very long ones are cut. A failure is logged: an event is a message, not a state, and nothing
    /// waits for it.
    pub async fn publish<K>(&self, object: &K, severity: Severity, reason: &str, message: &str)
    where
        K: Resource<DynamicType = ()>,
    {
        let meta = object.meta();
        let regarding = ObjectReference {
            api_version: Some(K::api_version(&()).into_owned()),
            kind: Some(K::kind(&()).into_owned()),
            namespace: meta.namespace.clone(),
            name: meta.name.clone(),
            uid: meta.uid.clone(),
            ..ObjectReference::default()
        };
        self.publish_regarding(regarding, severity, reason, message).await;
    }

    /// As [`Publisher::publish`], about an object that is known by reference only.
    pub async fn publish_regarding(
        &self,
        regarding: ObjectReference,
        severity: Severity,
        reason: &str,
        message: &str,
    ) {
        if let Err(error) = self.try_publish(regarding, severity, reason, message).await
            // There, there is nobody to tell.
            && !is_namespace_going(&error)
        {
            warn!(reason, message, error = %error_chain(&error), "failed to publish an event");
        }
    }

    async fn try_publish(
        &self,
        regarding: ObjectReference,
        severity: Severity,
        reason: &str,
        message: &str,
    ) -> Result<(), kube::Error> {
        // Events about cluster-scoped objects live in `default`, as upstream's do.
        let namespace = regarding.namespace.clone().unwrap_or_else(|| "default".to_owned());
        let api = Api::<Event>::namespaced(self.client.clone(), &namespace);
        let name = name_of(&regarding, self.component, severity, reason, message);
        let now = Time(Timestamp::now());
        if let Some(known) = api.get_opt(&name).await? {
            let count = known.count.unwrap_or(1).saturating_add(1);
            let mut patch = json!({ "count": count, "lastTimestamp": now });
            if !self.annotations.is_empty() {
                patch["metadata"] = json!({ "annotations": self.annotations });
            }
            api.patch(&name, &PatchParams::default(), &Patch::Merge(patch)).await?;
            return Ok(());
        }
        let event = Event {
            metadata: ObjectMeta {
                name: Some(name),
                namespace: Some(namespace),
                annotations: (!self.annotations.is_empty()).then(|| self.annotations.clone()),
                ..ObjectMeta::default()
            },
            involved_object: regarding,
            type_: Some(severity.as_str().to_owned()),
            reason: Some(reason.to_owned()),
            message: Some(shortened(message.to_owned(), MESSAGE_BYTES_MAX)),
            count: Some(1),
            first_timestamp: Some(now.clone()),
            last_timestamp: Some(now),
            source: Some(EventSource { component: Some(self.component.to_owned()), host: None }),
            reporting_component: Some(self.component.to_owned()),
            ..Event::default()
        };
        match api.create(&PostParams::default(), &event).await {
            Err(kube::Error::Api(status)) if status.is_already_exists() => Ok(()),
            other => other.map(drop),
        }
    }
}

/// Whether nothing could be made because the namespace is being deleted, or is gone already.
pub fn is_namespace_going(error: &kube::Error) -> bool {
    let kube::Error::Api(status) = error else { return false };
    let Some(details) = &status.details else { return false };
    let is_gone = status.is_not_found() && details.kind == "namespaces";
    is_gone || details.causes.iter().any(|cause| cause.reason == "NamespaceTerminating")
}

/// `<object>.<hash>`: the same words about the same object find the same event again.
fn name_of(
    regarding: &ObjectReference,
    component: &str,
    severity: Severity,
    reason: &str,
    message: &str,
) -> String {
    let words = [
        regarding.kind.as_deref().unwrap_or_default(),
        regarding.uid.as_deref().unwrap_or_default(),
        component,
        severity.as_str(),
        reason,
        message,
    ];
    // FNV-1a, 64 bits: stable across runs, and a collision costs no more than a merged count.
    let mut hash: u64 = 0xcbf2_9ce4_8422_2325;
    for byte in words.iter().flat_map(|word| word.bytes().chain([0])) {
        hash = (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
    }
    format!("{}.{hash:016x}", regarding.name.as_deref().unwrap_or_default())
}
