//! Pods of tests: made, waited for, asked.

use std::time::Duration;

use anyhow::Context as _;
use http_body_util::BodyExt as _;
use k8s_openapi::api::core::v1::{ConfigMap, ContainerStatus, Event, Pod};
use kube::Api;
use kube::api::{Patch, PatchParams, PostParams};
use serde_json::{Value, json};

use crate::host::{Host, IMAGE, NODE};

const LIMIT: Duration = Duration::from_secs(60);

/// A pod in `default` on this node; `spec` is what it has besides.
pub(crate) fn pod(name: &str, mut spec: Value) -> anyhow::Result<Pod> {
    spec["nodeName"] = json!(NODE);
    for list in ["containers", "initContainers"] {
        for container in spec[list].as_array_mut().into_iter().flatten() {
            if container.get("image").is_none() {
                container["image"] = json!(IMAGE);
            }
        }
    }
    Ok(serde_json::from_value(json!({"metadata": {"name": name, "namespace": "default"}, "spec": spec}))?)
}

/// A container that runs `script`.
pub(crate) fn container(name: &str, script: &str) -> Value {
    json!({"name": name, "command": ["/bin/sh", "-c", script]})
}

impl Host {
    pub(crate) fn pods(&self) -> Api<Pod> {
        Api::namespaced(self.engine.admin.clone(), "default")
    }

    pub(crate) async fn create(&self, name: &str, spec: Value) -> anyhow::Result<Pod> {
        let created = self.pods().create(&PostParams::default(), &pod(name, spec)?).await;
        created.with_context(|| format!("create pod {name}"))
    }

    pub(crate) async fn put_config(&self, name: &str, data: Value) -> anyhow::Result<()> {
        let config = json!({
            "apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name, "namespace": "default"}, "data": data,
        });
        let configs = Api::<ConfigMap>::namespaced(self.engine.admin.clone(), "default");
        configs.patch(name, &PatchParams::apply("test").force(), &Patch::Apply(config)).await?;
        Ok(())
    }

    /// Waits until the pod is as `wanted` says, and returns it.
    pub(crate) async fn wait_for(
        &self,
        name: &str,
        what: &str,
        wanted: impl Fn(&Pod) -> bool,
    ) -> anyhow::Result<Pod> {
        let mut last = None;
        let waited = tokio::time::timeout(LIMIT, async {
            loop {
                let pod = self.pods().get(name).await?;
                if wanted(&pod) {
                    return anyhow::Ok(pod);
                }
                last = pod.status;
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        });
        match waited.await {
            Ok(found) => found,
            Err(_) => anyhow::bail!("pod {name} is not {what} after a minute; its status is {last:#?}"),
        }
    }

    /// As [`Host::wait_for`], of a pod that may not be there yet.
    pub(crate) async fn wait_for_there(
        &self,
        name: &str,
        wanted: impl Fn(&Pod) -> bool,
    ) -> anyhow::Result<Pod> {
        let found = tokio::time::timeout(LIMIT, async {
            loop {
                if let Some(pod) = self.pods().get_opt(name).await?.filter(&wanted) {
                    return anyhow::Ok(pod);
                }
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        });
        found.await.with_context(|| format!("pod {name} is not as it should be after a minute"))?
    }

    /// Waits until the pod is gone from the API.
    pub(crate) async fn wait_until_gone(&self, name: &str) -> anyhow::Result<()> {
        let gone = tokio::time::timeout(LIMIT, async {
            while self.pods().get_opt(name).await?.is_some() {
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
            anyhow::Ok(())
        });
        gone.await.with_context(|| format!("pod {name} is not gone after a minute"))?
    }

    /// Status and text of the node's answer about the log of a container.
    pub(crate) async fn log(&self, pod: &str, container: &str, query: &str) -> anyhow::Result<(u16, String)> {
        let uri = format!("/containerLogs/default/{pod}/{container}?{query}");
        let body = http_body_util::Empty::new().map_err(|never| match never {}).boxed_unsync();
        let response = self.port.call(http::Request::get(uri).body(body)?).await?;
        let status = response.status().as_u16();
        let body = response.into_body().collect().await.map_err(|error| anyhow::anyhow!(error))?;
        Ok((status, String::from_utf8(body.to_bytes().to_vec())?))
    }

    /// Waits until the log contains `text`.
    pub(crate) async fn wait_for_log(
        &self,
        pod: &str,
        container: &str,
        text: &str,
    ) -> anyhow::Result<String> {
        let mut last = String::new();
        let waited = tokio::time::timeout(LIMIT, async {
            loop {
                (_, last) = self.log(pod, container, "").await?;
                if last.contains(text) {
                    return anyhow::Ok(());
                }
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        });
        waited.await.with_context(|| format!("{text:?} is not in the log of {pod}"))??;
        Ok(last)
    }
}

pub(crate) fn is_ready(pod: &Pod) -> bool {
    has_condition(pod, "Ready")
}

pub(crate) fn has_condition(pod: &Pod, type_: &str) -> bool {
    let conditions = pod.status.iter().flat_map(|status| status.conditions.iter().flatten());
    conditions.into_iter().any(|condition| condition.type_ == type_ && condition.status == "True")
}

pub(crate) fn phase(pod: &Pod) -> &str {
    pod.status.as_ref().and_then(|status| status.phase.as_deref()).unwrap_or_default()
}

/// The status of the first container.
pub(crate) fn first_container(pod: &Pod) -> ContainerStatus {
    let statuses = pod.status.as_ref().and_then(|status| status.container_statuses.clone());
    statuses.unwrap_or_default().into_iter().next().unwrap_or_default()
}

/// Reason and message for which the first container waits.
pub(crate) fn waiting(pod: &Pod) -> (String, String) {
    let waiting = first_container(pod).state.and_then(|state| state.waiting).unwrap_or_default();
    (waiting.reason.unwrap_or_default(), waiting.message.unwrap_or_default())
}

/// Reasons of all events about the pod.
pub(crate) async fn reasons_of_events(host: &Host, pod: &str) -> anyhow::Result<Vec<String>> {
    Ok(events(host, pod).await?.into_iter().filter_map(|event| event.reason).collect())
}

/// Messages of all events of this kind about the pod, and how often each was said.
pub(crate) async fn said(host: &Host, pod: &str, reason: &str) -> anyhow::Result<Vec<(String, i32)>> {
    let events = events(host, pod).await?.into_iter();
    let of_kind = events.filter(|event| event.reason.as_deref() == Some(reason));
    Ok(of_kind.map(|event| (event.message.unwrap_or_default(), event.count.unwrap_or(0))).collect())
}

/// Waits until this was said about the pod at least so often. An event may come after what it tells of.
pub(crate) async fn wait_until_said(
    host: &Host,
    pod: &str,
    reason: &str,
    words: &str,
    times: i32,
) -> anyhow::Result<()> {
    let mut last = Vec::new();
    let waited = tokio::time::timeout(LIMIT, async {
        loop {
            last = said(host, pod, reason).await?;
            if last.iter().any(|(message, count)| message.contains(words) && *count >= times) {
                return anyhow::Ok(());
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    });
    waited.await.with_context(|| format!("{words:?} is not said {times} times of {pod}: {last:?}"))?
}

async fn events(host: &Host, pod: &str) -> anyhow::Result<Vec<Event>> {
    let events = Api::<Event>::namespaced(host.engine.admin.clone(), "default");
    let mut events = events.list(&Default::default()).await?.items;
    events.retain(|event| event.involved_object.name.as_deref() == Some(pod));
    Ok(events)
}

/// Waits until `holds`, which is looked at again and again.
pub(crate) async fn wait_until(
    what: &str,
    mut holds: impl AsyncFnMut() -> anyhow::Result<bool>,
) -> anyhow::Result<()> {
    let waited = tokio::time::timeout(LIMIT, async {
        while !holds().await? {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        anyhow::Ok(())
    });
    waited.await.with_context(|| format!("not after a minute: {what}"))?
}
