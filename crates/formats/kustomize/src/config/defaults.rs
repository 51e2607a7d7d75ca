//! The configuration for the kinds of Kubernetes, put together from what pods hold and who holds pods.
//!
//! These are facts of kustomize's behaviour: which workloads and fields it follows, its gaps included (a `ReplicationController`
//! is searched for accounts and claims but not for ConfigMaps).

use super::{Config, FieldSpec, Gvk, NameReference};

/// Kinds that hold a pod, and where its specification stands.
const POD: (&str, &str) = ("Pod", "spec");
const POD_TEMPLATE: (&str, &str) = ("PodTemplate", "template/spec");
const CONTROLLER: (&str, &str) = ("ReplicationController", "spec/template/spec");
const CRON_JOB: (&str, &str) = ("CronJob", "spec/jobTemplate/spec/template/spec");
const DEPLOYMENT: (&str, &str) = ("Deployment", "spec/template/spec");
const REPLICA_SET: (&str, &str) = ("ReplicaSet", "spec/template/spec");
const DAEMON_SET: (&str, &str) = ("DaemonSet", "spec/template/spec");
const STATEFUL_SET: (&str, &str) = ("StatefulSet", "spec/template/spec");
const JOB: (&str, &str) = ("Job", "spec/template/spec");

/// Searched for ConfigMaps and Secrets.
const MOUNTING: [(&str, &str); 8] =
    [POD, POD_TEMPLATE, DEPLOYMENT, REPLICA_SET, DAEMON_SET, STATEFUL_SET, JOB, CRON_JOB];
/// Searched for accounts, claims and priorities.
const RUNNING: [(&str, &str); 7] = [POD, STATEFUL_SET, DEPLOYMENT, CONTROLLER, CRON_JOB, JOB, DAEMON_SET];

const RBAC: &str = "rbac.authorization.k8s.io";
const ADMISSION: &str = "admissionregistration.k8s.io";

pub(super) fn config() -> Config {
    let mut config = Config {
        name_prefix: vec![FieldSpec::new(Gvk::default(), "metadata/name", false)],
        name_suffix: vec![FieldSpec::new(Gvk::default(), "metadata/name", false)],
        namespace: namespaces(),
        common_labels: selectors().into_iter().chain(template_labels()).collect(),
        labels: Vec::new(),
        template_labels: template_labels(),
        common_annotations: annotations(),
        name_reference: references(),
        var_reference: variables(),
        images: images(),
        replicas: ["Deployment", "ReplicationController", "ReplicaSet", "StatefulSet"]
            .map(|kind| made(("", kind), "spec/replicas"))
            .into(),
    };
    config.sort();
    config
}

fn gvk(group: &str, version: &str, kind: &str) -> Gvk {
    Gvk { group: group.to_owned(), version: version.to_owned(), kind: kind.to_owned() }
}

/// A field that is made where it is missing.
fn made((group, kind): (&str, &str), path: &str) -> FieldSpec {
    FieldSpec::new(gvk(group, "", kind), path, true)
}

/// A field that is changed where it is.
fn found((group, kind): (&str, &str), path: &str) -> FieldSpec {
    FieldSpec::new(gvk(group, "", kind), path, false)
}

fn namespaces() -> Vec<FieldSpec> {
    vec![
        made(("", "Namespace"), "metadata/name"),
        made(("apiregistration.k8s.io", "APIService"), "spec/service/namespace"),
        found(
            ("apiextensions.k8s.io", "CustomResourceDefinition"),
            "spec/conversion/webhook/clientConfig/service/namespace",
        ),
    ]
}

fn images() -> Vec<FieldSpec> {
    let pods = ["spec", "spec/template/spec"];
    let lists = ["containers", "initContainers"];
    let path = |pod, list| FieldSpec::everywhere(&format!("{pod}/{list}[]/image"));
    pods.iter().flat_map(|pod| lists.iter().map(move |list| path(pod, list))).collect()
}

/// Metadata of what a kind makes others from.
fn templates() -> [(&'static str, &'static str, &'static str); 8] {
    [
        ("", "ReplicationController", "spec/template/metadata"),
        ("", "Deployment", "spec/template/metadata"),
        ("", "ReplicaSet", "spec/template/metadata"),
        ("", "DaemonSet", "spec/template/metadata"),
        ("apps", "StatefulSet", "spec/template/metadata"),
        ("batch", "Job", "spec/template/metadata"),
        ("batch", "CronJob", "spec/jobTemplate/metadata"),
        ("batch", "CronJob", "spec/jobTemplate/spec/template/metadata"),
    ]
}

fn version_of(kind: &str) -> &'static str {
    if matches!(kind, "ReplicationController" | "Service") { "v1" } else { "" }
}

fn template_labels() -> Vec<FieldSpec> {
    let template = |(group, kind, path): (&str, &str, &str)| {
        FieldSpec::new(gvk(group, version_of(kind), kind), &format!("{path}/labels"), true)
    };
    let claims = made(("apps", "StatefulSet"), "spec/volumeClaimTemplates[]/metadata/labels");
    [FieldSpec::everywhere("metadata/labels"), claims].into_iter().chain(templates().map(template)).collect()
}

fn annotations() -> Vec<FieldSpec> {
    let template = |(group, kind, path): (&str, &str, &str)| {
        let group = if kind == "StatefulSet" { "" } else { group };
        FieldSpec::new(gvk(group, version_of(kind), kind), &format!("{path}/annotations"), true)
    };
    [FieldSpec::everywhere("metadata/annotations")].into_iter().chain(templates().map(template)).collect()
}

fn selectors() -> Vec<FieldSpec> {
    const POLICY: (&str, &str) = ("networking.k8s.io", "NetworkPolicy");
    let mut specs = vec![
        FieldSpec::new(gvk("", "v1", "Service"), "spec/selector", true),
        FieldSpec::new(gvk("", "v1", "ReplicationController"), "spec/selector", true),
        found(("batch", "Job"), "spec/selector/matchLabels"),
        found(("batch", "CronJob"), "spec/jobTemplate/spec/selector/matchLabels"),
        found(("policy", "PodDisruptionBudget"), "spec/selector/matchLabels"),
        found(POLICY, "spec/podSelector/matchLabels"),
        found(POLICY, "spec/ingress/from/podSelector/matchLabels"),
        found(POLICY, "spec/egress/to/podSelector/matchLabels"),
    ];
    for (group, kind) in [("", "Deployment"), ("", "ReplicaSet"), ("", "DaemonSet"), ("apps", "StatefulSet")]
    {
        specs.push(made((group, kind), "spec/selector/matchLabels"));
    }
    for kind in ["Deployment", "StatefulSet"] {
        let neighbours = ["podAffinity", "podAntiAffinity"].into_iter().flat_map(|affinity| {
            [("preferred", "podAffinityTerm/"), ("required", "")].map(|(when, term)| {
                format!(
                    "affinity/{affinity}/{when}DuringSchedulingIgnoredDuringExecution/{term}labelSelector"
                )
            })
        });
        for selector in neighbours.chain(["topologySpreadConstraints/labelSelector".to_owned()]) {
            specs.push(found(("apps", kind), &format!("spec/template/spec/{selector}/matchLabels")));
        }
    }
    specs
}

fn variables() -> Vec<FieldSpec> {
    const IN_CONTAINERS: [&str; 4] = ["args", "command", "env/value", "volumeMounts/mountPath"];
    let mut specs = Vec::new();
    for (kind, pod) in [CRON_JOB, DAEMON_SET, DEPLOYMENT, JOB, POD, REPLICA_SET, STATEFUL_SET] {
        for list in ["containers", "initContainers"] {
            let path = |field| found(("", kind), &format!("{pod}/{list}/{field}"));
            specs.extend(IN_CONTAINERS.map(path));
        }
    }
    for (kind, pod) in [DAEMON_SET, DEPLOYMENT, JOB, POD, REPLICA_SET] {
        specs.push(found(("", kind), &format!("{pod}/volumes/nfs/server")));
    }
    let others = [
        ("CronJob", "spec/jobTemplate/spec/template/volumes/nfs/server"),
        ("Deployment", "spec/template/metadata/annotations"),
        ("Ingress", "spec/rules/host"),
        ("Ingress", "spec/tls/hosts"),
        ("Ingress", "spec/tls/secretName"),
        ("Service", "spec/ports/port"),
        ("Service", "spec/ports/targetPort"),
        ("StatefulSet", "spec/volumeClaimTemplates/spec/nfs/server"),
        ("PersistentVolume", "spec/nfs/server"),
        ("", "metadata/labels"),
        ("", "metadata/annotations"),
    ];
    specs.extend(others.map(|(kind, path)| found(("", kind), path)));
    specs
}

/// A field below the specification of every pod that `holders` have.
fn in_pods(holders: &[(&str, &str)], paths: &[&str]) -> Vec<FieldSpec> {
    let below = |(kind, pod): &(&str, &str)| {
        paths.iter().map(|path| found(("", kind), &format!("{pod}/{path}"))).collect::<Vec<_>>()
    };
    holders.iter().flat_map(below).collect()
}

fn references() -> Vec<NameReference> {
    let mut references = vec![config_maps(), secrets(), services(), roles("Role"), roles("ClusterRole")];
    for kind in ["Deployment", "ReplicationController", "ReplicaSet", "StatefulSet"] {
        let scaled = found(("", "HorizontalPodAutoscaler"), "spec/scaleTargetRef/name");
        references.push(NameReference { referred: gvk("", "", kind), referrers: vec![scaled] });
    }
    let accounts = [(RBAC, "RoleBinding"), (RBAC, "ClusterRoleBinding")].map(|kind| found(kind, "subjects"));
    references.push(NameReference {
        referred: gvk("", "v1", "ServiceAccount"),
        referrers: accounts.into_iter().chain(in_pods(&RUNNING, &["serviceAccountName"])).collect(),
    });
    references.push(NameReference {
        referred: gvk("", "v1", "PersistentVolumeClaim"),
        referrers: in_pods(&RUNNING, &["volumes/persistentVolumeClaim/claimName"]),
    });
    references.push(NameReference {
        referred: gvk("scheduling.k8s.io", "v1", "PriorityClass"),
        referrers: in_pods(&RUNNING, &["priorityClassName"]),
    });
    references.extend(volumes_and_classes());
    references
}

fn volumes_and_classes() -> [NameReference; 4] {
    [
        NameReference {
            referred: gvk("", "v1", "PersistentVolume"),
            referrers: vec![
                found(("", "PersistentVolumeClaim"), "spec/volumeName"),
                found(("", "ClusterRole"), "rules/resourceNames"),
            ],
        },
        NameReference {
            referred: gvk("storage.k8s.io", "v1", "StorageClass"),
            referrers: vec![
                found(("", "PersistentVolume"), "spec/storageClassName"),
                found(("", "PersistentVolumeClaim"), "spec/storageClassName"),
                found(("", "StatefulSet"), "spec/volumeClaimTemplates/spec/storageClassName"),
            ],
        },
        // kustomize looks for a group of this odd name, so that it never finds an IngressClass.
        NameReference {
            referred: gvk("networking.k8s.io/v1", "v1", "IngressClass"),
            referrers: vec![found(("", "Ingress"), "spec/ingressClassName")],
        },
        NameReference {
            referred: gvk(ADMISSION, "", "ValidatingAdmissionPolicy"),
            referrers: vec![found((ADMISSION, "ValidatingAdmissionPolicyBinding"), "spec/policyName")],
        },
    ]
}

fn config_maps() -> NameReference {
    let mut referrers = in_pods(
        &MOUNTING,
        &[
            "volumes/configMap/name",
            "containers/env/valueFrom/configMapKeyRef/name",
            "initContainers/env/valueFrom/configMapKeyRef/name",
            "containers/envFrom/configMapRef/name",
            "initContainers/envFrom/configMapRef/name",
            "volumes/projected/sources/configMap/name",
        ],
    );
    referrers.extend([
        found(("", "Node"), "spec/configSource/configMap"),
        found(("", "Role"), "rules/resourceNames"),
        found(("", "ClusterRole"), "rules/resourceNames"),
        found(("", "Ingress"), r"metadata/annotations/nginx.ingress.kubernetes.io\/fastcgi-params-configmap"),
    ]);
    NameReference { referred: gvk("", "v1", "ConfigMap"), referrers }
}

fn secrets() -> NameReference {
    let mut referrers = in_pods(
        &MOUNTING,
        &[
            "volumes/secret/secretName",
            "containers/env/valueFrom/secretKeyRef/name",
            "initContainers/env/valueFrom/secretKeyRef/name",
            "containers/envFrom/secretRef/name",
            "initContainers/envFrom/secretRef/name",
            "imagePullSecrets/name",
            "volumes/projected/sources/secret/name",
        ],
    );
    let others = [
        ("Ingress", "spec/tls/secretName"),
        ("Ingress", r"metadata/annotations/ingress.kubernetes.io\/auth-secret"),
        ("Ingress", r"metadata/annotations/nginx.ingress.kubernetes.io\/auth-secret"),
        ("Ingress", r"metadata/annotations/nginx.ingress.kubernetes.io\/auth-tls-secret"),
        ("ServiceAccount", "imagePullSecrets/name"),
        ("StorageClass", "parameters/secretName"),
        ("StorageClass", "parameters/adminSecretName"),
        ("StorageClass", "parameters/userSecretName"),
        ("StorageClass", "parameters/secretRef"),
        ("Role", "rules/resourceNames"),
        ("ClusterRole", "rules/resourceNames"),
        ("PersistentVolume", "spec/azureFile/secretName"),
    ];
    referrers.extend(others.map(|(kind, path)| found(("", kind), path)));
    let knative = gvk("serving.knative.dev", "v1", "Service");
    referrers.push(FieldSpec::new(
        knative,
        "spec/template/spec/containers/env/valueFrom/secretKeyRef/name",
        false,
    ));
    NameReference { referred: gvk("", "v1", "Secret"), referrers }
}

fn services() -> NameReference {
    let webhooks = ["ValidatingWebhookConfiguration", "MutatingWebhookConfiguration"]
        .map(|kind| found((ADMISSION, kind), "webhooks/clientConfig/service"));
    let backends = [
        "spec/rules/http/paths/backend/serviceName",
        "spec/backend/serviceName",
        "spec/rules/http/paths/backend/service/name",
        "spec/defaultBackend/service/name",
    ]
    .map(|path| found(("", "Ingress"), path));
    let others = [
        found(("apps", "StatefulSet"), "spec/serviceName"),
        found(("apiregistration.k8s.io", "APIService"), "spec/service/name"),
    ];
    let referrers = others.into_iter().chain(backends).chain(webhooks).collect();
    NameReference { referred: gvk("", "v1", "Service"), referrers }
}

fn roles(kind: &str) -> NameReference {
    let bindings: &[&str] =
        if kind == "Role" { &["RoleBinding"] } else { &["RoleBinding", "ClusterRoleBinding"] };
    NameReference {
        referred: gvk(RBAC, "", kind),
        referrers: bindings.iter().map(|binding| found((RBAC, binding), "roleRef/name")).collect(),
    }
}
