//! What a worker sees of its pod: what runs, how it ended, and at which addresses.

use std::collections::BTreeSet;
use std::path::PathBuf;

use k8s_openapi::api::core::v1::Pod;
use k8s_openapi::jiff::Timestamp;

use super::fields::Addresses;
use super::paths;
use super::runtime::{Container, Details, PodInRuntime, RunState, look};
use super::spec::uses_host_network;
use super::worker::{StepError, Worker};
use crate::logs::tail_of;

const TERMINATION_MESSAGE_BYTES_MAX: usize = 4096;
const LOG_MESSAGE_BYTES_MAX: u64 = 2048;
const LOG_MESSAGE_LINES_MAX: usize = 80;

impl Worker {
    /// What runs of the pod, with what is known of each container.
    pub(super) async fn look(&mut self) -> Result<PodInRuntime, StepError> {
        let mut runtime = look(&self.node.cri, &self.identity).await?;
        let ids: BTreeSet<_> = runtime.containers.iter().map(|container| container.id.clone()).collect();
        self.details.retain(|id, _| ids.contains(id));
        for container in &runtime.containers {
            let known = self.details.get(&container.id);
            let is_complete = match container.state {
                RunState::Created | RunState::BrokenOff => true,
                RunState::Running => known.is_some(),
                RunState::Ended => known.is_some_and(|details| details.finished_at.is_some()),
            };
            if is_complete {
                continue;
            }
            let Some(status) = self.node.cri.container_status(&container.id).await? else { continue };
            let mut details = Details::read(status);
            details.is_to_restart = self.restart_mark(container).exists();
            // It may have ended since it was listed: these details stay, so they must be whole.
            if container.state == RunState::Ended || details.finished_at.is_some() {
                self.add_termination_message(container, &mut details);
                // One that never started has no end either; without one it would be read again and again.
                details.finished_at = details.finished_at.or_else(|| Some(Timestamp::now()));
            }
            self.details.insert(container.id.clone(), details);
        }
        for container in &mut runtime.containers {
            if container.state == RunState::Ended
                && self.details.get(&container.id).is_some_and(Details::is_broken_off)
            {
                container.state = RunState::BrokenOff;
            }
        }
        Ok(runtime)
    }

    /// Removes a container that does not run, and what a start that was broken off has left of it.
    pub(super) async fn remove_container(&self, container: &Container) -> Result<(), StepError> {
        if container.state == RunState::BrokenOff {
            self.node.cri.discard_task(&container.id).await?;
        }
        Ok(self.node.cri.remove_container(&container.id).await?)
    }

    /// Takes note, for whoever looks at it once it has ended, that the container is stopped to be restarted.
    pub(super) fn mark_for_restart(&mut self, container: &Container) -> Result<(), StepError> {
        let mark = self.restart_mark(container);
        if let Some(details) = self.details.get_mut(&container.id).filter(|details| !details.is_to_restart) {
            std::fs::write(&mark, "")
                .map_err(|source| StepError::Write { what: mark.display().to_string(), source })?;
            details.is_to_restart = true;
        }
        Ok(())
    }

    fn restart_mark(&self, container: &Container) -> PathBuf {
        let notes = &container.notes;
        paths::restart_mark(&self.node.config, &self.identity.uid, &notes.name, notes.restart_count)
    }

    fn add_termination_message(&self, container: &Container, details: &mut Details) {
        let notes = &container.notes;
        let (config, uid) = (&self.node.config, &self.identity.uid);
        let file = paths::termination_message_file(config, uid, &notes.name, notes.restart_count);
        let mut message = std::fs::read(file).unwrap_or_default();
        message.truncate(TERMINATION_MESSAGE_BYTES_MAX);
        if message.is_empty() && notes.message_from_log && details.exit_code != 0 {
            let log = paths::log_dir(config, &self.identity)
                .join(paths::log_file(&notes.name, notes.restart_count));
            message = tail_of(&log, LOG_MESSAGE_LINES_MAX, LOG_MESSAGE_BYTES_MAX);
        }
        if !message.is_empty() {
            details.message = String::from_utf8_lossy(&message).into_owned();
        }
    }

    /// The pod's addresses; those of the pod are empty until it has a sandbox.
    pub(super) async fn addresses(
        &mut self,
        pod: &Pod,
        runtime: &PodInRuntime,
    ) -> Result<Addresses, StepError> {
        let host = self.node.config.node_address;
        let none = Addresses { pod: Vec::new(), host };
        let (Some(sandbox), Some(spec)) = (runtime.ready_sandbox(), &pod.spec) else { return Ok(none) };
        if uses_host_network(spec) {
            return Ok(Addresses { pod: vec![host], host });
        }
        if let Some((id, known)) = &self.known_addresses
            && *id == sandbox.id
        {
            return Ok(known.clone());
        }
        let network = self.node.cri.sandbox_status(&sandbox.id).await?.network.unwrap_or_default();
        let others = network.additional_ips.into_iter().map(|address| address.ip);
        let addresses = std::iter::once(network.ip).chain(others).filter_map(|ip| ip.parse().ok()).collect();
        let addresses = Addresses { pod: addresses, host };
        self.known_addresses = Some((sandbox.id.clone(), addresses.clone()));
        Ok(addresses)
    }
}
