//! Kubernetes' own controllers, as far as the engine has them.
//!
//! Each is a reconcile loop of its own over the process' shared caches: it looks at the objects that are there,
//! decides in pure functions, and writes objects and status through the API. They never call each other; a
//! Deployment's change becomes ReplicaSets, those become pods, and pods become endpoints, each step seen by watch.
//!
//! ```text
//! Deployment ─> ReplicaSet ─> Pod ─> EndpointSlice (of the Services that select it)
//! StatefulSet, DaemonSet ─> Pod, and ControllerRevisions that remember templates
//! CronJob ─> Job ─> Pod
//! Service ─> EndpointSlice ─> Endpoints, and back for Endpoints that are written by hand
//! PersistentVolumeClaim <─> PersistentVolume, made for the claim when its first pod has a node
//! Pod with a generic ephemeral volume ─> PersistentVolumeClaim of its own
//! Node with a taint of effect NoExecute ─> pods that do not tolerate it leave
//! PodDisruptionBudget: its status
//! Namespace ─> ServiceAccount `default`, ConfigMap `kube-root-ca.crt`; emptied when it goes
//! ServiceAccount ─> its Secrets of type `kubernetes.io/service-account-token`; ClusterRole ─> aggregated ClusterRoles
//! any object ─> goes when its owners are gone (garbage); Events after an hour; what gone nodes leave behind
//! ```
//!
//! All of them are restartable at any point: what they know besides the API (what they made and do not see yet, the
//! collector's graph) is learned again at the start. Nothing here knows the store, the node or the network.
//!
//! **Local volumes.** A claim of class `local` (or `local-path`, its other name) gets a PersistentVolume with
//! `spec.local.path` = `<data folder>/volumes/<volume>` and the annotation `pv.kubernetes.io/provisioned-by:
//! bythos.dev/local`. The controllers never touch the folder: the node makes it before the first mount. When the
//! claim is gone and the policy is `Delete`, the volume gets the finalizer `bythos.dev/local-folder` and is deleted;
//! the node removes the folder and then takes the finalizer off.
//!
//! **A node that is not ready.** Upstream's node life cycle controller taints such a node with `not-ready` or
//! `unreachable`, effect `NoExecute`, so that its pods move to others. Here nobody sets these taints: there is no other
//! node, the controllers run on the same machine and stop with it, and containers live on while containerd is away, so
//! that an eviction could only end what still works. The scheduler keeps new pods from the node by its condition.
//! Taints that people set themselves, these two included, are acted on as documented.
//!
//! **Pods that are over.** Upstream keeps 12,500 finished pods, for clusters of thousands of nodes. One machine runs
//! about a hundred pods at a time; a thousand finished ones are kept, a few megabytes, the oldest going first.
//!
//! Left out: HorizontalPodAutoscaler, ReplicationController and volumes that grow are stored and not acted on; slices
//! carry no topology hints and no `endpoints.kubernetes.io/last-change-trigger-time`.

mod aggregation;
mod call;
mod claim;
mod composition;
mod cronjob;
mod daemonset;
mod deployment;
mod discover;
mod disruption;
mod endpoints;
mod endpointslice;
mod ephemeral_volume;
mod eventexpiry;
mod expectations;
mod freshness;
mod garbage;
mod gonenodes;
mod job;
mod namespace;
mod node_selector;
mod ownership;
mod pod_control;
mod pod_end;
mod pod_garbage;
mod pod_template;
mod pods;
mod ranking;
mod reconcile;
mod replicaset;
mod revisions;
mod selectors;
mod serviceaccount;
mod share;
mod statefulset;
mod storageclass;
mod suffix;
mod taint_eviction;
mod taints;
mod token_secret;
mod volume;

use std::path::PathBuf;
use std::sync::Arc;

use bythos_operator::Part;
use bythos_operator::part::allow;
use k8s_openapi::api::rbac::v1::PolicyRule;

/// The part `controllers`.
///
/// `volumes` is the folder below which volumes of class `local` lie; the node makes and removes what is in it.
pub fn part(volumes: PathBuf) -> Part {
    Part {
        name: "controllers",
        title: "Kubernetes' controllers",
        resources: Vec::new(),
        role: role(),
        listeners: Vec::new(),
        run: Arc::new(move |context| {
            let volumes = volumes.clone();
            Box::pin(async move {
                composition::run(context, volumes).await?;
                Ok(())
            })
        }),
    }
}

/// Garbage collection and the end of a namespace concern every kind, also those that do not exist yet; only these
/// verbs are allowed everywhere. What is made or written whole is listed by name.
fn role() -> Vec<PolicyRule> {
    vec![
        allow("*", &["*"], &["get", "list", "watch", "patch", "delete", "deletecollection"]),
        allow("", &["pods", "serviceaccounts", "configmaps", "events"], &["create"]),
        allow("", &["serviceaccounts/token", "persistentvolumeclaims", "endpoints"], &["create"]),
        allow("rbac.authorization.k8s.io", &["clusterroles"], &["escalate"]),
        allow("apps", &["replicasets", "controllerrevisions"], &["create"]),
        allow("batch", &["jobs"], &["create"]),
        allow("", &["persistentvolumes"], &["create"]),
        allow("storage.k8s.io", &["storageclasses"], &["create"]),
        allow("", &["persistentvolumes/status", "persistentvolumeclaims/status"], &["update"]),
        allow("policy", &["poddisruptionbudgets/status"], &["update"]),
        allow("discovery.k8s.io", &["endpointslices"], &["create"]),
        allow("apps", &["deployments/status", "replicasets/status"], &["update"]),
        allow("apps", &["statefulsets/status", "daemonsets/status"], &["update"]),
        allow("batch", &["jobs/status", "cronjobs/status"], &["update"]),
        allow("", &["namespaces/status", "namespaces/finalize"], &["update"]),
    ]
}
