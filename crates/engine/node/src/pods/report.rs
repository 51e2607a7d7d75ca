//! What the API is told of a pod: its status, and events.

use std::sync::Arc;

use bythos_operator::event::{Publisher, Severity};
use k8s_openapi::api::core::v1::{ObjectReference, Pod, PodStatus};
use kube::Api;
use kube::api::{DeleteParams, Patch, PatchParams, Preconditions};
use serde_json::{Value, json};

use super::spec::ContainerKind;
use super::static_pods::is_static;

/// Publishes events of one pod, or of one of its containers.
#[derive(Clone)]
pub(crate) struct PodEvents {
    publisher: Publisher,
    regarding: ObjectReference,
}

impl PodEvents {
    pub(crate) fn of(publisher: &Publisher, pod: &Pod) -> Self {
        let regarding = ObjectReference {
            api_version: Some("v1".to_owned()),
            kind: Some("Pod".to_owned()),
            namespace: pod.metadata.namespace.clone(),
            name: pod.metadata.name.clone(),
            uid: pod.metadata.uid.clone(),
            ..ObjectReference::default()
        };
        PodEvents { publisher: publisher.clone(), regarding }
    }

    /// The same for a container of the pod.
    pub(crate) fn of_container(&self, kind: ContainerKind, name: &str) -> Self {
        let mut events = self.clone();
        events.regarding.field_path = Some(format!("spec.{}{{{name}}}", kind.list()));
        events
    }

    pub(crate) async fn normal(&self, reason: &str, message: &str) {
        self.publish(Severity::Normal, reason, message).await;
    }

    pub(crate) async fn warning(&self, reason: &str, message: &str) {
        self.publish(Severity::Warning, reason, message).await;
    }

    async fn publish(&self, severity: Severity, reason: &str, message: &str) {
        self.publisher.publish_regarding(self.regarding.clone(), severity, reason, message).await;
    }
}

/// Writes the status if it differs from what `pod` has, and returns the pod as it then is; `None` if there was
/// nothing to write.
///
/// The write is bound to the version of `pod`: whoever changed it in between is not overwritten.
pub(crate) async fn write_status(
    api: &Api<Pod>,
    pod: &Pod,
    status: &PodStatus,
) -> Result<Option<Arc<Pod>>, kube::Error> {
    let Some(patch) = difference(pod.status.as_ref(), status) else { return Ok(None) };
    let version = &pod.metadata.resource_version;
    let metadata = match (is_static(pod), version) {
        // It has no mirror yet.
        (true, None) => return Ok(None),
        (true, Some(_)) => json!({"resourceVersion": version}),
        (false, _) => json!({"uid": pod.metadata.uid, "resourceVersion": version}),
    };
    let patch = json!({"metadata": metadata, "status": patch});
    let name = pod.metadata.name.as_deref().unwrap_or_default();
    let written = api.patch_status(name, &PatchParams::default(), &Patch::Merge(&patch)).await?;
    Ok(Some(Arc::new(written)))
}

/// The fields of `after` that differ, and null for those that are gone; `None` if nothing differs.
fn difference(before: Option<&PodStatus>, after: &PodStatus) -> Option<Value> {
    let fields = |status: &PodStatus| match serde_json::to_value(status) {
        Ok(Value::Object(fields)) => fields,
        _ => serde_json::Map::new(),
    };
    let before = before.map(fields).unwrap_or_default();
    let after = fields(after);
    let gone = before.keys().filter(|key| !after.contains_key(*key)).map(|key| (key.clone(), Value::Null));
    let changed = after.iter().filter(|(key, value)| before.get(*key) != Some(value));
    let patch: serde_json::Map<_, _> =
        gone.chain(changed.map(|(key, value)| (key.clone(), value.clone()))).collect();
    (!patch.is_empty()).then_some(Value::Object(patch))
}

/// Takes the pod out of the API, for nothing of it is left here; one of another uid is left alone.
pub(crate) async fn remove_from_api(api: &Api<Pod>, pod: &Pod) -> Result<(), kube::Error> {
    let preconditions = Preconditions { uid: pod.metadata.uid.clone(), resource_version: None };
    let parameters = DeleteParams {
        grace_period_seconds: Some(0),
        preconditions: Some(preconditions),
        ..DeleteParams::default()
    };
    match api.delete(pod.metadata.name.as_deref().unwrap_or_default(), &parameters).await {
        Err(kube::Error::Api(status)) if status.is_not_found() || status.is_conflict() => Ok(()),
        other => other.map(drop),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn status(value: Value) -> PodStatus {
        serde_json::from_value(value).unwrap()
    }

    #[test]
    fn only_what_differs_is_written() {
        let before = status(json!({"phase": "Pending", "hostIP": "192.0.2.1"}));
        let after = status(json!({"phase": "Running", "hostIP": "192.0.2.1", "podIP": "10.42.0.5"}));
        assert_eq!(
            difference(Some(&before), &after),
            Some(json!({"phase": "Running", "podIP": "10.42.0.5"}))
        );
        assert_eq!(difference(Some(&after), &after), None);
        assert_eq!(difference(None, &status(json!({"phase": "Pending"}))), Some(json!({"phase": "Pending"})));
    }

    #[test]
    fn what_is_gone_is_removed() {
        let before = status(json!({"phase": "Running", "podIP": "10.42.0.5"}));
        let after = status(json!({"phase": "Running"}));
        assert_eq!(difference(Some(&before), &after), Some(json!({"podIP": null})));
    }
}
