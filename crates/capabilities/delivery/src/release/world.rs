//! What charts may ask for while they are rendered: the machine's time and chance, objects of a cluster, and schemas of
//! other places.

use std::net::ToSocketAddrs as _;
use std::time::Duration;

use bythos_helm::{Capabilities, KeyAlgorithm, Wanted, World, generate_key};
use bythos_operator::error_chain;
use k8s_openapi::jiff::Timestamp;
use k8s_openapi::jiff::tz::TimeZone;
use kube::api::ListParams;
use kube::core::{DynamicObject, GroupVersionKind};
use kube::discovery::{Scope, pinned_kind};
use kube::{Api, Client};
use rand::RngCore as _;
use serde_json::{Value, json};
use tokio::runtime::Handle;
use tokio::time::Instant;

use super::{RenderError, capabilities};
use crate::status::words;
use crate::web::{self, Certificates, Web};

/// The objects that one list may bring.
const LIST_MAX: u32 = 10_000;

/// How long all schemas of one rendering may take together.
const SCHEMAS_TIME_MAX: Duration = Duration::from_secs(60);
/// How long one of them may take, as in Helm.
const SCHEMA_TIME_MAX: Duration = Duration::from_secs(15);
const SCHEMA_BYTES_MAX: usize = 4 << 20;

/// This machine, with a cluster or without one, for one rendering. Charts ask from a thread of their own, outside of the
/// runtime that it was made in.
pub(crate) struct Machine {
    runtime: Handle,
    cluster: Option<Client>,
    knows_names: bool,
    schemas_until: Instant,
}

impl Machine {
    /// Without a cluster.
    pub(crate) fn alone() -> Machine {
        Machine {
            runtime: Handle::current(),
            cluster: None,
            knows_names: false,
            schemas_until: Instant::now() + SCHEMAS_TIME_MAX,
        }
    }

    /// With a cluster, as one identity sees it.
    pub(super) fn before(client: Client) -> Machine {
        Machine { cluster: Some(client), ..Machine::alone() }
    }

    /// [`Machine::before`], and what that cluster is.
    pub(crate) async fn with_cluster(client: Client) -> Result<(Machine, Capabilities), RenderError> {
        let capabilities = capabilities::of(&client).await?;
        Ok((Machine::before(client), capabilities))
    }

    /// The same, and whether hosts may be looked up by their names: what they are called is told to others.
    pub(crate) fn with_names(self, knows_names: bool) -> Machine {
        Machine { knows_names, ..self }
    }
}

/// Looks objects up.
async fn look(client: &Client, wanted: Wanted<'_>) -> Result<Option<Value>, String> {
    let Wanted { api_version, kind, namespace, name } = wanted;
    let (group, version) = api_version.split_once('/').unwrap_or(("", api_version));
    let gvk = GroupVersionKind::gvk(group, version, kind);
    let (resource, capabilities) = match pinned_kind(client, &gvk).await {
        Ok(found) => found,
        // The version is there, and the kind is not: as little as an object that is not there.
        Err(kube::Error::Discovery(_)) => return Ok(None),
        Err(error) => {
            return Err(format!("failed to look up {kind} of {api_version}: {}", words(&error)));
        }
    };
    let client = client.clone();
    let api: Api<DynamicObject> = match namespace {
        "" => Api::all_with(client, &resource),
        _ if capabilities.scope == Scope::Cluster => Api::all_with(client, &resource),
        namespace => Api::namespaced_with(client, namespace, &resource),
    };
    let failed = |error: kube::Error| format!("failed to look up {kind} {name:?}: {}", words(&error));
    if name.is_empty() {
        let listed = api.list(&ListParams::default().limit(LIST_MAX)).await.map_err(failed)?;
        let items: Vec<Value> = listed.items.iter().map(|item| printed(item, api_version, kind)).collect();
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
            Some(client) => self.runtime.block_on(look(client, wanted)),
            None => Ok(None),
        }
    }

    fn schema(&self, address: &str) -> Result<Vec<u8>, String> {
        let left = self.schemas_until.saturating_duration_since(Instant::now()).min(SCHEMA_TIME_MAX);
        let web = Web::new(&Certificates::default(), left, self.cluster.clone())
            .map_err(|error| error_chain(&error))?;
        let wanted = web::Wanted {
            url: address,
            accept: None,
            authorization: None,
            passes_on: false,
            bytes_max: SCHEMA_BYTES_MAX,
        };
        self.runtime.block_on(web.fetch(wanted)).map_err(|error| error_chain(&error))
    }

    /// As in Helm, a chart learns nothing of names without `--enable-dns`.
    fn host_addresses(&self, name: &str) -> Vec<String> {
        let found = self.knows_names.then(|| (name, 0).to_socket_addrs().ok()).flatten();
        found.into_iter().flatten().map(|address| address.ip().to_string()).collect()
    }
}
