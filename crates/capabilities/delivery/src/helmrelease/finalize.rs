//! The end of a HelmRelease: its release is uninstalled and its chart goes, unless it is suspended.

use bythos_api::helmrelease::HelmRelease;
use bythos_operator::Next;
use kube::Api;

use super::report::{self, Failure, Outcome};
use super::{Context, Run, account_of};
use crate::finalizer;
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

async fn let_go(api: &Api<HelmRelease>, object: &HelmRelease) -> Result<Next, FinalizeError> {
    let gone = finalizer::let_go(api, object).await;
    gone.map(|()| Next::Wait).map_err(|error| FinalizeError::LetGo(Box::new(error)))
}

impl Context {
    pub(super) async fn finalize(
        &self,
        api: &Api<HelmRelease>,
        object: &HelmRelease,
    ) -> Result<Next, FinalizeError> {
        if !finalizer::is_held(object) {
            return Ok(Next::Wait);
        }
        if !object.spec.suspend {
            self.uninstall(object).await?;
            let helm_chart = object.status.as_ref().and_then(|status| status.helm_chart.as_deref());
            self.delete_chart_of(helm_chart).await?;
        }
        let_go(api, object).await
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
}
