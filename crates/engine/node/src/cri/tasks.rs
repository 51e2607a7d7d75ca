//! What CRI has no word for: a task that was made for a container and belongs to none of its states.

use std::time::Duration;

use tonic::Request;
use tonic::metadata::MetadataValue;

use super::client::{USUAL_LIMIT, call};
use super::containerd_tasks::{DeleteTaskRequest, KillRequest};
use super::{Cri, CriError};

const NAMESPACE: &str = "k8s.io";
const SIGKILL: u32 = 9;
const ATTEMPTS_MAX: u32 = 40;
/// Nothing that is told here tells of the end of such a task.
const BETWEEN_ATTEMPTS: Duration = Duration::from_millis(50);

impl Cri {
    /// Ends and removes the task of a container whose start was broken off, if there is one. CRI refuses to remove
    /// the container before.
    pub(crate) async fn discard_task(&self, container_id: &str) -> Result<(), CriError> {
        let mut tasks = self.tasks.clone();
        let kill = KillRequest { container_id: container_id.to_owned(), signal: SIGKILL, all: true };
        match call("end the task", USUAL_LIMIT, tasks.kill(in_namespace(kill))).await {
            // One that was made and never started has no process to end.
            Err(error) if error.is_not_found() || error.is_refused_now() => {}
            killed => drop(killed?),
        }
        let mut attempts = 0;
        loop {
            let delete = DeleteTaskRequest { container_id: container_id.to_owned() };
            match call("remove the task", USUAL_LIMIT, tasks.delete(in_namespace(delete))).await {
                Err(error) if error.is_not_found() => return Ok(()),
                Err(error) if error.is_refused_now() && attempts < ATTEMPTS_MAX => attempts += 1,
                deleted => return deleted.map(drop),
            }
            tokio::time::sleep(BETWEEN_ATTEMPTS).await;
        }
    }
}

fn in_namespace<T>(message: T) -> Request<T> {
    let mut request = Request::new(message);
    request.metadata_mut().insert("containerd-namespace", MetadataValue::from_static(NAMESPACE));
    request
}
