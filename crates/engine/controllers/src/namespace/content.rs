//! Deleting what is in a namespace, and counting what is still there.

use std::collections::BTreeMap;

use kube::api::{DeleteParams, ListParams};
use kube::core::{DynamicObject, PartialObjectMeta};
use kube::{Api, Client};

use crate::call::CallError;
use crate::discover::{self, KnownKind};

/// What remains in a namespace, and what could not be done about it.
#[derive(Debug, Default)]
pub(super) struct Remains {
    /// Objects per kind, named `<plural>.<group>` as upstream does.
    pub(super) objects: BTreeMap<String, usize>,
    /// Objects per finalizer that holds them.
    pub(super) finalizers: BTreeMap<String, usize>,
    /// Group versions that could not be asked for their kinds, with the reason.
    pub(super) undiscovered: Vec<(String, String)>,
    /// Why kinds could not be emptied or counted.
    pub(super) failures: Vec<String>,
}

impl Remains {
    /// Whether the namespace may go.
    pub(super) fn is_nothing(&self) -> bool {
        self.objects.is_empty() && self.undiscovered.is_empty() && self.failures.is_empty()
    }

    fn count(&mut self, kind: &KnownKind, objects: &[PartialObjectMeta<DynamicObject>]) {
        if objects.is_empty() {
            return;
        }
        self.objects.insert(format!("{}.{}", kind.resource.plural, kind.resource.group), objects.len());
        for finalizer in objects.iter().flat_map(|object| object.metadata.finalizers.iter().flatten()) {
            *self.finalizers.entry(finalizer.clone()).or_default() += 1;
        }
    }
}

/// Deletes everything in `namespace` and tells what is still there.
///
/// Pods go first, as upstream has it: while one runs, what guards it (network policies) and what it reads (secrets)
/// stays.
pub(super) async fn remove(client: &Client, namespace: &str) -> Result<Remains, CallError> {
    let found = discover::kinds(client).await?;
    let mut remains = Remains { undiscovered: found.failures, ..Remains::default() };
    let deletable =
        found.kinds.iter().filter(|kind| kind.is_namespaced && kind.can(&["list", "deletecollection"]));
    let (pods, others): (Vec<_>, Vec<_>) = deletable.partition(|kind| is_pod(kind));
    remove_kinds(client, namespace, &pods, &mut remains).await;
    if remains.objects.is_empty() && remains.failures.is_empty() {
        remove_kinds(client, namespace, &others, &mut remains).await;
    }
    Ok(remains)
}

fn is_pod(kind: &KnownKind) -> bool {
    kind.resource.group.is_empty() && kind.resource.plural == "pods"
}

async fn remove_kinds(client: &Client, namespace: &str, kinds: &[&KnownKind], remains: &mut Remains) {
    for kind in kinds {
        match remove_kind(client, namespace, kind).await {
            Ok(left) => remains.count(kind, &left),
            Err(error) => {
                let plural = &kind.resource.plural;
                remains.failures.push(format!("{plural}: {}", error.cause()));
            }
        }
    }
}

async fn remove_kind(
    client: &Client,
    namespace: &str,
    kind: &KnownKind,
) -> Result<Vec<PartialObjectMeta<DynamicObject>>, CallError> {
    let plural = &kind.resource.plural;
    let read =
        Api::<PartialObjectMeta<DynamicObject>>::namespaced_with(client.clone(), namespace, &kind.resource);
    let all = ListParams::default();
    let there = read.list(&all).await.map_err(CallError::on_kind("list", plural, namespace))?;
    if there.items.iter().all(|object| object.metadata.deletion_timestamp.is_some()) {
        return Ok(there.items);
    }
    let write = Api::<DynamicObject>::namespaced_with(client.clone(), namespace, &kind.resource);
    let deleted = write.delete_collection(&DeleteParams::background(), &all).await;
    deleted.map_err(CallError::on_kind("delete", plural, namespace))?;
    let left = read.list(&all).await.map_err(CallError::on_kind("list", plural, namespace))?;
    Ok(left.items)
}
