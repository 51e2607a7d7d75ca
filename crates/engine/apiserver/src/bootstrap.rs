//! The first objects: namespaces, roles, and the service by which pods find the API.

use bythos_access::User;
use serde_json::{Value, json};

use crate::StartError;
use crate::object;
use crate::state::State;
use crate::status::Failure;
use crate::write::{self, Door, Ownership, WriteOptions, Writing};

const NAMESPACES: [&str; 4] = ["default", "kube-system", "kube-public", "kube-node-lease"];

/// Makes what is not there yet. What is there stays as it is.
pub(crate) async fn make_first_objects(state: &State) -> Result<(), StartError> {
    let user = User::authenticated("system:apiserver", &["system:masters"]);
    let objects = NAMESPACES
        .iter()
        .map(|name| json!({ "apiVersion": "v1", "kind": "Namespace", "metadata": { "name": name } }))
        .chain(bythos_access::bootstrap_objects())
        .chain([kubernetes_service(state)]);
    for object in objects {
        make(state, &user, object).await?;
    }
    Ok(())
}

fn kubernetes_service(state: &State) -> Value {
    json!({
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {
            "name": "kubernetes",
            "namespace": "default",
            "labels": { "component": "apiserver", "provider": "kubernetes" },
        },
        "spec": {
            "type": "ClusterIP",
            "clusterIP": state.services.kubernetes().to_string(),
            "ports": [{ "name": "https", "port": 443, "protocol": "TCP", "targetPort": 6443 }],
        },
    })
}

async fn make(state: &State, user: &User, object: Value) -> Result<(), StartError> {
    let described = || {
        let kind = object.get("kind").and_then(Value::as_str).unwrap_or_default();
        format!("{kind} {}", object::name(&object))
    };
    let refused = |reason: String| StartError::FirstObject { object: described(), reason };
    let registry = state.registry();
    let served = registry.of_object(&object).ok_or_else(|| refused("its kind is not served".to_owned()))?;
    let options = WriteOptions::own();
    let namespace = object::meta(&object, "namespace").unwrap_or_default();
    let writing = Writing { state, user, served, namespace, door: Door::Main, options: &options };
    if state.store.get(&served.key(namespace, object::name(&object))).is_some() {
        return Ok(());
    }
    match write::create(&writing, object.clone(), Ownership::Track).await {
        Ok(_) => Ok(()),
        Err(Failure::Commit(error)) => Err(StartError::Bootstrap(error)),
        Err(failure) => Err(refused(failure.message())),
    }
}
