//! Kinds of the core group.

use super::{REPLICAS, events, row, selectable, selectable_fields, selectable_switch};
use crate::columns::{config, namespace, node, pod, replica_set, service, storage, workload};
use crate::defaults;
use crate::validation;
use crate::{Kind, NameRule, SelectableField, Subresource};

pub(super) fn kinds() -> Vec<Kind> {
    let core = |kind, plural| row("", "v1", kind, plural);
    vec![
        core("Binding", "bindings").namespaced().only_answered(),
        core("ConfigMap", "configmaps")
            .namespaced()
            .short(&["cm"])
            .columns(config::config_map())
            .validate(validation::config::config_map)
            .validate_update(validation::config::config_map_update),
        core("Endpoints", "endpoints")
            .namespaced()
            .short(&["ep"])
            .columns(service::endpoints())
            .defaults(defaults::service::endpoints)
            .validate(validation::network::endpoints),
        events::of_core(),
        core("LimitRange", "limitranges")
            .namespaced()
            .short(&["limits"])
            .defaults(defaults::policy::limit_range)
            .validate(validation::policy::limit_range),
        core("Namespace", "namespaces")
            .short(&["ns"])
            .names(NameRule::Label)
            .status()
            .subresource(Subresource::Finalize)
            .columns(namespace::columns())
            .defaults(defaults::namespace::default)
            .on_create(defaults::namespace::prepare_create)
            .on_update(defaults::namespace::prepare_update)
            .validate(validation::namespace::validate)
            .selectable(selectable_fields!["status.phase"]),
        core("Node", "nodes")
            .short(&["no"])
            .status()
            .subresource(Subresource::Proxy { options: "NodeProxyOptions".into() })
            .columns(node::columns())
            .defaults(defaults::node::default)
            // A node registers with its status.
            .on_create(|_| {})
            .validate(validation::node::validate)
            .validate_update(validation::node::validate_update)
            .selectable(&[("spec.unschedulable", |node| selectable_switch(node, "spec.unschedulable"))]),
        core("PersistentVolume", "persistentvolumes")
            .short(&["pv"])
            .status()
            .columns(storage::volume())
            .defaults(defaults::volume::persistent_volume)
            .on_create(defaults::volume::prepare_claim)
            .validate(validation::storage::volume)
            .validate_update(validation::storage::volume_update),
        core("PersistentVolumeClaim", "persistentvolumeclaims")
            .namespaced()
            .short(&["pvc"])
            .status()
            .columns(storage::claim())
            .defaults(defaults::volume::claim)
            .on_create(defaults::volume::prepare_claim)
            .validate(validation::storage::claim)
            .validate_update(validation::storage::claim_update),
        core("Pod", "pods")
            .namespaced()
            .short(&["po"])
            .in_all()
            .status()
            .subresource(Subresource::Binding)
            .subresource(Subresource::Eviction)
            .subresource(Subresource::Log)
            .subresource(Subresource::Exec)
            .subresource(Subresource::Attach)
            .subresource(Subresource::PortForward)
            .subresource(Subresource::Proxy { options: "PodProxyOptions".into() })
            .columns(pod::columns())
            .defaults(defaults::pod::default)
            .on_create(defaults::pod::prepare_create)
            .validate(validation::pod::validate)
            .validate_update(validation::pod::validate_update)
            .selectable(POD_FIELDS),
        core("PodTemplate", "podtemplates")
            .namespaced()
            .columns(workload::pod_template())
            .defaults(defaults::pod::default_template)
            .validate(validation::workload::validate_pod_template),
        core("ReplicationController", "replicationcontrollers")
            .namespaced()
            .short(&["rc"])
            .in_all()
            .status()
            .scale()
            .columns(replica_set::columns())
            .defaults(defaults::workload::replication_controller)
            .validate(validation::workload::validate_replication_controller)
            .caveat("replication controllers are stored, but no pods are made of them yet")
            .selectable(REPLICAS),
        core("ResourceQuota", "resourcequotas")
            .namespaced()
            .short(&["quota"])
            .status()
            .defaults(defaults::policy::resource_quota)
            .validate(validation::policy::resource_quota)
            .validate_update(validation::policy::resource_quota_update),
        core("Secret", "secrets")
            .namespaced()
            .columns(config::secret())
            .defaults(defaults::secret::default)
            .on_create(defaults::secret::prepare_create)
            .on_update(defaults::secret::prepare_update)
            .validate(validation::config::secret)
            .validate_update(validation::config::secret_update)
            .selectable(selectable_fields!["type"]),
        core("Service", "services")
            .namespaced()
            .short(&["svc"])
            .in_all()
            .names(NameRule::Rfc1035Label)
            .status()
            .subresource(Subresource::Proxy { options: "ServiceProxyOptions".into() })
            .columns(service::columns())
            .defaults(defaults::service::default)
            .on_create(defaults::service::prepare_create)
            .on_update(defaults::service::prepare_update)
            .validate(validation::service::validate)
            .validate_update(validation::service::validate_update)
            .selectable(selectable_fields!["spec.clusterIP", "spec.type"]),
        core("ServiceAccount", "serviceaccounts").namespaced().short(&["sa"]).subresource(Subresource::Token),
    ]
}

const POD_FIELDS: &[SelectableField] = &[
    ("spec.hostNetwork", |pod| selectable_switch(pod, "spec.hostNetwork")),
    ("spec.nodeName", |pod| selectable(pod, "spec.nodeName")),
    ("spec.restartPolicy", |pod| selectable(pod, "spec.restartPolicy")),
    ("spec.schedulerName", |pod| selectable(pod, "spec.schedulerName")),
    ("spec.serviceAccountName", |pod| selectable(pod, "spec.serviceAccountName")),
    ("status.nominatedNodeName", |pod| selectable(pod, "status.nominatedNodeName")),
    ("status.phase", |pod| selectable(pod, "status.phase")),
    ("status.podIP", |pod| selectable(pod, "status.podIP")),
    // Upstream takes it and compares with nothing.
    ("status.podIPs", |_| String::new()),
];
