//! Which controllers there are, and what each is given: caches under the part's identity, and what they share.
//!
//! Each group is first prepared, which may fail, and then run, all together.

use std::future::Future;
use std::path::PathBuf;
use std::sync::Arc;

use bythos_operator::cache::CacheError;
use bythos_operator::{Cache, Index, PartContext};
use k8s_openapi::api::core::v1::Pod;
use k8s_openapi::jiff::Timestamp;

use crate::expectations::Expectations;
use crate::pod_control::{PodControl, Wording};
use crate::{
    aggregation, call, claim, cronjob, daemonset, deployment, disruption, endpoints, endpointslice,
    ephemeral_volume, eventexpiry, garbage, gonenodes, job, namespace, pod_garbage, replicaset,
    serviceaccount, statefulset, storageclass, taint_eviction, token_secret, volume,
};

#[derive(Debug, thiserror::Error)]
pub(crate) enum RunError {
    #[error("failed to read what the controllers work on")]
    Cache(#[from] CacheError),
    #[error("failed to learn which pods there are")]
    CatchUp(#[source] call::CallError),
    #[error("failed to make the storage classes that are there from the beginning")]
    StorageClasses(#[source] call::CallError),
}

/// Runs all controllers until the context's `shutdown`. `folder` is where volumes of class `local` lie.
pub(crate) async fn run(context: PartContext, folder: PathBuf) -> Result<(), RunError> {
    let workloads = workloads(&context).await?;
    let addresses = addresses(&context).await?;
    let storage = storage(&context, folder).await?;
    let identities = identities(&context).await?;
    let housekeeping = housekeeping(&context).await?;
    context.health.ready();
    tokio::join!(workloads, addresses, storage, identities, housekeeping);
    Ok(())
}

/// What makes pods.
async fn workloads(context: &PartContext) -> Result<impl Future<Output = ()> + use<>, RunError> {
    let PartContext { client, caches, shutdown, .. } = context;
    let pods = caches.of().await?;
    let expectations = Arc::new(Expectations::default());
    expectations.observe(&pods);
    expectations.catch_up(client, &pods).await.map_err(RunError::CatchUp)?;
    let control = |component| PodControl::new(client.clone(), component, expectations.clone());

    let replica_sets = caches.of().await?;
    let deployments = deployment::Deployments::new(client.clone(), caches.of().await?, replica_sets.clone());
    let replica_sets = replicaset::ReplicaSets {
        control: control("replicaset-controller"),
        replica_sets,
        pods: pods.clone(),
    };
    let stateful_sets = statefulset::StatefulSets {
        control: control("statefulset-controller").speaking(Wording::Member),
        sets: caches.of().await?,
        pods: pods.clone(),
        revisions: caches.of().await?,
        claims: caches.of().await?,
    };
    let daemon_sets = daemonset::DaemonSets {
        control: control("daemonset-controller"),
        sets: caches.of().await?,
        pods: pods.clone(),
        nodes: caches.of().await?,
        revisions: caches.of().await?,
    };
    let jobs = caches.of().await?;
    let cron_jobs =
        cronjob::CronJobs::new(client.clone(), caches.of().await?, jobs.clone(), Arc::new(Timestamp::now));
    let jobs = job::Jobs::new(control("job-controller"), jobs, pods);
    let shutdown = shutdown.clone();
    Ok(async move {
        tokio::join!(
            deployments.run(shutdown.clone()),
            replica_sets.run(shutdown.clone()),
            stateful_sets.run(shutdown.clone()),
            daemon_sets.run(shutdown.clone()),
            jobs.run(shutdown.clone()),
            cron_jobs.run(shutdown),
        );
    })
}

/// What tells where pods are reached.
async fn addresses(context: &PartContext) -> Result<impl Future<Output = ()> + use<>, RunError> {
    let PartContext { client, caches, shutdown, .. } = context;
    let (services, slices, objects) = (caches.of().await?, caches.of().await?, caches.of().await?);
    let of_service = Index::new(&slices, endpointslice::any_service_of);
    let keeper = || endpointslice::SliceKeeper {
        client: client.clone(),
        slices: slices.clone(),
        of_service: of_service.clone(),
    };
    let from_pods = endpointslice::EndpointSlices {
        keeper: keeper(),
        services: services.clone(),
        pods: caches.of().await?,
    };
    let from_objects =
        endpoints::Mirror { keeper: keeper(), services: services.clone(), endpoints: objects.clone() };
    let from_slices = endpoints::EndpointsOfServices {
        client: client.clone(),
        services,
        slices: slices.clone(),
        of_service: of_service.clone(),
        endpoints: objects,
    };
    let shutdown = shutdown.clone();
    Ok(async move {
        tokio::join!(
            from_pods.run(shutdown.clone()),
            from_objects.run(shutdown.clone()),
            from_slices.run(shutdown),
        );
    })
}

/// What gives pods their storage.
async fn storage(
    context: &PartContext,
    folder: PathBuf,
) -> Result<impl Future<Output = ()> + use<>, RunError> {
    let PartContext { client, caches, shutdown, .. } = context;
    let classes = caches.of().await?;
    storageclass::furnish(client, &classes).await.map_err(RunError::StorageClasses)?;
    let (claims, volumes) = (caches.of().await?, caches.of().await?);
    let pods: Cache<Pod> = caches.of().await?;
    let sources = claim::Sources {
        claims: claims.clone(),
        volumes: volumes.clone(),
        classes,
        pods: pods.clone(),
        nodes: caches.of().await?,
    };
    let bindings = claim::Claims::new(client.clone(), sources, folder);
    let ephemeral = ephemeral_volume::EphemeralVolumes::new(client.clone(), pods, claims.clone());
    let volumes = volume::Volumes::new(client.clone(), volumes, claims);
    let shutdown = shutdown.clone();
    Ok(async move {
        tokio::join!(bindings.run(shutdown.clone()), ephemeral.run(shutdown.clone()), volumes.run(shutdown),);
    })
}

/// What gives namespaces, accounts and roles what belongs to them.
async fn identities(context: &PartContext) -> Result<impl Future<Output = ()> + use<>, RunError> {
    let PartContext { client, caches, shutdown, platform, .. } = context;
    let accounts = caches.of().await?;
    let furnishing = serviceaccount::Furnishing {
        client: client.clone(),
        namespaces: caches.of().await?,
        accounts: accounts.clone(),
        root_certificates: caches.named(serviceaccount::ROOT_CA).await?,
        authority_pem: platform.authority_pem.clone(),
    };
    let token_secrets = token_secret::TokenSecrets {
        client: client.clone(),
        accounts,
        secrets: caches.of().await?,
        authority_pem: platform.authority_pem.clone(),
    };
    let aggregated = aggregation::AggregatedRoles { client: client.clone(), roles: caches.of().await? };
    let shutdown = shutdown.clone();
    Ok(async move {
        tokio::join!(
            furnishing.run(shutdown.clone()),
            token_secrets.run(shutdown.clone()),
            aggregated.run(shutdown),
        );
    })
}

/// What lets things go, or keeps them from going.
async fn housekeeping(context: &PartContext) -> Result<impl Future<Output = ()> + use<>, RunError> {
    let PartContext { client, caches, shutdown, .. } = context;
    let pods = caches.of().await?;
    let scales = (caches.of().await?, caches.of().await?, caches.of().await?);
    let budgets = disruption::Budgets::new(client.clone(), caches.of().await?, pods.clone(), scales);
    let (nodes, quarantine) = (caches.of().await?, gonenodes::QUARANTINE);
    let gone_nodes = gonenodes::GoneNodes::new(client.clone(), nodes.clone(), pods.clone(), quarantine);
    let evictions = taint_eviction::TaintEvictions::new(client.clone(), nodes, pods.clone());
    let finished_max = pod_garbage::FINISHED_MAX;
    let pod_garbage = pod_garbage::PodGarbage { client: client.clone(), pods, finished_max };
    let namespaces = namespace::Namespaces::new(client.clone(), caches.of().await?);
    let garbage = garbage::Garbage::new(client.clone(), namespaces.trigger());
    let (client, shutdown) = (client.clone(), shutdown.clone());
    Ok(async move {
        tokio::join!(
            budgets.run(shutdown.clone()),
            gone_nodes.run(shutdown.clone()),
            evictions.run(shutdown.clone()),
            pod_garbage.run(shutdown.clone()),
            eventexpiry::run(client, eventexpiry::LIFETIME, shutdown.clone()),
            namespaces.run(shutdown.clone()),
            garbage.run(shutdown),
        );
    })
}
