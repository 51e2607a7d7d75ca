//! One object under construction, and everything it was called before.

use serde_json::{Map, Value};

use crate::config::Gvk;
use crate::error::Place;
use crate::origin::Origin;

/// The namespace of what has none.
pub(crate) const NO_NAMESPACE: &str = "_non_namespaceable_";

/// What an object was called at some time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Identity {
    /// As [`effective`] has it, or [`NO_NAMESPACE`].
    pub(crate) namespace: String,
    pub(crate) name: String,
    pub(crate) kind: String,
}

/// An object under construction. Its value always holds `kind` and `metadata.name`.
#[derive(Debug, Clone, Default)]
pub(crate) struct Resource {
    pub(crate) value: Value,
    pub(crate) place: Place,
    /// What it was called before, oldest first.
    pub(crate) previous: Vec<Identity>,
    /// Prefixes and suffixes that it was given, innermost first: objects of one overlay share them.
    pub(crate) prefixes: Vec<String>,
    pub(crate) suffixes: Vec<String>,
    /// Whether its name gets a hash of its contents at the end.
    pub(crate) hashed: bool,
    /// Whether base64 in it is broken into lines, as the hash of its name wants it.
    pub(crate) generated: bool,
    /// Whether kustomize would have kept notes on it in annotations: then patches find a map of annotations.
    pub(crate) noted: bool,
    /// Where it comes from, and what changed it, if that is asked for.
    pub(crate) origin: Option<Origin>,
    pub(crate) transformations: Vec<Origin>,
    /// Variables that take their value from it.
    pub(crate) variables: Vec<String>,
}

impl Resource {
    pub(crate) fn new(value: Value, place: Place) -> Self {
        Resource { value, place, ..Resource::default() }
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

    pub(crate) fn gvk(&self) -> Gvk {
        Gvk::of(self.api_version(), self.kind())
    }

    pub(crate) fn name(&self) -> &str {
        self.value["metadata"]["name"].as_str().unwrap_or_default()
    }

    pub(crate) fn namespace(&self) -> &str {
        self.value["metadata"]["namespace"].as_str().unwrap_or_default()
    }

    /// The namespace in which it is told apart from others.
    pub(crate) fn effective_namespace(&self) -> &str {
        if self.is_cluster_scoped() { NO_NAMESPACE } else { effective(self.namespace()) }
    }

    pub(crate) fn metadata(&mut self) -> &mut Map<String, Value> {
        map_in(&mut self.value, "metadata")
    }

    pub(crate) fn metadata_text(&self, field: &str, key: &str) -> Option<String> {
        self.value["metadata"][field].get(key).map(crate::field::scalar_text)
    }

    pub(crate) fn set_name(&mut self, name: &str) {
        self.metadata().insert("name".to_owned(), Value::String(name.to_owned()));
    }

    /// Sets the namespace; an empty one is taken away.
    pub(crate) fn set_namespace(&mut self, namespace: &str) {
        if namespace.is_empty() {
            self.metadata().remove("namespace");
        } else {
            self.metadata().insert("namespace".to_owned(), Value::String(namespace.to_owned()));
        }
    }

    pub(crate) fn identity(&self) -> Identity {
        Identity {
            namespace: self.effective_namespace().to_owned(),
            name: self.name().to_owned(),
            kind: self.kind().to_owned(),
        }
    }

    /// Keeps today's identity as a previous one. A change of the value that may change it is preceded by this.
    pub(crate) fn remember(&mut self) {
        let identity = self.identity();
        self.previous.push(identity);
        self.noted = true;
    }

    /// Everything it was called, oldest first, today's last.
    pub(crate) fn identities(&self) -> impl Iterator<Item = Identity> + '_ {
        self.previous.iter().cloned().chain([self.identity()])
    }

    /// What it was called first.
    pub(crate) fn original(&self) -> Identity {
        self.previous.first().cloned().unwrap_or_else(|| self.identity())
    }

    /// Group and version of today with the kind of the beginning.
    pub(crate) fn original_gvk(&self) -> Gvk {
        let mut gvk = self.gvk();
        if let Some(first) = self.previous.first() {
            gvk.kind.clone_from(&first.kind);
        }
        gvk
    }

    /// Whether it lives outside namespaces, as far as that is known without asking a cluster.
    pub(crate) fn is_cluster_scoped(&self) -> bool {
        is_cluster_scoped(self.group(), self.kind())
    }

    /// What tells it apart from all others of a build.
    pub(crate) fn key(&self) -> Key {
        Key {
            gvk: self.gvk(),
            namespace: self.effective_namespace().to_owned(),
            name: self.name().to_owned(),
        }
    }

    /// `Kind/namespace/name`, as Flux writes it.
    pub(crate) fn label(&self) -> String {
        match self.namespace() {
            "" => format!("{}/{}", self.kind(), self.name()),
            namespace => format!("{}/{namespace}/{}", self.kind(), self.name()),
        }
    }
}

/// Identity of an object among those of a build.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct Key {
    pub(crate) gvk: Gvk,
    pub(crate) namespace: String,
    pub(crate) name: String,
}

impl Key {
    /// Whether the object is, or was at any time, told apart by this.
    pub(crate) fn is_of(&self, resource: &Resource) -> bool {
        resource.group() == self.gvk.group
            && resource.version() == self.gvk.version
            && resource
                .identities()
                .any(|it| it.kind == self.gvk.kind && it.name == self.name && it.namespace == self.namespace)
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

/// Whether a built-in kind lives outside namespaces.
pub(crate) fn is_cluster_scoped(group: &str, kind: &str) -> bool {
    CLUSTER_SCOPED.iter().any(|&(known_group, kinds)| known_group == group && kinds.contains(&kind))
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
    ("policy", &["PodSecurityPolicy"]),
    ("resource.k8s.io", &["DeviceClass", "ResourceSlice"]),
    ("scheduling.k8s.io", &["PriorityClass"]),
    (
        "storage.k8s.io",
        &["CSIDriver", "CSINode", "StorageClass", "VolumeAttachment", "VolumeAttributesClass"],
    ),
];
