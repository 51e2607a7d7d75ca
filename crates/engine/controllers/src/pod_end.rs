//! The end of pods that nobody else ends. Each says why in its condition `DisruptionTarget` before it goes.

use bythos_operator::ObjectKey;
use k8s_openapi::api::core::v1::{Pod, PodCondition};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use k8s_openapi::jiff::Timestamp;
use kube::api::{DeleteParams, Patch, PatchParams};
use kube::{Api, Client};
use serde_json::{Value, json};

use crate::call::{self, CallError};
use crate::pods;

/// Why a pod has to go, as upstream says it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Cause {
    pub(crate) reason: &'static str,
    pub(crate) message: &'static str,
}

/// Asks a pod that runs to leave, in its own time. False if it has changed meanwhile, or is gone.
pub(crate) async fn evict(client: &Client, pod: &Pod, cause: Cause) -> Result<bool, CallError> {
    let status = json!({ "conditions": [condition(cause)] });
    if !patch_status(client, pod, status).await? {
        return Ok(false);
    }
    delete(client, pod, DeleteParams::default()).await.map(|()| true)
}

/// Takes away at once a pod of which nothing runs. Where it has not said how it ended, it failed.
pub(crate) async fn remove(client: &Client, pod: &Pod, cause: Option<Cause>) -> Result<(), CallError> {
    if !pods::is_finished(pod) {
        let mut status = json!({ "phase": "Failed" });
        if let Some(cause) = cause {
            status["conditions"] = json!([condition(cause)]);
        }
        if !patch_status(client, pod, status).await? {
            return Ok(());
        }
    }
    let now = DeleteParams { grace_period_seconds: Some(0), ..DeleteParams::default() };
    delete(client, pod, now).await
}

fn condition(cause: Cause) -> PodCondition {
    PodCondition {
        type_: "DisruptionTarget".to_owned(),
        status: "True".to_owned(),
        reason: Some(cause.reason.to_owned()),
        message: Some(cause.message.to_owned()),
        last_transition_time: Some(Time(Timestamp::now())),
        ..PodCondition::default()
    }
}

/// Strategic, so that conditions of others stay: they are merged by their type.
async fn patch_status(client: &Client, pod: &Pod, status: Value) -> Result<bool, CallError> {
    let key = ObjectKey::of(pod);
    let patch = Patch::Strategic(json!({ "metadata": { "uid": pod.metadata.uid }, "status": status }));
    let api = Api::<Pod>::namespaced(client.clone(), &key.namespace);
    let patched = api.patch_status(&key.name, &PatchParams::default(), &patch).await;
    match patched.map_err(CallError::on::<Pod>("write the status of", &key)) {
        Ok(_) => Ok(true),
        Err(error) if error.is_outrun() => Ok(false),
        Err(error) => Err(error),
    }
}

async fn delete(client: &Client, pod: &Pod, params: DeleteParams) -> Result<(), CallError> {
    match call::delete_with(client, pod, params).await {
        Err(error) if !error.is_outrun() => Err(error),
        _ => Ok(()),
    }
}
