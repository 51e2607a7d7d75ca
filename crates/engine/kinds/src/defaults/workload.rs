//! Kinds that make pods from a template.

use serde_json::{Value, json};

use super::{pod, volume};
use crate::fields::{fill, items_in, make_object, text};

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

pub(crate) fn stateful_set(stateful_set: &mut Value) {
    let Some(spec) = make_object(stateful_set, "spec") else { return };
    fill(spec, "replicas", 1);
    fill(spec, "revisionHistoryLimit", 10);
    fill(spec, "podManagementPolicy", "OrderedReady");
    if let Some(rolling) = rolling_update(spec, "updateStrategy") {
        fill(rolling, "partition", 0);
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
