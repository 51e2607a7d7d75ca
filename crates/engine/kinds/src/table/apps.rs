//! Kinds of `apps`.

use super::{REPLICAS, row};
use crate::Kind;
use crate::columns::{deployment, replica_set, workload};
use crate::defaults;
use crate::validation::workload as validation;

pub(super) fn kinds() -> Vec<Kind> {
    let apps = |kind, plural| row("apps", "v1", kind, plural).namespaced();
    vec![
        apps("ControllerRevision", "controllerrevisions")
            .columns(workload::controller_revision())
            .validate(validation::validate_revision)
            .validate_update(validation::validate_revision_update),
        apps("DaemonSet", "daemonsets")
            .short(&["ds"])
            .in_all()
            .status()
            .columns(workload::daemon_set())
            .defaults(defaults::workload::daemon_set)
            .on_create(defaults::workload::prepare_daemon_set)
            .on_update(defaults::workload::prepare_daemon_set_update)
            .validate(validation::validate_daemon_set)
            .validate_update(validation::validate_update),
        apps("Deployment", "deployments")
            .short(&["deploy"])
            .in_all()
            .status()
            .scale()
            .columns(deployment::columns())
            .defaults(defaults::workload::deployment)
            .validate(validation::validate_deployment)
            .validate_update(validation::validate_update),
        apps("ReplicaSet", "replicasets")
            .short(&["rs"])
            .in_all()
            .status()
            .scale()
            .columns(replica_set::columns())
            .defaults(defaults::workload::replica_set)
            .validate(validation::validate)
            .validate_update(validation::validate_update)
            .selectable(REPLICAS),
        apps("StatefulSet", "statefulsets")
            .short(&["sts"])
            .in_all()
            .status()
            .scale()
            .columns(workload::stateful_set())
            .defaults(defaults::workload::stateful_set)
            .validate(validation::validate_stateful_set)
            .validate_update(validation::validate_stateful_set_update),
    ]
}
