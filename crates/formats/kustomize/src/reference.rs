//! References by name: who refers to a renamed object is changed with it.
//!
//! The places are facts of the Kubernetes API, in the coverage of kustomize's name reference transformer; what that
//! lists for one workload holds here for each.

use serde_json::Value;

use crate::Error;
use crate::field::{Missing, pod_spec, visit, visit_texts};
use crate::resource::{Identity, Resource, effective};

type Path = &'static [&'static str];

/// Where a kind is referred to.
struct Referred {
    group: &'static str,
    kind: &'static str,
    /// Fields of a pod's specification that hold its name.
    in_pods: &'static [Path],
    /// Fields of other kinds that hold its name.
    in_kinds: &'static [(&'static str, Path)],
    /// Fields of other kinds that hold a map with its `name` and `namespace`, or a list of such.
    in_maps: &'static [(&'static str, Path)],
}

/// Changes every reference to an object that was called differently before.
pub(crate) fn follow(resources: &mut [Resource]) -> Result<(), Error> {
    if resources.iter().all(|resource| resource.original() == current(resource)) {
        return Ok(());
    }
    let named: Vec<Resource> = resources.iter().filter(|it| it.original() != current(it)).map(slim).collect();
    for referrer in resources {
        for referred in REFERRED {
            Follow { referred, named: &named }.change(referrer)?;
        }
    }
    Ok(())
}

fn current(resource: &Resource) -> Identity {
    Identity { namespace: resource.namespace().to_owned(), name: resource.name().to_owned() }
}

/// A resource without its contents.
fn slim(resource: &Resource) -> Resource {
    let mut slim = resource.clone();
    if let Value::Object(map) = &mut slim.value {
        map.retain(|field, _| matches!(field.as_str(), "apiVersion" | "kind" | "metadata"));
    }
    slim
}

struct Follow<'a> {
    referred: &'static Referred,
    named: &'a [Resource],
}

impl Follow<'_> {
    fn change(&self, referrer: &mut Resource) -> Result<(), Error> {
        let kind = referrer.kind().to_owned();
        let context = slim(referrer);
        let mut failure = None;
        let mut texts = |value: &mut Value, path: &[&str]| {
            visit_texts(value, path, &mut |text| match self.find(&context, text, None) {
                Ok(Some(found)) => found.name().clone_into(text),
                Ok(None) => {}
                Err(error) => failure = Some(error),
            });
        };
        if let Some(pod) = pod_spec(&kind) {
            for path in self.referred.in_pods {
                texts(&mut referrer.value, &[pod, path].concat());
            }
        }
        for (_, path) in self.referred.in_kinds.iter().filter(|(referring, _)| *referring == kind) {
            if path.first() != Some(&"roleRef") || referrer.value["roleRef"]["kind"] == self.referred.kind {
                texts(&mut referrer.value, path);
            }
        }
        for (_, path) in self.referred.in_maps.iter().filter(|(referring, _)| *referring == kind) {
            visit(&mut referrer.value, path, Missing::Skip, &mut |found| {
                let single = std::slice::from_mut(found);
                let maps = if single[0].is_array() {
                    single[0].as_array_mut().map_or(&mut [][..], |it| it)
                } else {
                    single
                };
                for map in maps {
                    if let Err(error) = self.change_map(&context, map) {
                        failure = Some(error);
                    }
                }
            });
        }
        failure.map_or(Ok(()), Err)
    }

    fn change_map(&self, referrer: &Resource, map: &mut Value) -> Result<(), Error> {
        if map["kind"].as_str().is_some_and(|kind| kind != self.referred.kind) {
            return Ok(());
        }
        let Some(name) = map["name"].as_str().map(str::to_owned) else { return Ok(()) };
        let namespace = map["namespace"].as_str().map(str::to_owned);
        if let Some(found) = self.find(referrer, &name, namespace.as_deref())? {
            map["name"] = Value::String(found.name().to_owned());
            if !found.namespace().is_empty() {
                map["namespace"] = Value::String(found.namespace().to_owned());
            }
        }
        Ok(())
    }

    /// The object that is meant by `name`, and by `namespace` where the reference gives one.
    fn find(
        &self,
        referrer: &Resource,
        name: &str,
        namespace: Option<&str>,
    ) -> Result<Option<&Resource>, Error> {
        let mut meant: Vec<&Resource> = self
            .named
            .iter()
            .filter(|it| it.group() == self.referred.group && it.kind() == self.referred.kind)
            .filter(|it| it.identities().any(|identity| identity.name == name))
            .filter(|it| match namespace {
                Some(namespace) => {
                    it.identities().any(|identity| effective(&identity.namespace) == namespace)
                }
                None => is_in_reach(referrer, it),
            })
            .collect();
        if meant.len() > 1 {
            meant.retain(|it| it.affixes == referrer.affixes);
        }
        match meant.as_slice() {
            [] => Ok(None),
            [first, rest @ ..] if rest.iter().all(|it| it.is_same_object(first)) => Ok(Some(first)),
            several => Err(Error::AmbiguousReference {
                referrer: referrer.label(),
                name: name.to_owned(),
                candidates: several.iter().map(|it| it.label()).collect(),
            }),
        }
    }
}

/// Whether a name alone reaches an object: within one namespace, and to and from what has none.
fn is_in_reach(referrer: &Resource, referred: &Resource) -> bool {
    referrer.is_cluster_scoped()
        || referred.is_cluster_scoped()
        || referred.kind() == "ServiceAccount"
        || referrer.namespace() == referred.namespace()
}

const REFERRED: &[Referred] = &[
    Referred {
        group: "",
        kind: "ConfigMap",
        in_pods: &[
            &["volumes", "configMap", "name"],
            &["volumes", "projected", "sources", "configMap", "name"],
            &["containers", "env", "valueFrom", "configMapKeyRef", "name"],
            &["containers", "envFrom", "configMapRef", "name"],
            &["initContainers", "env", "valueFrom", "configMapKeyRef", "name"],
            &["initContainers", "envFrom", "configMapRef", "name"],
        ],
        in_kinds: &[
            ("Role", &["rules", "resourceNames"]),
            ("ClusterRole", &["rules", "resourceNames"]),
            ("Ingress", &["metadata", "annotations", "nginx.ingress.kubernetes.io/fastcgi-params-configmap"]),
        ],
        in_maps: &[("Node", &["spec", "configSource", "configMap"])],
    },
    Referred {
        group: "",
        kind: "Secret",
        in_pods: &[
            &["volumes", "secret", "secretName"],
            &["volumes", "projected", "sources", "secret", "name"],
            &["containers", "env", "valueFrom", "secretKeyRef", "name"],
            &["containers", "envFrom", "secretRef", "name"],
            &["initContainers", "env", "valueFrom", "secretKeyRef", "name"],
            &["initContainers", "envFrom", "secretRef", "name"],
            &["imagePullSecrets", "name"],
        ],
        in_kinds: &[
            ("Ingress", &["spec", "tls", "secretName"]),
            ("Ingress", &["metadata", "annotations", "ingress.kubernetes.io/auth-secret"]),
            ("Ingress", &["metadata", "annotations", "nginx.ingress.kubernetes.io/auth-secret"]),
            ("Ingress", &["metadata", "annotations", "nginx.ingress.kubernetes.io/auth-tls-secret"]),
            ("ServiceAccount", &["imagePullSecrets", "name"]),
            ("StorageClass", &["parameters", "secretName"]),
            ("StorageClass", &["parameters", "adminSecretName"]),
            ("StorageClass", &["parameters", "userSecretName"]),
            ("StorageClass", &["parameters", "secretRef"]),
            ("Role", &["rules", "resourceNames"]),
            ("ClusterRole", &["rules", "resourceNames"]),
            ("PersistentVolume", &["spec", "azureFile", "secretName"]),
        ],
        in_maps: &[],
    },
    Referred {
        group: "",
        kind: "Service",
        in_pods: &[],
        in_kinds: &[
            ("StatefulSet", &["spec", "serviceName"]),
            ("Ingress", &["spec", "rules", "http", "paths", "backend", "service", "name"]),
            ("Ingress", &["spec", "defaultBackend", "service", "name"]),
            ("Ingress", &["spec", "rules", "http", "paths", "backend", "serviceName"]),
            ("Ingress", &["spec", "backend", "serviceName"]),
            ("APIService", &["spec", "service", "name"]),
        ],
        in_maps: &[
            ("ValidatingWebhookConfiguration", &["webhooks", "clientConfig", "service"]),
            ("MutatingWebhookConfiguration", &["webhooks", "clientConfig", "service"]),
        ],
    },
    Referred {
        group: "",
        kind: "ServiceAccount",
        in_pods: &[&["serviceAccountName"]],
        in_kinds: &[],
        in_maps: &[("RoleBinding", &["subjects"]), ("ClusterRoleBinding", &["subjects"])],
    },
    Referred {
        group: "rbac.authorization.k8s.io",
        kind: "Role",
        in_pods: &[],
        in_kinds: &[("RoleBinding", &["roleRef", "name"])],
        in_maps: &[],
    },
    Referred {
        group: "rbac.authorization.k8s.io",
        kind: "ClusterRole",
        in_pods: &[],
        in_kinds: &[("RoleBinding", &["roleRef", "name"]), ("ClusterRoleBinding", &["roleRef", "name"])],
        in_maps: &[],
    },
    Referred {
        group: "",
        kind: "PersistentVolumeClaim",
        in_pods: &[&["volumes", "persistentVolumeClaim", "claimName"]],
        in_kinds: &[],
        in_maps: &[],
    },
    Referred {
        group: "",
        kind: "PersistentVolume",
        in_pods: &[],
        in_kinds: &[
            ("PersistentVolumeClaim", &["spec", "volumeName"]),
            ("ClusterRole", &["rules", "resourceNames"]),
        ],
        in_maps: &[],
    },
    Referred {
        group: "storage.k8s.io",
        kind: "StorageClass",
        in_pods: &[],
        in_kinds: &[
            ("PersistentVolume", &["spec", "storageClassName"]),
            ("PersistentVolumeClaim", &["spec", "storageClassName"]),
            ("StatefulSet", &["spec", "volumeClaimTemplates", "spec", "storageClassName"]),
        ],
        in_maps: &[],
    },
    Referred {
        group: "scheduling.k8s.io",
        kind: "PriorityClass",
        in_pods: &[&["priorityClassName"]],
        in_kinds: &[],
        in_maps: &[],
    },
    Referred {
        group: "networking.k8s.io",
        kind: "IngressClass",
        in_pods: &[],
        in_kinds: &[("Ingress", &["spec", "ingressClassName"])],
        in_maps: &[],
    },
    scaled("Deployment"),
    scaled("ReplicaSet"),
    scaled("StatefulSet"),
    Referred {
        group: "admissionregistration.k8s.io",
        kind: "ValidatingAdmissionPolicy",
        in_pods: &[],
        in_kinds: &[("ValidatingAdmissionPolicyBinding", &["spec", "policyName"])],
        in_maps: &[],
    },
];

/// A workload that an autoscaler refers to.
const fn scaled(kind: &'static str) -> Referred {
    Referred {
        group: "apps",
        kind,
        in_pods: &[],
        in_kinds: &[],
        in_maps: &[("HorizontalPodAutoscaler", &["spec", "scaleTargetRef"])],
    }
}
