//! The health of one object, by the rules of upstream's kstatus ("cli-utils, pkg/kstatus"). Pure.

use std::fmt;

use serde_json::Value;

/// How an object is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Health {
    /// As described, and at work.
    Current,
    /// On its way; the text says to what.
    InProgress(String),
    /// It will not get there by itself; the text says why.
    Failed(String),
    /// It is being deleted.
    Terminating,
    /// It is not there.
    NotFound,
    /// It cannot be told; the text says why.
    Unknown(String),
}

impl fmt::Display for Health {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Health::Current => f.write_str("'Current'"),
            Health::InProgress(why) => write!(f, "'InProgress': {why}"),
            Health::Failed(why) => write!(f, "'Failed': {why}"),
            Health::Terminating => f.write_str("'Terminating'"),
            Health::NotFound => f.write_str("'NotFound'"),
            Health::Unknown(why) => write!(f, "'Unknown': {why}"),
        }
    }
}

fn in_progress(why: impl Into<String>) -> Health {
    Health::InProgress(why.into())
}

/// The health of an object.
pub(crate) fn of(object: &Value) -> Health {
    let view = View(object);
    if !object["metadata"]["deletionTimestamp"].is_null() {
        return Health::Terminating;
    }
    view.observed().or_else(|| view.by_kind()).unwrap_or_else(|| view.by_conditions())
}

/// An object as its health sees it.
struct View<'a>(&'a Value);

impl View<'_> {
    fn status(&self, field: &str) -> &Value {
        &self.0["status"][field]
    }

    fn count(&self, field: &str) -> i64 {
        self.status(field).as_i64().unwrap_or_default()
    }

    fn wanted(&self) -> i64 {
        self.0["spec"]["replicas"].as_i64().unwrap_or(1)
    }

    fn condition(&self, type_: &str) -> Option<&Value> {
        self.status("conditions").as_array()?.iter().find(|condition| condition["type"] == type_)
    }

    fn says(&self, type_: &str, status: &str) -> bool {
        self.condition(type_).is_some_and(|condition| condition["status"] == status)
    }

    /// The message of a condition, or its reason.
    fn why(&self, type_: &str) -> String {
        let condition = self.condition(type_);
        let text = |field: &str| condition.and_then(|it| it[field].as_str()).filter(|text| !text.is_empty());
        text("message").or_else(|| text("reason")).unwrap_or(type_).to_owned()
    }

    /// A status that speaks of an older generation says nothing.
    fn observed(&self) -> Option<Health> {
        let observed = self.status("observedGeneration").as_i64()?;
        let generation = self.0["metadata"]["generation"].as_i64().unwrap_or_default();
        (observed != generation)
            .then(|| in_progress(format!("generation {generation} is not observed yet, only {observed}")))
    }

    fn by_kind(&self) -> Option<Health> {
        let api_version = self.0["apiVersion"].as_str().unwrap_or_default();
        let group = api_version.split_once('/').map_or("", |(group, _)| group);
        match (group, self.0["kind"].as_str().unwrap_or_default()) {
            ("apps", "Deployment") => Some(self.deployment()),
            ("apps", "ReplicaSet") => Some(self.replica_set()),
            ("apps", "StatefulSet") => Some(self.stateful_set()),
            ("apps", "DaemonSet") => Some(self.daemon_set()),
            ("", "Pod") => Some(self.pod()),
            ("", "Service") => Some(self.service()),
            ("", "PersistentVolumeClaim") => Some(self.claim()),
            ("batch", "Job") => Some(self.job()),
            ("apiextensions.k8s.io", "CustomResourceDefinition") => Some(self.definition()),
            ("batch", "CronJob") | ("policy", "PodDisruptionBudget") | ("", "Namespace") => {
                Some(Health::Current)
            }
            _ => None,
        }
    }

    /// The rules for every other kind: `Reconciling` and `Stalled`, then `Ready`, then all is well.
    fn by_conditions(&self) -> Health {
        if self.says("Reconciling", "True") {
            return in_progress(self.why("Reconciling"));
        }
        if self.says("Stalled", "True") {
            return Health::Failed(self.why("Stalled"));
        }
        match self.condition("Ready") {
            Some(ready) if ready["status"] != "True" => in_progress(self.why("Ready")),
            _ => Health::Current,
        }
    }

    fn deployment(&self) -> Health {
        let wanted = self.wanted();
        if self.condition("Progressing").is_some_and(|it| it["reason"] == "ProgressDeadlineExceeded") {
            return Health::Failed(self.why("Progressing"));
        }
        let updated = self.count("updatedReplicas");
        self.counts(&[("replicas", wanted, "there"), ("updatedReplicas", wanted, "updated")])
            .or_else(|| self.surplus(wanted))
            .or_else(|| {
                let counts =
                    [("availableReplicas", updated, "available"), ("readyReplicas", wanted, "ready")];
                self.counts(&counts)
            })
            .or_else(|| self.unless_rolled_out())
            .or_else(|| self.unless_available())
            .unwrap_or(Health::Current)
    }

    /// The first count that is below what is wanted.
    fn counts(&self, counts: &[(&str, i64, &str)]) -> Option<Health> {
        let (field, wanted, word) = counts.iter().find(|(field, wanted, _)| self.count(field) < *wanted)?;
        Some(in_progress(format!("{} of {wanted} pods are {word}", self.count(field))))
    }

    fn surplus(&self, wanted: i64) -> Option<Health> {
        let surplus = self.count("replicas") - wanted;
        (surplus > 0).then(|| in_progress(format!("{surplus} pods too many are still there")))
    }

    /// Without a deadline, nobody says how far the pods of a Deployment are.
    fn unless_rolled_out(&self) -> Option<Health> {
        let deadline = self.0["spec"]["progressDeadlineSeconds"].as_i64();
        deadline.filter(|seconds| *seconds != i64::from(i32::MAX))?;
        match self.condition("Progressing") {
            Some(it) if it["status"] == "True" && it["reason"] == "NewReplicaSetAvailable" => None,
            Some(_) => Some(in_progress(self.why("Progressing"))),
            None => Some(in_progress("it is being rolled out")),
        }
    }

    fn unless_available(&self) -> Option<Health> {
        match self.condition("Available") {
            Some(it) if it["status"] == "True" => None,
            Some(_) => Some(in_progress(self.why("Available"))),
            None => Some(in_progress("it is not available yet")),
        }
    }

    fn replica_set(&self) -> Health {
        let wanted = self.wanted();
        if self.says("ReplicaFailure", "True") {
            return in_progress(self.why("ReplicaFailure"));
        }
        self.counts(&[
            ("fullyLabeledReplicas", wanted, "labelled"),
            ("availableReplicas", wanted, "available"),
            ("readyReplicas", wanted, "ready"),
        ])
        .or_else(|| self.surplus(wanted))
        .unwrap_or(Health::Current)
    }

    fn stateful_set(&self) -> Health {
        let strategy = &self.0["spec"]["updateStrategy"];
        if strategy["type"] == "OnDelete" {
            return Health::Current;
        }
        let wanted = self.wanted();
        if let Some(health) =
            self.counts(&[("replicas", wanted, "there"), ("readyReplicas", wanted, "ready")])
        {
            return health;
        }
        if let Some(health) = self.surplus(wanted) {
            return health;
        }
        if let Some(partition) = strategy["rollingUpdate"]["partition"].as_i64().filter(|it| *it > 0) {
            let updated = self.counts(&[("updatedReplicas", wanted - partition, "updated")]);
            return updated.unwrap_or(Health::Current);
        }
        if let Some(health) = self.counts(&[("currentReplicas", wanted, "current")]) {
            return health;
        }
        if self.status("currentRevision") != self.status("updateRevision") {
            return in_progress("not all pods are of the new revision");
        }
        Health::Current
    }

    fn daemon_set(&self) -> Health {
        if self.status("observedGeneration").is_null() {
            return in_progress("it is not observed yet");
        }
        let wanted = self.count("desiredNumberScheduled");
        self.counts(&[
            ("currentNumberScheduled", wanted, "scheduled"),
            ("updatedNumberScheduled", wanted, "updated"),
            ("numberAvailable", wanted, "available"),
            ("numberReady", wanted, "ready"),
        ])
        .unwrap_or(Health::Current)
    }

    fn pod(&self) -> Health {
        match self.status("phase").as_str() {
            Some("Succeeded") => Health::Current,
            Some("Failed") => Health::Failed(self.pod_failure()),
            Some("Running") if self.says("Ready", "True") => Health::Current,
            Some("Running") => match self.crashing_container() {
                Some(name) => Health::Failed(format!("container {name:?} crashes again and again")),
                None => in_progress(self.why("Ready")),
            },
            Some("Pending")
                if self.condition("PodScheduled").is_some_and(|it| it["reason"] == "Unschedulable") =>
            {
                in_progress(self.why("PodScheduled"))
            }
            Some(phase) => in_progress(format!("the pod is {phase}")),
            None => in_progress("the pod has no phase yet"),
        }
    }

    fn pod_failure(&self) -> String {
        let text = |field: &str| self.status(field).as_str().map(str::to_owned);
        text("message").or_else(|| text("reason")).unwrap_or_else(|| "the pod failed".to_owned())
    }

    fn crashing_container(&self) -> Option<&str> {
        let containers = self.status("containerStatuses").as_array()?;
        let crashing = |it: &&Value| it["state"]["waiting"]["reason"] == "CrashLoopBackOff";
        containers.iter().find(crashing)?["name"].as_str()
    }

    fn service(&self) -> Health {
        // Whether there is a balancer is for the cluster to say: many have none, and the Service works within.
        let spec = &self.0["spec"];
        if spec["type"] == "LoadBalancer" && spec["clusterIP"].as_str().is_none_or(str::is_empty) {
            return in_progress("it has no address in the cluster yet");
        }
        Health::Current
    }

    fn claim(&self) -> Health {
        match self.status("phase").as_str() {
            Some("Bound") => Health::Current,
            phase => in_progress(format!("the claim is {}", phase.unwrap_or("new"))),
        }
    }

    fn job(&self) -> Health {
        if self.says("Complete", "True") || self.says("SuccessCriteriaMet", "True") {
            return Health::Current;
        }
        if self.says("Failed", "True") {
            return Health::Failed(self.why("Failed"));
        }
        // Flux waits for the end of a Job, where kstatus is content with its start.
        in_progress(format!("{} pods are at work", self.count("active")))
    }

    fn definition(&self) -> Health {
        if self.says("NamesAccepted", "False") {
            return Health::Failed(self.why("NamesAccepted"));
        }
        if self.says("Established", "True") {
            return Health::Current;
        }
        match self.condition("Established") {
            Some(it) if it["reason"] != "Installing" => Health::Failed(self.why("Established")),
            _ => in_progress("it is being installed"),
        }
    }
}

#[cfg(test)]
mod tests;
