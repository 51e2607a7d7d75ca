//! The volumes of a pod whose containers are to be started, and of one that runs.

use std::collections::BTreeMap;

use bythos_operator::error_chain;
use tracing::debug;

use super::super::status::Waiting;
use super::super::sub_path::{self, Binding};
use super::super::volumes::{self, Place};
use super::super::worker::{StepError, Worker};
use super::{Hold, NotStarted, PodView, ToStart};

/// The volumes among the failures and what was said, which are known by container names.
const VOLUMES: &str = "/volumes";

impl Worker {
    /// Binds what the container mounts of its volumes in parts.
    pub(super) async fn bind(
        &mut self,
        to_start: &ToStart<'_>,
        bindings: Vec<Binding>,
    ) -> Result<(), NotStarted> {
        let config = self.node.config.clone();
        let bound = tokio::task::spawn_blocking(move || sub_path::bind_all(&config, bindings)).await;
        match bound.map_err(std::io::Error::other).flatten() {
            Ok(()) => Ok(()),
            Err(error) => {
                let message = format!("failed to prepare subPath for volumeMount of the container: {error}");
                let ToStart { start, events, .. } = to_start;
                Err(self.failed(events, start, "CreateContainerConfigError", message).await)
            }
        }
    }

    pub(super) async fn mounted_volumes(
        &mut self,
        view: PodView<'_>,
    ) -> Result<BTreeMap<String, Place>, NotStarted> {
        match self.volumes(view).await? {
            Ok(volumes) => {
                self.failures.remove(VOLUMES);
                Ok(volumes)
            }
            Err(message) => {
                let events = self.events(view.pod);
                self.warn_once(&events, VOLUMES, "FailedMount", &message).await;
                // What is missing in the API tells of its coming; what is missing on the host does not.
                let waiting = Waiting { reason: "ContainerCreating", message };
                let until = Some(self.note_failure(VOLUMES, waiting.clone()));
                Err(NotStarted::Hold(Hold { waiting, until }))
            }
        }
    }

    /// Brings the volumes of a pod that runs up to date; what is missing by now leaves them as they are.
    pub(in crate::pods) async fn refresh_volumes(&mut self, view: PodView<'_>) -> Result<(), StepError> {
        let has_volumes = view.spec.volumes.as_ref().is_some_and(|volumes| !volumes.is_empty());
        if has_volumes && let Err(message) = self.volumes(view).await? {
            debug!(message, "the volumes stay as they are");
        }
        Ok(())
    }

    /// Where the volumes lie, once they are what they should be; or, in words, why they are not.
    async fn volumes(
        &mut self,
        view: PodView<'_>,
    ) -> Result<Result<BTreeMap<String, Place>, String>, StepError> {
        let addresses = self.addresses(view.pod, view.runtime).await?;
        let mut objects = self.node.objects.gather(view.pod, self.node.capacity);
        self.tokens.refresh(&self.node.client, view.pod, &self.identity).await;
        (objects.tokens, objects.token_failure) = self.tokens.texts();
        let prepared = volumes::prepare(&self.node.config, view.pod, view.spec, &objects, &addresses);
        let config = self.node.config.clone();
        let realized = tokio::task::spawn_blocking(move || volumes::realize(&config, prepared)).await;
        Ok(match realized {
            Ok(realized) => realized.map_err(|error| error_chain(&error)),
            Err(failed) => Err(failed.to_string()),
        })
    }
}
