//! Pods, and the pod templates of workloads.

use serde_json::{Value, json};

use super::{container, quality_of_service, quantity, volume};
use crate::fields::{at, fill, is_unset, items_in, make_object};

const CONTAINER_LISTS: [&str; 3] = ["initContainers", "containers", "ephemeralContainers"];

pub(crate) fn default(pod: &mut Value) {
    let Some(spec) = make_object(pod, "spec") else { return };
    // Upstream does these three for pods, but not for templates.
    fill(spec, "enableServiceLinks", true);
    let is_host_network = spec["hostNetwork"].as_bool().unwrap_or_default();
    for list in ["initContainers", "containers"] {
        for one in items_in(spec, list) {
            container::request_what_is_limited(one);
            if is_host_network {
                container::open_on_host(one);
            }
        }
    }
    default_spec(spec);
}

/// The template in `spec.template` of a workload.
pub(crate) fn default_template(workload_spec: &mut Value) {
    if let Some(spec) =
        make_object(workload_spec, "template").and_then(|template| make_object(template, "spec"))
    {
        default_spec(spec);
    }
}

fn default_spec(spec: &mut Value) {
    fill(spec, "dnsPolicy", "ClusterFirst");
    fill(spec, "restartPolicy", "Always");
    fill(spec, "terminationGracePeriodSeconds", 30);
    fill(spec, "schedulerName", "default-scheduler");
    fill(spec, "securityContext", json!({}));
    mirror_service_account(spec);
    for list in CONTAINER_LISTS {
        items_in(spec, list).for_each(container::default);
    }
    items_in(spec, "volumes").for_each(volume::default);
    quantity::canonicalise(spec.get_mut("overhead"));
    quantity::canonicalise_resources(spec.get_mut("resources"));
}

/// `serviceAccount` is the old name of `serviceAccountName`; clients read either.
fn mirror_service_account(spec: &mut Value) {
    for (from, to) in [("serviceAccountName", "serviceAccount"), ("serviceAccount", "serviceAccountName")] {
        if !is_unset(spec.get(from)) {
            let name = spec[from].clone();
            if let Value::Object(fields) = spec {
                fields.insert(to.to_owned(), name);
            }
            return;
        }
    }
}

/// A new pod has been neither scheduled nor started.
pub(crate) fn prepare_create(pod: &mut Value) {
    let class = quality_of_service::class_of(at(pod, "spec"));
    if let Value::Object(fields) = pod {
        fields.insert("status".to_owned(), json!({"phase": "Pending", "qosClass": class}));
    }
}
