//! What templates may ask for while they are rendered: the machine's time and chance, and objects of a cluster.

use std::net::ToSocketAddrs as _;

use bythos_helm::{KeyAlgorithm, Wanted, World, generate_key};
use k8s_openapi::jiff::Timestamp;
use k8s_openapi::jiff::tz::TimeZone;
use kube::api::ListParams;
use kube::core::{DynamicObject, GroupVersionKind};
use kube::discovery::{Scope, pinned_kind};
use kube::{Api, Client};
use rand::RngCore as _;
use serde_json::{Value, json};
use tokio::runtime::Handle;

use crate::status::words;

/// The objects that one list may bring.
const LIST_MAX: u32 = 10_000;

/// This machine, with a cluster or without one.
#[derive(Default)]
pub(crate) struct Machine {
    cluster: Option<Looker>,
    knows_names: bool,
}

impl Machine {
    /// With a cluster, as one identity sees it. Templates ask from a thread of their own, outside of the runtime.
    pub(super) fn before(client: Client) -> Machine {
        Machine { cluster: Some(Looker { runtime: Handle::current(), client }), knows_names: false }
    }

    /// The same, and whether hosts may be looked up by their names: what they are called is told to others.
    pub(crate) fn with_names(self, knows_names: bool) -> Machine {
        Machine { knows_names, ..self }
    }
}

/// Who looks objects up.
struct Looker {
    runtime: Handle,
    client: Client,
}

impl Looker {
    async fn look(&self, wanted: Wanted<'_>) -> Result<Option<Value>, String> {
        let Wanted { api_version, kind, namespace, name } = wanted;
        let (group, version) = api_version.split_once('/').unwrap_or(("", api_version));
        let gvk = GroupVersionKind::gvk(group, version, kind);
        let (resource, capabilities) = match pinned_kind(&self.client, &gvk).await {
            Ok(found) => found,
            // The version is there, and the kind is not: as little as an object that is not there.
            Err(kube::Error::Discovery(_)) => return Ok(None),
            Err(error) => {
                return Err(format!("failed to look up {kind} of {api_version}: {}", words(&error)));
            }
        };
        let client = self.client.clone();
        let api: Api<DynamicObject> = match namespace {
            "" => Api::all_with(client, &resource),
            _ if capabilities.scope == Scope::Cluster => Api::all_with(client, &resource),
            namespace => Api::namespaced_with(client, namespace, &resource),
        };
        let failed = |error: kube::Error| format!("failed to look up {kind} {name:?}: {}", words(&error));
        if name.is_empty() {
            let listed = api.list(&ListParams::default().limit(LIST_MAX)).await.map_err(failed)?;
            let items: Vec<Value> =
                listed.items.iter().map(|item| printed(item, api_version, kind)).collect();
            let list_kind = format!("{kind}List");
            return Ok(Some(json!({
                "apiVersion": api_version, "kind": list_kind, "metadata": listed.metadata, "items": items,
            })));
        }
        let found = match api.get_opt(name).await {
            // Without a namespace, no object of a kind that has namespaces can be named.
            Err(kube::Error::Api(status)) if status.is_not_found() => None,
            found => found.map_err(failed)?,
        };
        Ok(found.map(|object| printed(&object, api_version, kind)))
    }
}

/// An object of a list does not say what it is.
fn printed(object: &DynamicObject, api_version: &str, kind: &str) -> Value {
    let mut value = json!(object);
    value["apiVersion"] = api_version.into();
    value["kind"] = kind.into();
    value
}

impl World for Machine {
    fn now(&self) -> Timestamp {
        Timestamp::now()
    }

    fn time_zone(&self, name: &str) -> Option<TimeZone> {
        if name == "Local" { Some(TimeZone::system()) } else { TimeZone::get(name).ok() }
    }

    fn fill_random(&self, bytes: &mut [u8]) {
        rand::rng().fill_bytes(bytes);
    }

    fn private_key(&self, algorithm: KeyAlgorithm) -> Result<Vec<u8>, String> {
        generate_key(algorithm)
    }

    fn lookup(&self, wanted: Wanted<'_>) -> Result<Option<Value>, String> {
        match &self.cluster {
            Some(cluster) => cluster.runtime.block_on(cluster.look(wanted)),
            None => Ok(None),
        }
    }

    /// As in Helm, a chart learns nothing of names without `--enable-dns`.
    fn host_addresses(&self, name: &str) -> Vec<String> {
        let found = self.knows_names.then(|| (name, 0).to_socket_addrs().ok()).flatten();
        found.into_iter().flatten().map(|address| address.ip().to_string()).collect()
    }
}
