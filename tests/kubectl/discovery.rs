//! What there is: versions, resources, paths.

use crate::step::{Step, fails, step};

pub(crate) fn steps() -> Vec<Step> {
    vec![
        step("kubectl version -o json", "…\"serverVersion\": {…\"major\": \"1\",…\"minor\": \"37\"…"),
        step(
            "kubectl api-versions",
            "…apps/v1\n…batch/v1\n…rbac.authorization.k8s.io/v1\n…storage.k8s.io/v1\n…v1",
        ),
        step(
            "kubectl api-resources --api-group=apps -o name",
            "controllerrevisions.apps\ndaemonsets.apps\ndeployments.apps\nreplicasets.apps\nstatefulsets.apps",
        ),
        step(
            "kubectl api-resources --api-group='' --namespaced=false --verbs=list,get -o name",
            "…namespaces\nnodes\npersistentvolumes…",
        ),
        step("kubectl api-resources --no-headers | grep -w po | tr -s ' '", "pods po v1 true Pod"),
        step(
            "kubectl api-resources --api-group=apps --no-headers -o wide | grep ^deploy | tr -s ' ' | cut -d' ' -f 1-5",
            "deployments deploy apps/v1 true Deployment",
        ),
        step("kubectl api-resources --cached --no-headers | grep -c ^namespaces", "1"),
        step("kubectl cluster-info", "…control plane…https://127.0.0.1:6443…"),
        step("kubectl get --raw /version", "{…\"gitVersion\"…\"v1.37.0…}"),
        step("kubectl get --raw /healthz", "ok"),
        step("kubectl get --raw /livez/ping", "ok"),
        step("kubectl get --raw '/readyz?verbose'", "[+]ping ok\n…readyz check passed"),
        step("kubectl get --raw /api", "{…\"kind\":…\"APIVersions\"…}"),
        step("kubectl get --raw /apis/apps", "{…\"APIGroup\"…\"preferredVersion\"…}"),
        step("kubectl get --raw /apis/apps/v1", "{…\"APIResourceList\"…\"deployments/scale\"…}"),
        step("kubectl get --raw /", "{…\"paths\":…\"/apis/apps/v1\"…}"),
        step(
            "kubectl get --raw '/api/v1/namespaces?limit=1' | grep -o '\"continue\": *\"[^\"]' | cut -c 2-9",
            "continue",
        ),
        fails(
            "kubectl get --raw /nope",
            "Error from server (NotFound): the server could not find the requested resource",
        ),
        fails("kubectl get nopes", "error: the server doesn't have a resource type \"nopes\""),
        fails("kubectl get nopes.example.org", "error: the server doesn't have a resource type \"nopes\""),
        step(
            "kubectl get namespaces -o name",
            "namespace/bythos-system\nnamespace/default\nnamespace/kube-node-lease\nnamespace/kube-public\nnamespace/kube-system",
        ),
        step("kubectl get svc kubernetes -n default -o jsonpath='{.spec.clusterIP}'", "10.43.0.1"),
        step(
            "kubectl get cm kube-root-ca.crt -n default -o jsonpath='{.data}' | cut -c 1-12",
            "{\"ca.crt\":\"-",
        )
        .comes_true(),
        step("kubectl config set-context --current --namespace=tour", "Context \"…\" modified."),
    ]
}
