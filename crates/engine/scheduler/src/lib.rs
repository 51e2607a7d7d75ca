//! Gives every pod its node.
//!
//! A pod that has no node is looked at against all nodes as they are now: `filter` says which can take it and why
//! the others cannot, `score` which is best, and the pod is bound to it. One that fits nowhere is told why in its
//! condition `PodScheduled`, and is tried again when a node changes or a pod makes room.
//!
//! ```text
//! Cache<Pod>, Cache<Node> ─> snapshot ─> cycle (filter, score: pure) ─> binding, or the condition
//! ```
//!
//! The engine has one node today; nothing here relies on that. Nothing here knows the kubelet, the store or why a
//! pod exists. Left out until there is more than one node: preferences (node and pod affinity, spreading), pod
//! priorities with preemption, and volumes that are tied to a node.

mod cycle;
mod demand;
mod filter;
mod quantity;
mod scheduler;
mod score;
mod snapshot;
#[cfg(test)]
mod testdata;

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
        allow("", &["pods", "nodes"], &["get", "list", "watch"]),
        allow("", &["pods/binding"], &["create"]),
        allow("", &["pods/status"], &["patch"]),
        allow("", &["events"], &["get", "create", "patch"]),
    ]
}

async fn run(context: PartContext) -> Result<(), CacheError> {
    let PartContext { client, caches, health, shutdown, .. } = context;
    let scheduler = scheduler::Scheduler::new(client, caches.of().await?, caches.of().await?);
    health.ready();
    scheduler.run(shutdown).await;
    Ok(())
}
