//! GitOps: what stands in a Git repository becomes what runs in the cluster, by Flux' own kinds.
//!
//! For the owner, who pushes, and for everyone who writes a GitRepository, a HelmRepository, a HelmChart, a Kustomization
//! or a HelmRelease. The controllers share nothing but objects and a folder of artifacts:
//!
//! ```text
//! GitRepository ──> [`gitrepository`]: ls-remote, fetch, archive ─┐
//! HelmRepository ─> [`helmrepository`]: fetch the index ──────────┤ artifacts in [`storage`], named in status.artifact
//! HelmChart ──────> [`helmchart`]: choose, fetch, package ────────┘     │ watch
//! Kustomization ──> [`kustomization`]: source, build, apply, prune, health ─> objects, named in status.inventory
//! HelmRelease ────> [`helmrelease`]: chart, values, state, action, remedy ──> a release, by [`release`]
//! ```
//!
//! What all sources have in common is `source`; `web`, `registry`, `charts` and `remote` reach what is published.
//! It works only while it leads (`leadership`): where the real Flux does, it stands by and says so.
//!
//! [`commands`] are what the owner asks of it: `bythos sync`, `diff`, `tree`, `events`, `helm`.
//!
//! Left out: OCIRepository and Bucket, which nobody reconciles yet; and, refused by a condition where they are
//! asked for: signatures of commits and charts, decryption, other clusters, identities of cloud providers. Proxies for
//! charts. Artifacts are not served to others over HTTP; their address is the one that Flux would give them.
//!
//! Each object is the only input of its reconciliation, read afresh every time: killed between any two steps, the
//! next run converges. Git is spoken by the machine's own `git`; building is `bythos-kustomize`, charts are `bythos-helm`;
//! nothing here knows who hosts a repository or what the applied objects do.

pub mod commands;

mod artifact;
mod charts;
mod condition;
mod credentials;
mod expressions;
mod finalizer;
mod git;
mod gitrepository;
mod helmchart;
mod helmrelease;
mod helmrepository;
mod ignore;
mod ignored;
mod impersonate;
mod kinds;
mod kstatus;
mod kustomization;
mod leadership;
mod metadata;
mod registry;
mod release;
mod remote;
mod source;
mod status;
mod storage;
mod web;

#[cfg(test)]
mod tests;

use std::sync::Arc;

use bythos_operator::{BoxError, Part, PartContext};
use futures::FutureExt as _;
use k8s_openapi::api::rbac::v1::PolicyRule;

/// GitOps as a part.
pub fn part() -> Part {
    Part {
        name: "delivery",
        title: "GitOps",
        resources: vec![
            bythos_api::gitrepository::definition(),
            bythos_api::helmchart::definition(),
            bythos_api::helmrepository::definition(),
            bythos_api::kustomization::definition(),
            bythos_api::helmrelease::definition(),
        ],
        role: everything(),
        listeners: Vec::new(),
        run: Arc::new(|context| run(context).boxed()),
    }
}

/// A repository may describe any object, roles among them: as in Flux, whoever applies it must be able to do all of
/// it. Who may push is who may do this.
fn everything() -> Vec<PolicyRule> {
    let all = || Some(vec!["*".to_owned()]);
    let verbs = || vec!["*".to_owned()];
    vec![
        PolicyRule { api_groups: all(), resources: all(), verbs: verbs(), ..PolicyRule::default() },
        PolicyRule { non_resource_urls: all(), verbs: verbs(), ..PolicyRule::default() },
    ]
}

async fn run(context: PartContext) -> Result<(), BoxError> {
    leadership::while_leading(&context, reconcile).await
}

async fn reconcile(context: PartContext) -> Result<(), BoxError> {
    context.health.starting("looking for git");
    let git = git::Git::find(&context.data).await?;
    let storage = storage::Storage::open(&context.data.join("artifacts")).await?;
    context.health.starting("reading sources and kustomizations");
    let (wake_source, sources) = gitrepository::prepare(&context, git, storage.clone()).await?;
    let repositories = helmrepository::prepare(&context, storage.clone()).await?;
    let charts = helmchart::prepare(&context, storage.clone()).await?;
    let kustomizations = kustomization::prepare(&context, storage.clone(), wake_source).await?;
    let releases = helmrelease::prepare(&context, storage).await?;
    context.health.ready();
    tokio::join!(sources, repositories, charts, kustomizations, releases);
    Ok(())
}
