//! `auth` and certificates.

use crate::step::{Step, step};

pub(crate) fn steps() -> Vec<Step> {
    vec![
        step("kubectl auth can-i create deployments.apps", "yes"),
        step("kubectl auth can-i '*' '*' --all-namespaces", "yes"),
        step("kubectl auth can-i get /healthz", "yes"),
        step("kubectl auth can-i --list", "Resources…Non-Resource URLs…Resource Names…Verbs\n*.*…[*]\n…"),
        step("kubectl auth reconcile -f -", "role.rbac.authorization.k8s.io/reconciled reconciled\n\treconciliation required create\n\tmissing rules added:\n\t\t{Verbs:[get] APIGroups:[] Resources:[pods] ResourceNames:[] NonResourceURLs:[]}")
            .input("{apiVersion: rbac.authorization.k8s.io/v1, kind: Role, metadata: {name: reconciled}, rules: [{apiGroups: [\"\"], resources: [pods], verbs: [get]}]}"),
        step("kubectl get clusterrole view -o jsonpath='{.metadata.labels}'", "{…\"kubernetes.io/bootstrapping\":\"rbac-defaults\"…}"),
        step("kubectl get clusterrolebinding cluster-admin -o wide --no-headers | tr -s ' ' | cut -d' ' -f 1-2", "cluster-admin ClusterRole/cluster-admin"),
    ]
}
