//! What the node writes on sandboxes and containers, so that a Bythos that starts again knows them.
//!
//! The keys are the kubelet's, so that tools which read them (`crictl`, log collectors) find what they expect.

use std::collections::HashMap;

const POD_NAME: &str = "io.kubernetes.pod.name";
const POD_NAMESPACE: &str = "io.kubernetes.pod.namespace";
const POD_UID: &str = "io.kubernetes.pod.uid";
const CONTAINER_NAME: &str = "io.kubernetes.container.name";
const CONTAINER_HASH: &str = "io.kubernetes.container.hash";
const RESTART_COUNT: &str = "io.kubernetes.container.restartCount";
const GRACE: &str = "io.kubernetes.pod.terminationGracePeriod";
const PRE_STOP: &str = "io.kubernetes.container.preStopHandler";
const PORTS: &str = "io.kubernetes.container.ports";
const TERMINATION_MESSAGE_POLICY: &str = "io.kubernetes.container.terminationMessagePolicy";

/// Which pod something belongs to.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct PodIdentity {
    pub(crate) namespace: String,
    pub(crate) name: String,
    pub(crate) uid: String,
}

impl PodIdentity {
    pub(crate) fn labels(&self) -> HashMap<String, String> {
        HashMap::from([
            (POD_NAMESPACE.to_owned(), self.namespace.clone()),
            (POD_NAME.to_owned(), self.name.clone()),
            (POD_UID.to_owned(), self.uid.clone()),
        ])
    }

    /// `None` if it was not this node that made it.
    pub(crate) fn from_labels(labels: &HashMap<String, String>) -> Option<Self> {
        Some(PodIdentity {
            namespace: labels.get(POD_NAMESPACE)?.clone(),
            name: labels.get(POD_NAME)?.clone(),
            uid: labels.get(POD_UID)?.clone(),
        })
    }
}

/// Selects what belongs to the pod with this uid.
pub(crate) fn of_pod(uid: &str) -> HashMap<String, String> {
    HashMap::from([(POD_UID.to_owned(), uid.to_owned())])
}

/// What of a container has no other place than the container itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ContainerNotes {
    /// Name in the pod's specification.
    pub(crate) name: String,
    /// Zero for the first container of this name in the pod.
    pub(crate) restart_count: u32,
    /// Of what in the specification, when it changes, demands a new container.
    pub(crate) hash: String,
    /// Seconds that the pod is given to end.
    pub(crate) grace_seconds: u64,
    /// Whether the end of the log stands in for a missing termination message.
    pub(crate) message_from_log: bool,
    pub(crate) pre_stop: Option<PreStop>,
}

/// What is to be done before a container is stopped, also when nobody knows its pod any more; in JSON, as the kubelet
/// writes it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct PreStop {
    /// A `LifecycleHandler`.
    pub(crate) handler: String,
    /// The container's ports, for a handler may name one of them.
    pub(crate) ports: String,
}

impl ContainerNotes {
    pub(crate) fn labels(&self, pod: &PodIdentity) -> HashMap<String, String> {
        let mut labels = pod.labels();
        labels.insert(CONTAINER_NAME.to_owned(), self.name.clone());
        labels
    }

    pub(crate) fn annotations(&self) -> HashMap<String, String> {
        let policy = if self.message_from_log { "FallbackToLogsOnError" } else { "File" };
        let mut annotations = HashMap::from([
            (CONTAINER_HASH.to_owned(), self.hash.clone()),
            (RESTART_COUNT.to_owned(), self.restart_count.to_string()),
            (GRACE.to_owned(), self.grace_seconds.to_string()),
            (TERMINATION_MESSAGE_POLICY.to_owned(), policy.to_owned()),
        ]);
        if let Some(PreStop { handler, ports }) = &self.pre_stop {
            annotations.insert(PRE_STOP.to_owned(), handler.clone());
            annotations.insert(PORTS.to_owned(), ports.clone());
        }
        annotations
    }

    /// `None` if it was not this node that made the container.
    pub(crate) fn read(
        labels: &HashMap<String, String>,
        annotations: &HashMap<String, String>,
    ) -> Option<Self> {
        Some(ContainerNotes {
            name: labels.get(CONTAINER_NAME)?.clone(),
            restart_count: annotations.get(RESTART_COUNT)?.parse().ok()?,
            hash: annotations.get(CONTAINER_HASH)?.clone(),
            grace_seconds: annotations.get(GRACE)?.parse().ok()?,
            message_from_log: annotations.get(TERMINATION_MESSAGE_POLICY)? == "FallbackToLogsOnError",
            pre_stop: annotations.get(PRE_STOP).map(|handler| PreStop {
                handler: handler.clone(),
                ports: annotations.get(PORTS).cloned().unwrap_or_else(|| "[]".to_owned()),
            }),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pod() -> PodIdentity {
        PodIdentity { namespace: "shop".to_owned(), name: "web-0".to_owned(), uid: "1-2".to_owned() }
    }

    #[test]
    fn what_is_written_on_a_container_is_read_back() {
        let pre_stop = PreStop { handler: "{}".to_owned(), ports: "[]".to_owned() };
        for (message_from_log, pre_stop) in [(false, None), (true, Some(pre_stop))] {
            let notes = ContainerNotes {
                name: "web".to_owned(),
                restart_count: 3,
                hash: "abc".to_owned(),
                grace_seconds: 30,
                message_from_log,
                pre_stop,
            };
            let (labels, annotations) = (notes.labels(&pod()), notes.annotations());
            assert_eq!(ContainerNotes::read(&labels, &annotations), Some(notes));
            assert_eq!(PodIdentity::from_labels(&labels), Some(pod()));
        }
    }

    #[test]
    fn what_others_made_is_not_taken_for_ours() {
        assert_eq!(PodIdentity::from_labels(&HashMap::new()), None);
        assert_eq!(ContainerNotes::read(&HashMap::new(), &HashMap::new()), None);
        let labels = HashMap::from([(CONTAINER_NAME.to_owned(), "web".to_owned())]);
        let annotations = HashMap::from([(RESTART_COUNT.to_owned(), "many".to_owned())]);
        assert_eq!(ContainerNotes::read(&labels, &annotations), None);
    }
}
