//! Running a reconcile loop over a value that its reconciliations share.

use std::error::Error;
use std::future::Future;
use std::sync::Arc;

use bythos_operator::{Controller, Next, ObjectKey};
use tokio_util::sync::CancellationToken;

/// What brings one object closer to what it says.
pub(crate) trait Reconcile: Send + Sync + 'static {
    type Error: Error + Send + Sync + 'static;

    /// Looks at the object with this key and does what is due.
    fn reconcile(&self, key: ObjectKey) -> impl Future<Output = Result<Next, Self::Error>> + Send;
}

/// Runs `controller` with so many `workers` until `shutdown`.
pub(crate) async fn run<R: Reconcile>(
    controller: Controller,
    workers: usize,
    shutdown: CancellationToken,
    reconciler: R,
) {
    let reconciler = Arc::new(reconciler);
    controller
        .run(workers, shutdown, move |key| {
            let reconciler = reconciler.clone();
            async move { reconciler.reconcile(key).await }
        })
        .await;
}
