//! The end of a HelmRelease: its release is uninstalled and its chart goes, unless it is suspended.

use bythos_api::helmrelease::{FINALIZER, HelmRelease};
use bythos_operator::Next;
use kube::api::{Patch, PatchParams};
use kube::{Api, ResourceExt as _};

use super::report::{self, Failure, Outcome};
use super::{Context, Run, account_of};
use crate::impersonate::{self, AccountError};
use crate::release::Releases;
use crate::status::WriteError;

/// A release that cannot end.
#[derive(Debug, thiserror::Error)]
pub(crate) enum FinalizeError {
    #[error(transparent)]
    Account(#[from] AccountError),
    #[error(transparent)]
    Status(#[from] WriteError),
    #[error(transparent)]
    Failed(#[from] Failure),
    #[error("failed to let the object go")]
    LetGo(#[source] Box<kube::Error>),
}

impl Context {
    pub(super) async fn finalize(
        &self,
        api: &Api<HelmRelease>,
        object: &HelmRelease,
    ) -> Result<Next, FinalizeError> {
        if !object.finalizers().iter().any(|it| it == FINALIZER) {
            return Ok(Next::Wait);
        }
        if !object.spec.suspend {
            self.uninstall(object).await?;
            let helm_chart = object.status.as_ref().and_then(|status| status.helm_chart.as_deref());
            self.delete_chart_of(helm_chart).await?;
        }
        self.let_go(api, object).await
    }

    async fn uninstall(&self, object: &HelmRelease) -> Result<(), FinalizeError> {
        let mut run = Run::of(self, object);
        let Some(storage) = run.status.storage_namespace.clone() else { return Ok(()) };
        // Without its account, nobody may take the release away: what it made stays.
        if !impersonate::is_possible(&self.client, account_of(object)).await? {
            return Ok(());
        }
        let client = impersonate::client_for(&self.client, account_of(object))?;
        let releases = Releases::new(&self.kinds, client, &storage, run.log.tell());
        let failed = run.uninstall(&releases).await.err();
        if let Some(failure) = failed {
            let failed = Outcome::Failed(failure);
            report::finish(object, &mut run.status, &failed);
            run.write().await?;
            if let Outcome::Failed(failure) = failed {
                return Err(failure.into());
            }
        }
        Ok(())
    }

    async fn let_go(&self, api: &Api<HelmRelease>, object: &HelmRelease) -> Result<Next, FinalizeError> {
        let rest: Vec<&String> = object.finalizers().iter().filter(|it| *it != FINALIZER).collect();
        let version = object.resource_version();
        let patch = serde_json::json!({ "metadata": { "finalizers": rest, "resourceVersion": version } });
        match api.patch(&object.name_any(), &PatchParams::default(), &Patch::Merge(patch)).await {
            Ok(_) => Ok(Next::Wait),
            Err(kube::Error::Api(status)) if status.code == 404 => Ok(Next::Wait),
            Err(error) => Err(FinalizeError::LetGo(Box::new(error))),
        }
    }
}
