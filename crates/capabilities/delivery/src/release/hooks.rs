//! The hooks of releases: their objects, their end, their logs.

use bythos_helm::plan::{HookStep, Object, ObjectKey, Propagation};
use k8s_openapi::api::core::v1::Pod;
use kube::api::{ListParams, LogParams};
use kube::{Api, ResourceExt as _};

use super::Releases;
use super::carry::{Progress, StepError};
use super::objects::{Force, ObjectError, Refused, failed};
use super::wait::Awaited;
use crate::status::words;

/// The bytes of a container's log that are shown.
const LOG_BYTES_MAX: i64 = 64 << 10;

impl Releases<'_> {
    pub(super) async fn hook(
        &self,
        hook: usize,
        step: &HookStep,
        progress: &mut Progress<'_>,
    ) -> Result<(), StepError> {
        match step {
            HookStep::Delete(keys) => {
                for key in keys {
                    self.delete_now(key, Propagation::Background).await?;
                }
                self.await_all(keys, Awaited::Gone, progress.timeout).await?;
            }
            HookStep::Create { objects, may_exist, server_side } => {
                for object in objects {
                    self.make_hook(object, *may_exist, *server_side).await?;
                }
            }
            HookStep::Await(keys) => self.await_all(keys, Awaited::HookDone, progress.timeout).await?,
            HookStep::ShowLog => self.show_log(hook, progress).await,
        }
        Ok(())
    }

    async fn make_hook(
        &self,
        object: &Object,
        may_exist: bool,
        server_side: bool,
    ) -> Result<(), ObjectError> {
        let way = self.way_to(&object.key).await?;
        if server_side && !object.key.name.is_empty() {
            return self.server_side(object, &way, Force::No).await;
        }
        match self.create(object, &way).await {
            Err(Refused::Exists) if may_exist => Ok(()),
            made => made.map_err(|refused| refused.into_error(&object.key)),
        }
    }

    /// A log that cannot be read is told, and no failure.
    async fn show_log(&self, hook: usize, progress: &Progress<'_>) {
        let Some(plan) = progress.plan else { return };
        let Some(recorded) = plan.record.hooks.get(hook) else { return };
        let key = ObjectKey {
            api_version: String::new(),
            kind: recorded.kind.clone(),
            namespace: hook_namespace(&recorded.manifest).unwrap_or_else(|| progress.namespace.to_owned()),
            name: recorded.name.clone(),
        };
        if let Err(error) = self.read_logs(&key).await {
            (self.tell)(&format!("no log of {key}: {error}"));
        }
    }

    async fn read_logs(&self, key: &ObjectKey) -> Result<(), ObjectError> {
        let api = Api::<Pod>::namespaced(self.cluster.client().clone(), &key.namespace);
        let selection = match key.kind.as_str() {
            "Pod" => ListParams::default().fields(&format!("metadata.name={}", key.name)),
            "Job" => ListParams::default().labels(&format!("job-name={}", key.name)),
            _ => return Ok(()),
        };
        let pods = api.list(&selection).await.map_err(|error| failed("list the pods of", key, &error))?;
        for pod in pods.items {
            let spec = pod.spec.as_ref();
            let containers = spec.map(|spec| spec.containers.as_slice()).unwrap_or_default();
            for container in containers {
                let params = LogParams {
                    container: Some(container.name.clone()),
                    limit_bytes: Some(LOG_BYTES_MAX),
                    ..LogParams::default()
                };
                let name = pod.name_any();
                match api.logs(&name, &params).await {
                    Ok(text) => self.tell_log(&name, &container.name, &text),
                    Err(error) => (self.tell)(&format!("no log of {name}: {}", words(&error))),
                }
            }
        }
        Ok(())
    }

    fn tell_log(&self, pod: &str, container: &str, text: &str) {
        (self.tell)(&format!("logs for {pod}, container {container}:"));
        text.lines().for_each(|line| (self.tell)(line));
    }
}

/// The namespace that a hook's manifest names.
fn hook_namespace(manifest: &str) -> Option<String> {
    let value = bythos_yaml::parse(manifest, bythos_yaml::Limits::MANIFESTS).ok()?;
    Some(value.pointer("/metadata/namespace")?.as_str()?.to_owned())
}
