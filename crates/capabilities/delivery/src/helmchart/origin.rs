//! Where a chart is said to be.

use std::sync::Arc;

use bythos_api::flux::Artifact;
use bythos_api::helmchart::HelmChart;
use bythos_api::helmrepository::HelmRepository;
use bythos_operator::ObjectKey;

use super::Context;
use super::report::Failure;

/// Where the chart is.
pub(super) enum Origin {
    /// Published there; `index` is the repository's artifact, and a registry has none.
    Repository { repository: Arc<HelmRepository>, index: Option<Artifact> },
    /// In the files of another source.
    Files(Artifact),
}

impl Origin {
    pub(super) fn revision(&self) -> Option<&str> {
        match self {
            Origin::Repository { index, .. } => index.as_ref().map(|index| index.revision.as_str()),
            Origin::Files(artifact) => Some(&artifact.revision),
        }
    }
}

impl Context {
    /// The chart's source, as it is now.
    pub(super) fn origin(&self, key: &ObjectKey, chart: &HelmChart) -> Result<Origin, Failure> {
        if chart.spec.verify.is_some() {
            let message = "signatures are not checked yet";
            return Err(Failure::Unsupported { field: "spec.verify", message });
        }
        let reference = &chart.spec.source_ref;
        let source_key = ObjectKey::namespaced(key.namespace.as_str(), reference.name.as_str());
        let unavailable = || Failure::NoSource {
            kind: reference.kind.clone(),
            name: reference.name.clone(),
            namespace: key.namespace.clone(),
        };
        let without =
            || Failure::NoSourceArtifact { kind: reference.kind.clone(), name: reference.name.clone() };
        match reference.kind.as_str() {
            "HelmRepository" => {
                let repository = self.repositories.get(&source_key).ok_or_else(unavailable)?;
                let index = repository.status.as_ref().and_then(|status| status.artifact.clone());
                if index.is_none() && !repository.is_oci() {
                    return Err(without());
                }
                Ok(Origin::Repository { index: index.filter(|_| !repository.is_oci()), repository })
            }
            "GitRepository" => {
                let source = self.git_repositories.get(&source_key).ok_or_else(unavailable)?;
                let artifact = source.status.as_ref().and_then(|status| status.artifact.clone());
                artifact.map(Origin::Files).ok_or_else(without)
            }
            other => Err(Failure::UnsupportedKind { kind: other.to_owned() }),
        }
    }
}
