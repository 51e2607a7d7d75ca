use super::{DeletePolicy, HookEvent, Manifests, install_order, split, uninstall_order};

#[test]
fn documents_are_split_at_lines_that_begin_with_dashes() {
    assert_eq!(split("---\na: 1\n---  \n\n---\nb: 2\n"), ["a: 1\n", "b: 2\n"]);
    assert_eq!(split("a: |\n  ---\n---b: 2"), ["a: |\n  ---\n", "b: 2"]);
    assert_eq!(split(" \n---\n# only\n"), ["# only\n"]);
}

#[test]
fn kinds_are_made_in_the_order_in_which_they_need_each_other() {
    let text =
        "kind: Ingress\n---\nkind: Zebra\n---\nkind: Service\n---\nkind: Apple\n---\nkind: Namespace\n";
    let manifests = Manifests::sort([("c/templates/a.yaml", text)].into_iter()).unwrap();
    let kinds: Vec<&str> = manifests.resources.iter().map(|manifest| manifest.kind.as_str()).collect();
    assert_eq!(kinds, ["Namespace", "Service", "Ingress", "Apple", "Zebra"]);
}

#[test]
fn kinds_are_taken_away_the_other_way_round() {
    let mut kinds = ["Namespace", "Zebra", "Deployment", "Service", "Ingress", "IngressClass", "Secret"];
    kinds.sort_by(|left, right| uninstall_order(left, right));
    assert_eq!(kinds, ["Ingress", "IngressClass", "Service", "Deployment", "Secret", "Namespace", "Zebra"]);
}

/// As Helm 4 lists them, and what it knows nothing of.
const INSTALLED: &str = "PriorityClass Namespace NetworkPolicy ResourceQuota LimitRange PodSecurityPolicy \
    PodDisruptionBudget ServiceAccount Secret SecretList ConfigMap StorageClass PersistentVolume PersistentVolumeClaim \
    CustomResourceDefinition ClusterRole ClusterRoleList ClusterRoleBinding ClusterRoleBindingList Role RoleList RoleBinding \
    RoleBindingList Service DaemonSet Pod ReplicationController ReplicaSet Deployment HorizontalPodAutoscaler StatefulSet \
    Job CronJob IngressClass Ingress APIService MutatingWebhookConfiguration ValidatingWebhookConfiguration Apple Zebra";

const UNINSTALLED: &str = "ValidatingWebhookConfiguration MutatingWebhookConfiguration APIService Ingress IngressClass \
    Service CronJob Job StatefulSet HorizontalPodAutoscaler Deployment ReplicaSet ReplicationController Pod DaemonSet \
    RoleBindingList RoleBinding RoleList Role ClusterRoleBindingList ClusterRoleBinding ClusterRoleList ClusterRole \
    CustomResourceDefinition PersistentVolumeClaim PersistentVolume StorageClass ConfigMap SecretList Secret ServiceAccount \
    PodDisruptionBudget PodSecurityPolicy LimitRange ResourceQuota NetworkPolicy Namespace PriorityClass Apple Zebra";

#[test]
fn every_kind_has_its_place() {
    let by_name = |order: &'static str| {
        let mut kinds: Vec<&str> = order.split_whitespace().collect();
        kinds.sort_unstable();
        kinds
    };
    for (expected, order) in
        [(INSTALLED, install_order as fn(&str, &str) -> std::cmp::Ordering), (UNINSTALLED, uninstall_order)]
    {
        let mut kinds = by_name(expected);
        assert_eq!(kinds.len(), 40);
        kinds.sort_by(|left, right| order(left, right));
        assert_eq!(kinds, expected.split_whitespace().collect::<Vec<_>>());
    }
}

#[test]
fn an_annotation_makes_a_hook() {
    let text = "kind: Job\nmetadata:\n  name: migrate\n  annotations:\n    helm.sh/hook: pre-install, pre-upgrade\n    \
                helm.sh/hook-weight: '-5'\n    helm.sh/hook-delete-policy: hook-succeeded\n";
    let manifests = Manifests::sort([("c/templates/job.yaml", text)].into_iter()).unwrap();
    let [hook] = manifests.hooks.as_slice() else { panic!("{manifests:?}") };
    assert_eq!(hook.events, [HookEvent::PreInstall, HookEvent::PreUpgrade]);
    assert_eq!(
        (hook.weight, hook.delete_policies.as_slice()),
        (-5, [DeletePolicy::HookSucceeded].as_slice())
    );
}

#[test]
fn what_is_no_manifest_is_refused_with_its_file() {
    let error = Manifests::sort([("c/templates/a.yaml", "a: [")].into_iter()).unwrap_err();
    assert!(error.to_string().starts_with("c/templates/a.yaml: "), "{error}");
}
