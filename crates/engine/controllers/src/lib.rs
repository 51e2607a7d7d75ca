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
//! Namespace ─> ServiceAccount `default`, ConfigMap `kube-root-ca.crt`; emptied when it goes
//! ServiceAccount ─> its Secrets of type `kubernetes.io/service-account-token`; ClusterRole ─> aggregated ClusterRoles
//! any object ─> goes when its owners are gone (garbage)
//! ```
//!
//! All of them are restartable at any point: what they know besides the API (what they made and do not see yet, the
//! collector's graph) is learned again at the start. Nothing here knows the store, the node or the network.
//!
//! Left out on purpose: pods of nodes that do not exist are not collected, since the engine's one node adopts what
//! it finds.

mod aggregation;
mod call;
mod cronjob;
mod daemonset;
mod deployment;
mod discover;
mod endpointslice;
mod expectations;
mod freshness;
mod garbage;
mod job;
mod namespace;
mod ownership;
mod pod_control;
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
mod suffix;
mod token_secret;

use std::sync::Arc;

use bythos_operator::cache::CacheError;
use bythos_operator::part::allow;
use bythos_operator::{Part, PartContext};
use k8s_openapi::api::rbac::v1::PolicyRule;

use expectations::Expectations;
use pod_control::{PodControl, Wording};

/// The part `controllers`.
pub fn part() -> Part {
    Part {
        name: "controllers",
        title: "Kubernetes' controllers",
        resources: Vec::new(),
        role: role(),
        listeners: Vec::new(),
        run: Arc::new(|context| {
            Box::pin(async move {
                run(context).await?;
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
        allow("", &["serviceaccounts/token", "persistentvolumeclaims"], &["create"]),
        allow("rbac.authorization.k8s.io", &["clusterroles"], &["escalate"]),
        allow("apps", &["replicasets", "controllerrevisions"], &["create"]),
        allow("batch", &["jobs"], &["create"]),
        allow("discovery.k8s.io", &["endpointslices"], &["create"]),
        allow("apps", &["deployments/status", "replicasets/status"], &["update"]),
        allow("apps", &["statefulsets/status", "daemonsets/status"], &["update"]),
        allow("batch", &["jobs/status", "cronjobs/status"], &["update"]),
        allow("", &["namespaces/status", "namespaces/finalize"], &["update"]),
    ]
}

#[derive(Debug, thiserror::Error)]
enum RunError {
    #[error("failed to read what the controllers work on")]
    Cache(#[from] CacheError),
    #[error("failed to learn which pods there are")]
    CatchUp(#[source] call::CallError),
}

async fn run(context: PartContext) -> Result<(), RunError> {
    let PartContext { client, caches, health, shutdown, platform, .. } = context;
    let deployments = caches.of().await?;
    let replica_sets = caches.of().await?;
    let pods = caches.of().await?;
    let services = caches.of().await?;
    let slices = caches.of().await?;
    let namespaces = caches.of().await?;
    let accounts = caches.of().await?;
    let config_maps = caches.of().await?;
    let secrets = caches.of().await?;
    let cluster_roles = caches.of().await?;
    let stateful_sets = caches.of().await?;
    let daemon_sets = caches.of().await?;
    let revisions = caches.of().await?;
    let claims = caches.of().await?;
    let nodes = caches.of().await?;
    let jobs = caches.of().await?;
    let cron_jobs = caches.of().await?;

    let expectations = Arc::new(Expectations::default());
    expectations.observe(&pods);
    expectations.catch_up(&client, &pods).await.map_err(RunError::CatchUp)?;
    let control = |component| PodControl::new(client.clone(), component, expectations.clone());

    let deployments = deployment::Deployments::new(client.clone(), deployments, replica_sets.clone());
    let replica_sets = replicaset::ReplicaSets {
        control: control("replicaset-controller"),
        replica_sets,
        pods: pods.clone(),
    };
    let stateful_sets = statefulset::StatefulSets {
        control: control("statefulset-controller").speaking(Wording::Member),
        sets: stateful_sets,
        pods: pods.clone(),
        revisions: revisions.clone(),
        claims,
    };
    let daemon_sets = daemonset::DaemonSets {
        control: control("daemonset-controller"),
        sets: daemon_sets,
        pods: pods.clone(),
        nodes,
        revisions,
    };
    let cron_jobs = cronjob::CronJobs::new(client.clone(), cron_jobs, jobs.clone());
    let jobs = job::Jobs::new(control("job-controller"), jobs, pods.clone());
    let endpoints = endpointslice::EndpointSlices { client: client.clone(), services, pods, slices };
    let token_secrets = token_secret::TokenSecrets {
        client: client.clone(),
        accounts: accounts.clone(),
        secrets,
        authority_pem: platform.authority_pem.clone(),
    };
    let aggregated = aggregation::AggregatedRoles { client: client.clone(), roles: cluster_roles };
    let furnishing = serviceaccount::Furnishing {
        client: client.clone(),
        namespaces: namespaces.clone(),
        accounts,
        config_maps,
        authority_pem: platform.authority_pem.clone(),
    };
    let namespaces = namespace::Namespaces::new(client.clone(), namespaces);
    let garbage = garbage::Garbage::new(client.clone(), namespaces.trigger());
    health.ready();
    tokio::join!(
        deployments.run(shutdown.clone()),
        replica_sets.run(shutdown.clone()),
        stateful_sets.run(shutdown.clone()),
        daemon_sets.run(shutdown.clone()),
        jobs.run(shutdown.clone()),
        cron_jobs.run(shutdown.clone()),
        endpoints.run(shutdown.clone()),
        furnishing.run(shutdown.clone()),
        token_secrets.run(shutdown.clone()),
        aggregated.run(shutdown.clone()),
        namespaces.run(shutdown.clone()),
        garbage.run(shutdown),
    );
    Ok(())
}
