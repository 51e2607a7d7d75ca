//! Kinds that make pods from a template.

use serde_json::{Value, json};

use super::{pod, volume};
use crate::fields::{at, fill, items_in, make_object, object_in, text};

pub(crate) fn deployment(deployment: &mut Value) {
    let Some(spec) = make_object(deployment, "spec") else { return };
    fill(spec, "replicas", 1);
    fill(spec, "revisionHistoryLimit", 10);
    fill(spec, "progressDeadlineSeconds", 600);
    if let Some(rolling) = rolling_update(spec, "strategy") {
        fill(rolling, "maxUnavailable", "25%");
        fill(rolling, "maxSurge", "25%");
    }
    pod::default_template(spec);
}

pub(crate) fn replica_set(replica_set: &mut Value) {
    let Some(spec) = make_object(replica_set, "spec") else { return };
    fill(spec, "replicas", 1);
    pod::default_template(spec);
}

/// A ReplicationController selects its own pods, and is labelled as they are.
pub(crate) fn replication_controller(controller: &mut Value) {
    let labels = at(controller, "spec.template.metadata.labels").clone();
    if let Some(spec) = make_object(controller, "spec") {
        fill(spec, "replicas", 1);
        if !labels.is_null() {
            fill(spec, "selector", labels.clone());
        }
        pod::default_template(spec);
    }
    if let (false, Some(metadata)) = (labels.is_null(), controller.get_mut("metadata")) {
        fill(metadata, "labels", labels);
    }
}

pub(crate) fn stateful_set(stateful_set: &mut Value) {
    let Some(spec) = make_object(stateful_set, "spec") else { return };
    fill(spec, "replicas", 1);
    fill(spec, "revisionHistoryLimit", 10);
    fill(spec, "podManagementPolicy", "OrderedReady");
    if let Some(rolling) = rolling_update(spec, "updateStrategy") {
        fill(rolling, "partition", 0);
        fill(rolling, "maxUnavailable", 1);
    }
    if let Some(retention) = make_object(spec, "persistentVolumeClaimRetentionPolicy") {
        fill(retention, "whenDeleted", "Retain");
        fill(retention, "whenScaled", "Retain");
    }
    for claim in items_in(spec, "volumeClaimTemplates") {
        fill(claim, "apiVersion", "v1");
        fill(claim, "kind", "PersistentVolumeClaim");
        volume::claim(claim);
        volume::prepare_claim(claim);
    }
    pod::default_template(spec);
}

pub(crate) fn daemon_set(daemon_set: &mut Value) {
    let Some(spec) = make_object(daemon_set, "spec") else { return };
    fill(spec, "revisionHistoryLimit", 10);
    if let Some(rolling) = rolling_update(spec, "updateStrategy") {
        fill(rolling, "maxUnavailable", 1);
        fill(rolling, "maxSurge", 0);
    }
    pod::default_template(spec);
}

/// Counts the templates of a DaemonSet: clients read it there and on its pods.
const TEMPLATE_GENERATION: &str = "deprecated.daemonset.template.generation";

pub(crate) fn prepare_daemon_set(daemon_set: &mut Value) {
    crate::table::clear_status(daemon_set);
    set_template_generation(daemon_set, 1);
}

pub(crate) fn prepare_daemon_set_update(old: &Value, new: &mut Value) {
    let before =
        old["metadata"]["annotations"][TEMPLATE_GENERATION].as_str().and_then(|text| text.parse().ok());
    let is_same = old["spec"]["template"] == new["spec"]["template"];
    set_template_generation(new, before.unwrap_or(1_i64).saturating_add(i64::from(!is_same)));
}

fn set_template_generation(daemon_set: &mut Value, generation: i64) {
    let annotations =
        make_object(daemon_set, "metadata").and_then(|metadata| object_in(metadata, "annotations"));
    if let Some(annotations) = annotations {
        annotations.insert(TEMPLATE_GENERATION.to_owned(), generation.to_string().into());
    }
}

/// The `rollingUpdate` of a strategy, made if the strategy is a rolling one, which it is by default.
fn rolling_update<'a>(spec: &'a mut Value, field: &str) -> Option<&'a mut Value> {
    let strategy = make_object(spec, field)?;
    fill(strategy, "type", "RollingUpdate");
    if text(strategy, "type") != "RollingUpdate" {
        return None;
    }
    fill(strategy, "rollingUpdate", json!({}));
    strategy.get_mut("rollingUpdate")
}
