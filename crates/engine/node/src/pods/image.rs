//! Images of containers: found here or pulled, by the container's pull policy.

use std::collections::BTreeMap;
use std::time::Duration;

use k8s_openapi::api::core::v1::Container;
use tokio::time::Instant;

use super::restart::Retry;
use super::status::Waiting;
use crate::cri::{CriError, v1};

/// How long a failure is shown as such before it is shown as waiting for the next attempt.
const SHOWN_AS_FAILURE: Duration = Duration::from_secs(2);

/// When an image is pulled.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum PullPolicy {
    Always,
    IfNotPresent,
    Never,
}

impl PullPolicy {
    /// Where the manifest is silent, `:latest` and names without a tag are always pulled.
    pub(crate) fn of(container: &Container) -> Self {
        match container.image_pull_policy.as_deref() {
            Some("Always") => PullPolicy::Always,
            Some("Never") => PullPolicy::Never,
            Some("IfNotPresent") => PullPolicy::IfNotPresent,
            _ => {
                let image = container.image.as_deref().unwrap_or_default();
                let last = image.rsplit('/').next().unwrap_or_default();
                let is_latest =
                    !last.contains('@') && last.rsplit_once(':').is_none_or(|(_, tag)| tag == "latest");
                if is_latest { PullPolicy::Always } else { PullPolicy::IfNotPresent }
            }
        }
    }
}

/// What to do about an image.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Verdict {
    /// It may be used. `Some` holds how long the pull took that brought it.
    Use(Option<Duration>),
    Pull,
    /// It cannot be used now; `until` is when that may change without an event.
    Wait {
        waiting: Waiting,
        until: Option<Instant>,
    },
}

/// The pulls of one pod.
#[derive(Debug, Default)]
pub(crate) struct Pulls {
    under_way: BTreeMap<String, Instant>,
    /// Pulled, and not used for a container yet.
    fresh: BTreeMap<String, Duration>,
    failed: BTreeMap<String, FailedPull>,
}

#[derive(Debug)]
struct FailedPull {
    retry: Retry,
    message: String,
    at: Instant,
}

impl Pulls {
    /// Decides about `image`, which is here already or not.
    pub(crate) fn decide(&self, image: &str, policy: PullPolicy, present: bool, now: Instant) -> Verdict {
        if let (Some(took), true) = (self.fresh.get(image), present) {
            return Verdict::Use(Some(*took));
        }
        if self.under_way.contains_key(image) {
            let message = format!("pulling image \"{image}\"");
            return Verdict::Wait { waiting: Waiting { reason: "ContainerCreating", message }, until: None };
        }
        match policy {
            PullPolicy::Never if !present => {
                let message = format!("Container image \"{image}\" is not present with pull policy of Never");
                Verdict::Wait {
                    waiting: Waiting { reason: "ErrImageNeverPull", message },
                    until: Some(now + Duration::from_secs(10)),
                }
            }
            PullPolicy::Never => Verdict::Use(None),
            PullPolicy::IfNotPresent if present => Verdict::Use(None),
            PullPolicy::IfNotPresent | PullPolicy::Always => self.pull_or_hold(image, now),
        }
    }

    fn pull_or_hold(&self, image: &str, now: Instant) -> Verdict {
        let Some(failed) = self.failed.get(image) else { return Verdict::Pull };
        let Some(due) = failed.retry.holds(now) else { return Verdict::Pull };
        let shown_until = failed.at + SHOWN_AS_FAILURE;
        let (reason, message, until) = if now < shown_until {
            ("ErrImagePull", failed.message.clone(), shown_until.min(due))
        } else {
            let message = format!("Back-off pulling image \"{image}\": ErrImagePull: {}", failed.message);
            ("ImagePullBackOff", message, due)
        };
        Verdict::Wait { waiting: Waiting { reason, message }, until: Some(until) }
    }

    pub(crate) fn started(&mut self, image: &str, now: Instant) {
        self.under_way.insert(image.to_owned(), now);
    }

    /// A pull has ended; the answer is the message of the failure, if it is one.
    pub(crate) fn ended(
        &mut self,
        image: &str,
        result: Result<(), CriError>,
        now: Instant,
    ) -> Option<String> {
        let began = self.under_way.remove(image).unwrap_or(now);
        match result {
            Ok(()) => {
                self.failed.remove(image);
                self.fresh.insert(image.to_owned(), now.duration_since(began));
                None
            }
            Err(error) => {
                let message = format!("failed to pull image \"{image}\": {}", plain(&error.message));
                let failed = self.failed.entry(image.to_owned()).or_insert_with(|| FailedPull {
                    retry: Retry::of_pull(),
                    message: String::new(),
                    at: now,
                });
                failed.retry.failed(now);
                failed.at = now;
                failed.message.clone_from(&message);
                Some(message)
            }
        }
    }

    /// A container was made of the image: the next one needs another look.
    pub(crate) fn used(&mut self, image: &str) {
        self.fresh.remove(image);
    }
}

/// Containerd wraps its words for other programs; what is left is what the registry or the network said.
fn plain(message: &str) -> &str {
    let wrapped = message.strip_prefix("rpc error: ").and_then(|rest| rest.split_once("desc = "));
    wrapped.map_or(message, |(_, words)| words)
}

/// The message of the event that says that the image is here.
pub(crate) fn pulled_message(image: &str, took: Option<Duration>, found: &v1::Image) -> String {
    match took {
        Some(took) => format!(
            "Successfully pulled image \"{image}\" in {} ms. Image size: {} bytes.",
            took.as_millis(),
            found.size
        ),
        None => format!("Container image \"{image}\" already present on machine"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const IMAGE: &str = "localhost/hello:1";

    fn reason(verdict: &Verdict) -> &str {
        match verdict {
            Verdict::Use(_) => "use",
            Verdict::Pull => "pull",
            Verdict::Wait { waiting, .. } => waiting.reason,
        }
    }

    fn failure(words: &str) -> Result<(), CriError> {
        Err(CriError::for_test(words))
    }

    #[test]
    fn the_policy_decides() {
        let cases = [
            (PullPolicy::IfNotPresent, true, "use"),
            (PullPolicy::IfNotPresent, false, "pull"),
            (PullPolicy::Always, true, "pull"),
            (PullPolicy::Always, false, "pull"),
            (PullPolicy::Never, true, "use"),
            (PullPolicy::Never, false, "ErrImageNeverPull"),
        ];
        for (policy, present, expected) in cases {
            let verdict = Pulls::default().decide(IMAGE, policy, present, Instant::now());
            assert_eq!(reason(&verdict), expected, "{policy:?}, present: {present}");
        }
    }

    #[test]
    fn the_default_policy_depends_on_the_tag() {
        let policy = |image: &str| {
            PullPolicy::of(&Container { image: Some(image.to_owned()), ..Container::default() })
        };
        let cases = [
            ("hello", PullPolicy::Always),
            ("hello:latest", PullPolicy::Always),
            ("localhost:5000/hello", PullPolicy::Always),
            ("hello:1", PullPolicy::IfNotPresent),
            ("hello@sha256:00", PullPolicy::IfNotPresent),
        ];
        for (image, expected) in cases {
            assert_eq!(policy(image), expected, "{image}");
        }
    }

    #[test]
    fn a_failed_pull_is_shown_then_held_back_then_tried_again() {
        let start = Instant::now();
        let mut pulls = Pulls::default();
        pulls.started(IMAGE, start);
        let verdict = pulls.decide(IMAGE, PullPolicy::IfNotPresent, false, start);
        assert_eq!(reason(&verdict), "ContainerCreating");
        pulls.ended(IMAGE, failure("rpc error: code = Unknown desc = no such host"), start);
        let after = |seconds| {
            pulls.decide(IMAGE, PullPolicy::IfNotPresent, false, start + Duration::from_secs(seconds))
        };
        let Verdict::Wait { waiting, .. } = after(1) else { panic!() };
        assert_eq!(waiting.reason, "ErrImagePull");
        assert_eq!(waiting.message, "failed to pull image \"localhost/hello:1\": no such host");
        let Verdict::Wait { waiting, until } = after(5) else { panic!() };
        assert_eq!(waiting.reason, "ImagePullBackOff");
        assert!(waiting.message.contains("no such host"), "{}", waiting.message);
        assert_eq!(until, Some(start + Duration::from_secs(10)));
        assert_eq!(reason(&after(11)), "pull");
    }

    #[test]
    fn what_was_pulled_is_used_once_where_it_is_always_pulled() {
        let now = Instant::now();
        let mut pulls = Pulls::default();
        pulls.started(IMAGE, now);
        pulls.ended(IMAGE, Ok(()), now);
        assert_eq!(reason(&pulls.decide(IMAGE, PullPolicy::Always, true, now)), "use");
        pulls.used(IMAGE);
        assert_eq!(reason(&pulls.decide(IMAGE, PullPolicy::Always, true, now)), "pull");
    }

    #[test]
    fn an_image_that_arrives_by_other_means_is_used_at_once() {
        let now = Instant::now();
        let mut pulls = Pulls::default();
        pulls.started(IMAGE, now);
        pulls.ended(IMAGE, failure("no such host"), now);
        assert_eq!(reason(&pulls.decide(IMAGE, PullPolicy::IfNotPresent, true, now)), "use");
    }
}
