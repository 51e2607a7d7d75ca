//! Gives every pod its node.
//!
//! A pod that has no node is looked at against all nodes as they are now: `filter` says which can take it and why
//! the others cannot, `score` which is best, and the pod is bound to it. One that fits nowhere is told why in its
//! condition `PodScheduled`, and is tried again when a node changes or pods come or go. One of high priority makes pods
//! of lower priority leave (`preempt`), and the room is kept for it (`status.nominatedNodeName`).
//!
//! ```text
//! pods, nodes, claims, budgets ─> snapshot, volumes ─> cycle (filter, score), preempt: pure ─> act: binding, condition,
//!                                                                                             volume, selected node, eviction
//! ```
//!
//! The engine has one node today; nothing here relies on that. Nothing here knows the kubelet, the store or why a
//! pod exists. Left out: what `score` and `volumes` name, default spreading, dynamic resources, extenders, several
//! profiles.

mod act;
mod cycle;
mod demand;
mod filter;
mod labels;
mod preempt;
mod quantity;
mod scheduler;
mod score;
mod snapshot;
#[cfg(test)]
mod testdata;
mod volumes;

use std::sync::Arc;

use bythos_operator::Part;
use bythos_operator::cache::CacheError;
use bythos_operator::part::{PartContext, allow};
use k8s_openapi::api::rbac::v1::PolicyRule;

/// The part `scheduler`.
pub fn part() -> Part {
    Part {
        name: "scheduler",
        title: "Scheduler of pods",
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

fn role() -> Vec<PolicyRule> {
    vec![
        allow("", &["pods"], &["get", "list", "watch", "delete"]),
        allow("", &["nodes", "namespaces"], &["get", "list", "watch"]),
        allow("", &["persistentvolumeclaims", "persistentvolumes"], &["get", "list", "watch", "patch"]),
        allow("storage.k8s.io", &["storageclasses"], &["get", "list", "watch"]),
        allow("policy", &["poddisruptionbudgets"], &["get", "list", "watch"]),
        allow("", &["pods/binding"], &["create"]),
        allow("", &["pods/status"], &["patch"]),
        allow("", &["events"], &["get", "create", "patch"]),
    ]
}

async fn run(context: PartContext) -> Result<(), CacheError> {
    let PartContext { client, caches, health, shutdown, .. } = context;
    let volumes = volumes::VolumeCaches {
        claims: caches.of().await?,
        volumes: caches.of().await?,
        classes: caches.of().await?,
    };
    let watched = scheduler::Caches {
        pods: caches.of().await?,
        nodes: caches.of().await?,
        namespaces: caches.of().await?,
        budgets: caches.of().await?,
        volumes,
    };
    let scheduler = scheduler::Scheduler::new(client, watched);
    health.ready();
    scheduler.run(shutdown).await;
    Ok(())
}
