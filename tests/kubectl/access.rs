//! `auth` and certificates.

use crate::step::{Step, fails, step};

pub(crate) fn steps() -> Vec<Step> {
    vec![
        step("kubectl auth can-i create deployments.apps", "yes"),
        step("kubectl auth can-i '*' '*' --all-namespaces", "yes"),
        step("kubectl auth can-i get /healthz", "yes"),
        step("kubectl auth can-i get nodes --as=bob", "yes").warns("Warning: resource 'nodes' is not namespace scoped…"),
        step("kubectl auth can-i delete nodes --as=bob", "no").code(1),
        step("kubectl auth can-i list pods --as=eve", "yes"),
        step("kubectl get pods --as=eve -o name | wc -l | grep -vx 0 | wc -l", "1"),
        fails("kubectl get secrets --as=eve", "Error from server (Forbidden): secrets is forbidden: User \"eve\" cannot list resource \"secrets\" in API group \"\" in the namespace \"tour\""),
        fails("kubectl delete pod solo --as=eve --as-group=team", "Error from server (Forbidden): pods \"solo\" is forbidden: User \"eve\" cannot delete resource \"pods\" in API group \"\" in the namespace \"tour\""),
        step("kubectl auth whoami -o jsonpath='{.status.userInfo.groups}'", "[\"system:masters\",\"system:authenticated\"]").since(30),
        step("kubectl auth whoami --as=eve", "ATTRIBUTE   VALUE\nUsername    eve\nGroups      [system:authenticated]").since(30),
        step("kubectl create token robot | tr -dc . | wc -c", "2").since(30),
        step("kubectl --token=\"$(kubectl create token robot)\" --kubeconfig=/dev/null --server=https://127.0.0.1:6443 --insecure-skip-tls-verify auth whoami -o jsonpath='{.status.userInfo.username}'", "system:serviceaccount:tour:robot").since(30),
        step("kubectl auth can-i --list", "Resources…Non-Resource URLs…Resource Names…Verbs\n*.*…[*]\n…"),
        step("kubectl auth reconcile -f -", "role.rbac.authorization.k8s.io/reconciled reconciled…")
            .input("{apiVersion: rbac.authorization.k8s.io/v1, kind: Role, metadata: {name: reconciled, namespace: tour}, rules: [{apiGroups: [\"\"], resources: [pods], verbs: [get]}]}"),
        step("kubectl get clusterrole view -o jsonpath='{.metadata.labels}'", "{…\"kubernetes.io/bootstrapping\":\"rbac-defaults\"…}"),
        step("kubectl get clusterrolebinding cluster-admin -o wide --no-headers | tr -s ' ' | cut -d' ' -f 1-2", "cluster-admin ClusterRole/cluster-admin"),
    ]
}
