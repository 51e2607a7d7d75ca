//! Hooks of a container's life: what is run after its start and before its end.
//!
//! Their delivery is upstream's: at least once, and asynchronous to the container's own program.

use std::path::PathBuf;
use std::time::Duration;

use bythos_operator::error_chain;
use k8s_openapi::api::core::v1::{Container, LifecycleHandler};

use super::paths;
use super::probes::{Cause, HttpCheck, ProbeError, Unhealthy, Verdict, ask_http};
use super::runtime::{Container as InRuntime, PodInRuntime};
use super::spec::{self, ContainerKind};
use super::start::PodView;
use super::worker::{Finished, StepError, Worker};
use crate::cri::Cri;
use crate::cri::labels::{ContainerNotes, PreStop};

const OUTPUT_BYTES_MAX: usize = 1024;

/// A hook as the specification asks for it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Hook {
    Exec(Vec<String>),
    Http(HttpCheck),
    Sleep(Duration),
    /// Upstream's API lets it pass, and its nodes refuse to run it.
    Tcp,
}

/// Whom a hook is run for.
#[derive(Debug, Clone)]
pub(crate) struct HookTarget {
    pub(crate) cri: Cri,
    pub(crate) container_id: String,
    /// The pod's own address.
    pub(crate) address: String,
}

/// How far the `postStart` hook of one container is.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum PostStart {
    UnderWay,
    Done,
    Failed,
}

impl Hook {
    /// The hook that runs after the start; `None` if there is none.
    pub(crate) fn after_start(container: &Container) -> Option<Result<Self, ProbeError>> {
        let handler = container.lifecycle.as_ref()?.post_start.as_ref()?;
        Some(Hook::read("lifecycle.postStart", handler, container))
    }

    /// The hook that runs before the end; `None` if there is none.
    pub(crate) fn before_stop(container: &Container) -> Option<Result<Self, ProbeError>> {
        let handler = container.lifecycle.as_ref()?.pre_stop.as_ref()?;
        Some(Hook::read("lifecycle.preStop", handler, container))
    }

    /// What is written on a container, for [`Hook::of_notes`].
    pub(crate) fn note(container: &Container) -> Option<PreStop> {
        let handler = container.lifecycle.as_ref()?.pre_stop.as_ref()?;
        let ports = container.ports.as_deref().unwrap_or_default();
        Some(PreStop {
            handler: serde_json::to_string(handler).ok()?,
            ports: serde_json::to_string(ports).ok()?,
        })
    }

    /// The hook that runs before the end, where nobody knows the pod any more; the error says in words why what is noted
    /// is none.
    pub(crate) fn of_notes(notes: &ContainerNotes) -> Option<Result<Self, String>> {
        let PreStop { handler, ports } = notes.pre_stop.as_ref()?;
        let read = || {
            let unreadable = |error: serde_json::Error| format!("failed to read the noted hook: {error}");
            let handler = serde_json::from_str(handler).map_err(unreadable)?;
            let ports = serde_json::from_str(ports).map_err(unreadable)?;
            let container = Container { name: notes.name.clone(), ports, ..Container::default() };
            Hook::read("lifecycle.preStop", &handler, &container).map_err(|error| error_chain(&error))
        };
        Some(read())
    }

    fn read(field: &str, handler: &LifecycleHandler, container: &Container) -> Result<Self, ProbeError> {
        if let Some(exec) = &handler.exec {
            return Ok(Hook::Exec(exec.command.clone().unwrap_or_default()));
        }
        if let Some(http) = &handler.http_get {
            return Ok(Hook::Http(HttpCheck::read(&format!("{field}.httpGet"), http, container)?));
        }
        if let Some(sleep) = &handler.sleep {
            return Ok(Hook::Sleep(Duration::from_secs(u64::try_from(sleep.seconds).unwrap_or(0))));
        }
        Ok(Hook::Tcp)
    }

    /// Runs to its end; the error says in words what was wrong.
    pub(crate) async fn run(&self, target: &HookTarget) -> Result<(), String> {
        match self {
            Hook::Exec(command) => exec(command, target).await,
            Hook::Http(check) => {
                let host = check.host.as_deref().unwrap_or(&target.address);
                // Any answer will do, as it does upstream.
                ask_http(check, host).await.map(drop).map_err(|error| error_chain(&error))
            }
            Hook::Sleep(duration) => {
                tokio::time::sleep(*duration).await;
                Ok(())
            }
            Hook::Tcp => Err("tcpSocket cannot be a hook; expected exec, httpGet or sleep".to_owned()),
        }
    }
}

async fn exec(command: &[String], target: &HookTarget) -> Result<(), String> {
    let answer =
        target.cri.exec(&target.container_id, command, None).await.map_err(|error| error.to_string())?;
    if answer.exit_code == 0 {
        return Ok(());
    }
    let output = [answer.stdout, answer.stderr].concat();
    let output = output.get(..OUTPUT_BYTES_MAX).unwrap_or(&output);
    let output = String::from_utf8_lossy(output);
    Err(format!("command ended with exit code {}: {}", answer.exit_code, output.trim()))
}

impl Worker {
    /// Begins the `postStart` hook of each container that has started and whose hook has not run.
    ///
    /// A mark on disk says that it has; a Bythos that died in between runs it again.
    pub(super) async fn run_post_start_hooks(&mut self, view: PodView<'_>) -> Result<(), StepError> {
        let is_running = |id: &str| view.runtime.running().any(|container| container.id == id);
        self.post_start.retain(|id, _| is_running(id));
        for running in view.runtime.running() {
            let Some((kind, container)) = spec::container(view.spec, &running.notes.name) else { continue };
            let Some(Ok(hook)) = Hook::after_start(&container).filter(|_| kind.is_lasting()) else {
                continue;
            };
            if self.post_start.contains_key(&running.id) {
                continue;
            }
            if self.post_start_mark(running).exists() {
                self.post_start.insert(running.id.clone(), PostStart::Done);
                continue;
            }
            let target = self.hook_target(view, &running.id).await?;
            self.post_start.insert(running.id.clone(), PostStart::UnderWay);
            let id = running.id.clone();
            self.tasks.spawn(async move {
                let result = hook.run(&target).await;
                Finished::PostStart { id, result }
            });
        }
        Ok(())
    }

    pub(super) async fn hook_target(&mut self, view: PodView<'_>, id: &str) -> Result<HookTarget, StepError> {
        let addresses = self.addresses(view.pod, view.runtime).await?;
        Ok(HookTarget {
            cri: self.node.cri.clone(),
            container_id: id.to_owned(),
            address: addresses.pod.first().map(ToString::to_string).unwrap_or_default(),
        })
    }

    /// Takes note of how a `postStart` hook has ended.
    pub(super) async fn take_post_start(
        &mut self,
        id: String,
        result: Result<(), String>,
    ) -> Result<(), StepError> {
        let runtime: PodInRuntime = self.look().await?;
        let Some(container) = runtime.running().find(|container| container.id == id) else { return Ok(()) };
        let Err(failure) = result else {
            let mark = self.post_start_mark(container);
            std::fs::write(&mark, "")
                .map_err(|source| StepError::Write { what: mark.display().to_string(), source })?;
            self.post_start.insert(id, PostStart::Done);
            return Ok(());
        };
        self.post_start.insert(id, PostStart::Failed);
        if let Some(pod) = self.wanted() {
            let named = pod.spec.as_ref().and_then(|spec| spec::container(spec, &container.notes.name));
            let kind = named.map_or(ContainerKind::Main, |(kind, _)| kind);
            let events = self.events(&pod).of_container(kind, &container.notes.name);
            events.warning("FailedPostStartHook", &format!("PostStartHook failed: {failure}")).await;
        }
        Ok(())
    }

    /// What hooks add to what probes have found: a container has started when its hook has ended.
    pub(super) fn add_post_start(&self, verdicts: &mut std::collections::BTreeMap<String, Verdict>) {
        for (id, post_start) in &self.post_start {
            match post_start {
                PostStart::Done => {}
                PostStart::UnderWay => drop(verdicts.remove(id)),
                PostStart::Failed => {
                    let unhealthy = Some(Unhealthy { cause: Cause::PostStartHook, grace: None });
                    verdicts.insert(id.clone(), Verdict { started: false, ready: false, unhealthy });
                }
            }
        }
    }

    fn post_start_mark(&self, container: &InRuntime) -> PathBuf {
        let notes = &container.notes;
        paths::post_start_mark(&self.node.config, &self.identity.uid, &notes.name, notes.restart_count)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::super::runtime;
    use super::*;

    #[track_caller]
    fn check(handler: &Value, expected: &Result<Hook, String>) {
        let container = json!({"name": "web", "lifecycle": {"preStop": handler}});
        let container: Container = serde_json::from_value(container).unwrap();
        let read = Hook::before_stop(&container).unwrap().map_err(|error| error.to_string());
        assert_eq!(&read, expected);
        assert_eq!(Hook::after_start(&container), None);
        let mut notes = runtime::examples::container("web", 0, runtime::RunState::Running).notes;
        notes.pre_stop = Hook::note(&container);
        assert_eq!(&Hook::of_notes(&notes).unwrap(), expected);
    }

    #[test]
    fn hooks_are_read_as_the_manifest_says() {
        check(&json!({"exec": {"command": ["sync"]}}), &Ok(Hook::Exec(vec!["sync".to_owned()])));
        check(&json!({"sleep": {"seconds": 5}}), &Ok(Hook::Sleep(Duration::from_secs(5))));
        check(&json!({"tcpSocket": {"port": 80}}), &Ok(Hook::Tcp));
        let no_port = "lifecycle.preStop.httpGet.port: the container has no port named \"web\"";
        check(&json!({"httpGet": {"port": "web"}}), &Err(no_port.to_owned()));
    }
}
