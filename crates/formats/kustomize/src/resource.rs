//! One object under construction, and everything it was called before.

use serde_json::{Map, Value};

use crate::error::Place;

/// Namespace and name of an object at some time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Identity {
    pub(crate) namespace: String,
    pub(crate) name: String,
}

/// An object under construction. Its value always holds `apiVersion`, `kind` and `metadata.name`.
#[derive(Debug, Clone)]
pub(crate) struct Resource {
    pub(crate) value: Value,
    pub(crate) place: Place,
    /// What it was called before, oldest first.
    previous: Vec<Identity>,
    /// Prefixes and suffixes that it was given, innermost first: objects of one overlay share them.
    pub(crate) affixes: Vec<(String, String)>,
    /// Whether its name gets a hash of its contents at the end.
    pub(crate) hashed: bool,
}

impl Resource {
    pub(crate) fn new(value: Value, place: Place) -> Self {
        Resource { value, place, previous: Vec::new(), affixes: Vec::new(), hashed: false }
    }

    fn api_version(&self) -> &str {
        self.value["apiVersion"].as_str().unwrap_or_default()
    }

    pub(crate) fn group(&self) -> &str {
        self.api_version().split_once('/').map_or("", |(group, _)| group)
    }

    pub(crate) fn version(&self) -> &str {
        self.api_version().split_once('/').map_or(self.api_version(), |(_, version)| version)
    }

    pub(crate) fn kind(&self) -> &str {
        self.value["kind"].as_str().unwrap_or_default()
    }

    pub(crate) fn name(&self) -> &str {
        self.value["metadata"]["name"].as_str().unwrap_or_default()
    }

    pub(crate) fn namespace(&self) -> &str {
        self.value["metadata"]["namespace"].as_str().unwrap_or_default()
    }

    pub(crate) fn metadata(&mut self) -> &mut Map<String, Value> {
        map_in(&mut self.value, "metadata")
    }

    pub(crate) fn metadata_text(&self, field: &str, key: &str) -> Option<&str> {
        self.value["metadata"][field].get(key)?.as_str()
    }

    pub(crate) fn set_name(&mut self, name: String) {
        self.remember();
        self.metadata().insert("name".to_owned(), Value::String(name));
    }

    pub(crate) fn set_namespace(&mut self, namespace: &str) {
        if self.namespace() != namespace {
            self.remember();
            self.metadata().insert("namespace".to_owned(), Value::String(namespace.to_owned()));
        }
    }

    fn identity(&self) -> Identity {
        Identity { namespace: self.namespace().to_owned(), name: self.name().to_owned() }
    }

    /// Keeps today's identity as a previous one. A change of the value that may change it is preceded by this.
    pub(crate) fn remember(&mut self) {
        let identity = self.identity();
        if self.previous.last() != Some(&identity) {
            self.previous.push(identity);
        }
    }

    /// Everything it was called, oldest first, today's last.
    pub(crate) fn identities(&self) -> impl Iterator<Item = Identity> + '_ {
        self.previous.iter().cloned().chain([self.identity()])
    }

    /// What it was called first.
    pub(crate) fn original(&self) -> Identity {
        self.previous.first().cloned().unwrap_or_else(|| self.identity())
    }

    /// Whether it lives outside namespaces, as far as that is known without asking a cluster.
    pub(crate) fn is_cluster_scoped(&self) -> bool {
        let (group, kind) = (self.group(), self.kind());
        CLUSTER_SCOPED.iter().any(|&(known_group, kinds)| known_group == group && kinds.contains(&kind))
    }

    /// Whether both are the same object to a cluster.
    pub(crate) fn is_same_object(&self, other: &Resource) -> bool {
        self.group() == other.group()
            && self.kind() == other.kind()
            && self.name() == other.name()
            && effective(self.namespace()) == effective(other.namespace())
    }

    /// `Kind/namespace/name`, as Flux writes it.
    pub(crate) fn label(&self) -> String {
        match self.namespace() {
            "" => format!("{}/{}", self.kind(), self.name()),
            namespace => format!("{}/{namespace}/{}", self.kind(), self.name()),
        }
    }
}

/// The namespace that is meant where none is written.
pub(crate) fn effective(namespace: &str) -> &str {
    if namespace.is_empty() { "default" } else { namespace }
}

/// The map at `field`, made if it is not there. What stands there and is no map is replaced: the API would refuse it.
pub(crate) fn map_in<'a>(value: &'a mut Value, field: &str) -> &'a mut Map<String, Value> {
    let child = as_map(value).entry(field).or_insert_with(|| Value::Object(Map::new()));
    as_map(child)
}

fn as_map(value: &mut Value) -> &mut Map<String, Value> {
    if !value.is_object() {
        *value = Value::Object(Map::new());
    }
    match value {
        Value::Object(map) => map,
        _ => unreachable!("it was made a map above"),
    }
}

/// Built-in kinds outside namespaces. Custom kinds are taken for namespaced, as kustomize does.
const CLUSTER_SCOPED: &[(&str, &[&str])] = &[
    ("", &["ComponentStatus", "Namespace", "Node", "PersistentVolume"]),
    (
        "admissionregistration.k8s.io",
        &[
            "MutatingAdmissionPolicy",
            "MutatingAdmissionPolicyBinding",
            "MutatingWebhookConfiguration",
            "ValidatingAdmissionPolicy",
            "ValidatingAdmissionPolicyBinding",
            "ValidatingWebhookConfiguration",
        ],
    ),
    ("apiextensions.k8s.io", &["CustomResourceDefinition"]),
    ("apiregistration.k8s.io", &["APIService"]),
    ("certificates.k8s.io", &["CertificateSigningRequest", "ClusterTrustBundle"]),
    ("flowcontrol.apiserver.k8s.io", &["FlowSchema", "PriorityLevelConfiguration"]),
    ("networking.k8s.io", &["IPAddress", "IngressClass", "ServiceCIDR"]),
    ("node.k8s.io", &["RuntimeClass"]),
    ("rbac.authorization.k8s.io", &["ClusterRole", "ClusterRoleBinding"]),
    ("resource.k8s.io", &["DeviceClass", "ResourceSlice"]),
    ("scheduling.k8s.io", &["PriorityClass"]),
    (
        "storage.k8s.io",
        &["CSIDriver", "CSINode", "StorageClass", "VolumeAttachment", "VolumeAttributesClass"],
    ),
];
