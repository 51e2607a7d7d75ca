//! The first objects: namespaces with their accounts, roles, priority classes, and the service by which pods find the API.

use std::sync::Arc;

use bythos_access::{Reconciled, User, reconcile};
use futures::future::try_join_all;
use serde_json::{Value, json};

use crate::StartError;
use crate::object;
use crate::state::State;
use crate::status::Failure;
use crate::verbs::delete::{DeleteOptions, delete};
use crate::write::{self, Current, Door, Ownership, WriteOptions, Writing};

const RBAC: &str = "rbac.authorization.k8s.io";
const NAMESPACES: [&str; 4] = ["default", "kube-system", "kube-public", "kube-node-lease"];

/// Makes what is not there yet. What is there stays as it is, but for roles and their bindings: these are brought up to
/// what they are to allow at least, as upstream does.
pub(crate) async fn make_first_objects(state: &Arc<State>) -> Result<(), StartError> {
    let user = User::authenticated("system:apiserver", &["system:masters"]);
    let (bindings, roles): (Vec<Value>, Vec<Value>) =
        bythos_access::bootstrap_objects().into_iter().partition(is_binding);
    let accounts = NAMESPACES.iter().map(|namespace| default_account(namespace));
    let others = accounts.chain(roles).chain(system_priority_classes()).chain([kubernetes_service(state)]);
    let namespaces = NAMESPACES.iter().map(|name| namespace(name));
    // Each stage stands on the one before it. Those of one stage are made at once and share the syncs of the disk.
    for stage in [namespaces.collect(), others.collect(), bindings] {
        try_join_all(stage.into_iter().map(|object| make(state, &user, object))).await?;
    }
    Ok(())
}

fn is_binding(object: &Value) -> bool {
    object["kind"].as_str().is_some_and(|kind| kind.ends_with("Binding"))
}

fn namespace(name: &str) -> Value {
    json!({ "apiVersion": "v1", "kind": "Namespace", "metadata": { "name": name } })
}

/// Controllers make it in every namespace; here it is there before the first pod.
fn default_account(namespace: &str) -> Value {
    json!({
        "apiVersion": "v1",
        "kind": "ServiceAccount",
        "metadata": { "name": "default", "namespace": namespace },
    })
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

/// The two classes that pods of the system itself may have.
fn system_priority_classes() -> [Value; 2] {
    let class = |name: &str, value: i64, description: &str| {
        json!({
            "apiVersion": "scheduling.k8s.io/v1",
            "kind": "PriorityClass",
            "metadata": { "name": name },
            "value": value,
            "description": description,
            "preemptionPolicy": "PreemptLowerPriority",
        })
    };
    [
        class(
            "system-node-critical",
            2_000_001_000,
            "Used for system critical pods that must not be moved from their current node.",
        ),
        class(
            "system-cluster-critical",
            2_000_000_000,
            "Used for system critical pods that must run in the cluster, but can be moved to another node if necessary.",
        ),
    ]
}

async fn make(state: &Arc<State>, user: &User, object: Value) -> Result<(), StartError> {
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
    match make_or_mend(&writing, &object).await {
        Ok(()) => Ok(()),
        Err(Failure::Commit(error)) => Err(StartError::Bootstrap(error)),
        Err(failure) => Err(refused(failure.message())),
    }
}

/// Makes an object that is not there; one that defines access is brought up to what it is to be.
async fn make_or_mend(writing: &Writing<'_>, wanted: &Value) -> Result<(), Failure> {
    let name = object::name(wanted);
    let Some(current) = writing.current(name)? else {
        return write::create(writing, wanted.clone(), Ownership::Track).await.map(drop);
    };
    if writing.served.kind.group != RBAC {
        return Ok(());
    }
    match reconcile(&current.object, wanted) {
        Reconciled::Kept => Ok(()),
        Reconciled::Changed(changed) => {
            let make = |_: &Current| Ok((changed.clone(), Ownership::Track));
            write::change(writing, name, &make).await.map(drop)
        }
        Reconciled::MadeAnew(anew) => {
            delete(writing, name, &DeleteOptions::default()).await?;
            write::create(writing, anew, Ownership::Track).await.map(drop)
        }
    }
}
