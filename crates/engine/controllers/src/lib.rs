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
//! PodDisruptionBudget: its status
//! Namespace ─> ServiceAccount `default`, ConfigMap `kube-root-ca.crt`; emptied when it goes
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
//! Left out: pods of nodes that do not exist are collected only when they have ended, since the engine's one node
//! adopts what it finds; finished pods are not limited in number; HorizontalPodAutoscaler, ReplicationController and
//! volumes that grow are stored and not acted on; slices carry no topology hints and no
//! `endpoints.kubernetes.io/last-change-trigger-time`.

mod call;
mod claim;
mod cronjob;
mod daemonset;
mod deployment;
mod discover;
mod disruption;
mod endpoints;
mod endpointslice;
mod eventexpiry;
mod expectations;
mod freshness;
mod garbage;
mod gonenodes;
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
mod storageclass;
mod suffix;
mod volume;

use std::path::PathBuf;
use std::sync::Arc;

use bythos_operator::cache::CacheError;
use bythos_operator::part::allow;
use bythos_operator::{Part, PartContext};
use k8s_openapi::api::rbac::v1::PolicyRule;

use expectations::Expectations;
use pod_control::{PodControl, Wording};

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
                run(context, volumes).await?;
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
        allow("", &["persistentvolumeclaims", "endpoints"], &["create"]),
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

#[derive(Debug, thiserror::Error)]
enum RunError {
    #[error("failed to read what the controllers work on")]
    Cache(#[from] CacheError),
    #[error("failed to learn which pods there are")]
    CatchUp(#[source] call::CallError),
    #[error("failed to make the storage classes that are there from the beginning")]
    StorageClasses(#[source] call::CallError),
}

async fn run(context: PartContext, folder: PathBuf) -> Result<(), RunError> {
    let PartContext { client, caches, health, shutdown, platform, .. } = context;
    let deployments = caches.of().await?;
    let replica_sets = caches.of().await?;
    let pods = caches.of().await?;
    let services = caches.of().await?;
    let slices = caches.of().await?;
    let endpoints = caches.of().await?;
    let namespaces = caches.of().await?;
    let accounts = caches.of().await?;
    let config_maps = caches.of().await?;
    let stateful_sets = caches.of().await?;
    let daemon_sets = caches.of().await?;
    let revisions = caches.of().await?;
    let claims = caches.of().await?;
    let nodes = caches.of().await?;
    let volumes = caches.of().await?;
    let classes = caches.of().await?;
    let budgets = caches.of().await?;
    let jobs = caches.of().await?;
    let cron_jobs = caches.of().await?;

    let expectations = Arc::new(Expectations::default());
    expectations.observe(&pods);
    expectations.catch_up(&client, &pods).await.map_err(RunError::CatchUp)?;
    let control = |component| PodControl::new(client.clone(), component, expectations.clone());

    storageclass::furnish(&client, &classes).await.map_err(RunError::StorageClasses)?;

    let scales = (deployments.clone(), replica_sets.clone(), stateful_sets.clone());
    let budgets = disruption::Budgets::new(client.clone(), budgets, pods.clone(), scales);
    let sources = claim::Sources {
        claims: claims.clone(),
        volumes: volumes.clone(),
        classes,
        pods: pods.clone(),
        nodes: nodes.clone(),
    };
    let bindings = claim::Claims::new(client.clone(), sources, folder);
    let volumes = volume::Volumes::new(client.clone(), volumes, claims.clone());
    let gone_nodes =
        gonenodes::GoneNodes { client: client.clone(), nodes: nodes.clone(), pods: pods.clone() };
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
    let keeper = || endpointslice::SliceKeeper { client: client.clone(), slices: slices.clone() };
    let endpoint_slices =
        endpointslice::EndpointSlices { keeper: keeper(), services: services.clone(), pods: pods.clone() };
    let mirror =
        endpoints::Mirror { keeper: keeper(), services: services.clone(), endpoints: endpoints.clone() };
    let endpoints = endpoints::EndpointsOfServices {
        client: client.clone(),
        services,
        slices: slices.clone(),
        endpoints,
    };
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
        bindings.run(shutdown.clone()),
        volumes.run(shutdown.clone()),
        budgets.run(shutdown.clone()),
        gone_nodes.run(shutdown.clone()),
        eventexpiry::run(client.clone(), eventexpiry::LIFETIME, shutdown.clone()),
        endpoint_slices.run(shutdown.clone()),
        endpoints.run(shutdown.clone()),
        mirror.run(shutdown.clone()),
        furnishing.run(shutdown.clone()),
        namespaces.run(shutdown.clone()),
        garbage.run(shutdown),
    );
    Ok(())
}
