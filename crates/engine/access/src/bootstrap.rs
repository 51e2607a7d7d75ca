//! The roles and bindings that exist from the first start, under upstream's names ("Using RBAC Authorization",
//! default roles and role bindings), for the kinds that Bythos serves; and how what is stored is brought up to them.

mod reconcile;
mod rows;

use serde_json::{Map, Value, json};

use crate::user::{AUTHENTICATED, MASTERS, SERVICE_ACCOUNTS, UNAUTHENTICATED};
pub use reconcile::{Reconciled, reconcile};
use rows::ResourceRow;

/// The roles and bindings that exist from the first start. Bindings come after the roles that they name.
pub fn bootstrap_objects() -> Vec<Value> {
    let everything = json!([
        {"verbs": ["*"], "apiGroups": ["*"], "resources": ["*"]},
        {"verbs": ["*"], "nonResourceURLs": ["*"]},
    ]);
    let role = |name: &str, rows: &[ResourceRow]| cluster_role(name, &resource_rules(rows));
    let issuer_discovery = "system:service-account-issuer-discovery";
    vec![
        cluster_role("cluster-admin", &everything),
        aggregated_role("admin", None),
        aggregated_role("edit", Some("admin")),
        aggregated_role("view", Some("edit")),
        aggregated_part("admin", rows::ADMIN),
        aggregated_part("edit", rows::EDIT),
        aggregated_part("view", rows::VIEW),
        role("system:auth-delegator", rows::AUTH_DELEGATOR),
        role("system:basic-user", rows::BASIC_USER),
        cluster_role("system:discovery", &path_rules(rows::DISCOVERY_PATHS)),
        role("system:kube-dns", rows::KUBE_DNS),
        role("system:kubelet-api-admin", rows::KUBELET_API_ADMIN),
        cluster_role("system:monitoring", &path_rules(rows::MONITORING_PATHS)),
        role("system:node-proxier", rows::NODE_PROXIER),
        role("system:persistent-volume-provisioner", rows::VOLUME_PROVISIONER),
        cluster_role("system:public-info-viewer", &path_rules(rows::PUBLIC_PATHS)),
        cluster_role(issuer_discovery, &path_rules(rows::ISSUER_PATHS)),
        authentication_reader(),
        binding("cluster-admin", &[MASTERS]),
        binding("system:basic-user", &[AUTHENTICATED]),
        binding("system:discovery", &[AUTHENTICATED]),
        binding("system:monitoring", &["system:monitoring"]),
        binding("system:public-info-viewer", &[AUTHENTICATED, UNAUTHENTICATED]),
        binding(issuer_discovery, &[SERVICE_ACCOUNTS]),
    ]
}

/// For servers behind this API, which read there how to know it.
fn authentication_reader() -> Value {
    let mut metadata = metadata("extension-apiserver-authentication-reader", None);
    metadata["namespace"] = json!("kube-system");
    json!({
        "apiVersion": "rbac.authorization.k8s.io/v1",
        "kind": "Role",
        "metadata": metadata,
        "rules": [{
            "verbs": rows::READ,
            "apiGroups": [""],
            "resources": ["configmaps"],
            "resourceNames": ["extension-apiserver-authentication"],
        }],
    })
}

fn cluster_role(name: &str, rules: &Value) -> Value {
    json!({
        "apiVersion": "rbac.authorization.k8s.io/v1",
        "kind": "ClusterRole",
        "metadata": metadata(name, None),
        "rules": rules,
    })
}

/// A role that is the sum of the roles labelled for it, and is itself part of the role `part_of`.
fn aggregated_role(name: &str, part_of: Option<&str>) -> Value {
    json!({
        "apiVersion": "rbac.authorization.k8s.io/v1",
        "kind": "ClusterRole",
        "metadata": metadata(name, part_of),
        "aggregationRule": {"clusterRoleSelectors": [{"matchLabels": {aggregate_label(name): "true"}}]},
    })
}

fn aggregated_part(of: &str, rows: &[ResourceRow]) -> Value {
    let mut role = cluster_role(&format!("system:aggregate-to-{of}"), &resource_rules(rows));
    role["metadata"] = metadata(&format!("system:aggregate-to-{of}"), Some(of));
    role
}

fn binding(role: &str, groups: &[&str]) -> Value {
    let subjects: Vec<Value> = groups
        .iter()
        .map(|group| json!({"kind": "Group", "apiGroup": "rbac.authorization.k8s.io", "name": group}))
        .collect();
    json!({
        "apiVersion": "rbac.authorization.k8s.io/v1",
        "kind": "ClusterRoleBinding",
        "metadata": metadata(role, None),
        "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": role},
        "subjects": subjects,
    })
}

fn metadata(name: &str, part_of: Option<&str>) -> Value {
    let mut labels = Map::new();
    labels.insert("kubernetes.io/bootstrapping".to_owned(), json!("rbac-defaults"));
    if let Some(of) = part_of {
        labels.insert(aggregate_label(of), json!("true"));
    }
    json!({
        "name": name,
        "labels": labels,
        "annotations": {"rbac.authorization.kubernetes.io/autoupdate": "true"},
    })
}

fn aggregate_label(role: &str) -> String {
    format!("rbac.authorization.k8s.io/aggregate-to-{role}")
}

fn resource_rules(rows: &[ResourceRow]) -> Value {
    let rule = |(group, resources, verbs): &ResourceRow| json!({"verbs": verbs, "apiGroups": [group], "resources": resources});
    rows.iter().map(rule).collect()
}

fn path_rules(paths: &[&str]) -> Value {
    json!([{"verbs": ["get"], "nonResourceURLs": paths}])
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::bootstrap_objects;
    use crate::{Policy, Request, User};

    fn policy(role: &str) -> Policy {
        let (mut bindings, mut roles): (Vec<Value>, Vec<Value>) =
            bootstrap_objects().into_iter().partition(|object| object["kind"] == "ClusterRoleBinding");
        roles.retain(|role| role["kind"] == "ClusterRole");
        bindings.push(json!({
            "metadata": {"name": "ada"},
            "roleRef": {"kind": "ClusterRole", "name": role},
            "subjects": [{"kind": "User", "name": "ada"}],
        }));
        let (policy, problems) = Policy::compile(&[], &[], &roles, &bindings);
        assert!(problems.is_empty(), "{problems:?}");
        policy
    }

    #[track_caller]
    fn check(role: &str, verb: &str, group: &str, resource: &str, allowed: bool) {
        let (resource, subresource) = resource.split_once('/').unwrap_or((resource, ""));
        let request = Request::Resource { verb, group, resource, subresource, namespace: "shop", name: "x" };
        let decision = policy(role).authorize(&User::authenticated("ada", &[]), &request);
        assert_eq!(decision.allowed, allowed, "{role}: {verb} {group}/{resource}/{subresource}");
    }

    #[test]
    fn admin_holds_edit_and_edit_holds_view() {
        for role in ["view", "edit", "admin", "cluster-admin"] {
            check(role, "get", "", "pods", true);
            check(role, "list", "apps", "deployments", true);
            check(role, "get", "", "pods/log", true);
            check(role, "get", "", "secrets", role != "view");
            check(role, "patch", "apps", "deployments/scale", role != "view");
            check(role, "create", "rbac.authorization.k8s.io", "roles", role.ends_with("admin"));
            check(role, "get", "", "nodes", role == "cluster-admin");
        }
    }

    #[test]
    fn strangers_see_the_version_and_users_discover() {
        let policy = policy("view");
        let may =
            |user: &User, path: &str| policy.authorize(user, &Request::Path { verb: "get", path }).allowed;
        let (stranger, user) = (User::anonymous(), User::authenticated("bob", &[]));
        assert!(may(&stranger, "/version") && may(&stranger, "/readyz"));
        assert!(!may(&stranger, "/api") && !may(&stranger, "/apis/apps/v1"));
        assert!(may(&user, "/version") && may(&user, "/apis/apps/v1") && may(&user, "/openapi/v3"));
        assert!(!may(&user, "/metrics"));
    }

    #[test]
    fn every_object_is_marked_as_a_default() {
        for object in bootstrap_objects() {
            let metadata = &object["metadata"];
            assert_eq!(metadata["labels"]["kubernetes.io/bootstrapping"], "rbac-defaults", "{object}");
            assert_eq!(
                metadata["annotations"]["rbac.authorization.kubernetes.io/autoupdate"], "true",
                "{object}"
            );
        }
    }
}
