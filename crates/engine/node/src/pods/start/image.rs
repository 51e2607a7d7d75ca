//! The image of a container that is to be started.

use bythos_operator::ObjectKey;
use k8s_openapi::api::core::v1::{Container as ContainerSpec, LocalObjectReference};
use tokio::time::Instant;

use super::super::image::{PullPolicy, Verdict, pulled_message};
use super::super::report::PodEvents;
use super::super::spec;
use super::super::status::Waiting;
use super::super::worker::{Finished, Worker};
use super::{Hold, NotStarted, PodView, ToStart};
use crate::cri::v1;
use crate::images::credentials;

impl Worker {
    /// The image, if it is here; a pull is begun if it should be and is not.
    pub(super) async fn image(&mut self, to_start: &ToStart<'_>) -> Result<v1::Image, NotStarted> {
        let ToStart { view, container, events, .. } = to_start;
        let name = spec::image(container);
        let present = match self.node.cri.image(name).await {
            Ok(present) => present,
            Err(error) if error.is_unreachable() => return Err(error.into()),
            Err(error) => {
                let message = format!("\"{name}\" is not the name of an image: {}", error.message);
                self.warn_once(events, &container.name, "InspectFailed", &message).await;
                return Err(NotStarted::hold("InvalidImageName", message));
            }
        };
        let now = Instant::now();
        match self.pulls.decide(name, PullPolicy::of(container), present.is_some(), now) {
            Verdict::Use(took) => {
                let image = present.unwrap_or_default();
                self.announce(events, container, &pulled_message(name, took, &image)).await;
                Ok(image)
            }
            Verdict::Pull => {
                events.normal("Pulling", &format!("Pulling image \"{name}\"")).await;
                self.pull(name, now, *view);
                Err(NotStarted::hold("ContainerCreating", format!("pulling image \"{name}\"")))
            }
            Verdict::Wait { waiting, until } => {
                if let Some(reason) = reason_of_event(&waiting) {
                    self.warn_once(events, &container.name, reason, &waiting.message).await;
                }
                Err(NotStarted::Hold(Hold { waiting, until }))
            }
        }
    }

    /// Tries the credentials that are meant for the image, one after the other, or none where there are none.
    fn pull(&mut self, name: &str, now: Instant, view: PodView<'_>) {
        self.pulls.started(name, now);
        let named = view.spec.image_pull_secrets.iter().flatten();
        let key =
            |secret: &LocalObjectReference| ObjectKey::namespaced(&self.identity.namespace, &secret.name);
        let secrets: Vec<_> =
            named.filter_map(|secret| self.node.objects.secrets.get(&key(secret))).collect();
        let found = credentials::for_image(secrets.iter().map(|secret| &**secret), name);
        let attempts = if found.is_empty() { vec![None] } else { found.into_iter().map(Some).collect() };
        let (cri, image) = (self.node.cri.clone(), name.to_owned());
        self.tasks.spawn(async move {
            let mut result = Ok(());
            for auth in attempts {
                result = cri.pull_image(&image, auth).await;
                if result.is_ok() {
                    break;
                }
            }
            Finished::Pull { image, result }
        });
    }

    /// The image is found at each attempt, but said to be here once for each container that is made.
    async fn announce(&mut self, events: &PodEvents, container: &ContainerSpec, message: &str) {
        if self.said.insert(image_topic(container), message.to_owned()).is_none() {
            events.normal("Pulled", message).await;
        }
    }
}

/// What was said about the image of a container, apart from what was said about the container.
pub(super) fn image_topic(container: &ContainerSpec) -> String {
    format!("image of {}", container.name)
}

/// The first failure of a pull is told when it happens.
fn reason_of_event(waiting: &Waiting) -> Option<&'static str> {
    match waiting.reason {
        "ImagePullBackOff" => Some("BackOff"),
        "ErrImageNeverPull" => Some("Failed"),
        _ => None,
    }
}
