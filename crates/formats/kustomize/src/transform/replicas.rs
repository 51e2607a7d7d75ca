//! `replicas`: how many pods a workload runs.

use serde_json::Value;

use crate::Error;
use crate::kustomization::Replicas;
use crate::resource::{Resource, map_in};

const SCALABLE: [&str; 4] = ["Deployment", "ReplicaSet", "ReplicationController", "StatefulSet"];

/// Sets the count of every workload of that name.
pub(crate) fn set(resources: &mut [Resource], replicas: &Replicas, file: &str) -> Result<(), Error> {
    let mut found = false;
    for resource in resources.iter_mut().filter(|resource| SCALABLE.contains(&resource.kind())) {
        if resource.identities().any(|identity| identity.name == replicas.name) {
            found = true;
            map_in(&mut resource.value, "spec").insert("replicas".to_owned(), Value::from(replicas.count));
        }
    }
    if found {
        return Ok(());
    }
    Err(Error::Field {
        file: file.to_owned(),
        field: replicas.field.clone(),
        message: format!("there is no {} named {:?}", SCALABLE.join(", "), replicas.name),
    })
}
