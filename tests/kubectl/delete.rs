//! `delete` in every propagation.

use crate::step::{Step, fails, step};

pub(crate) fn steps() -> Vec<Step> {
    vec![
        step("kubectl delete cm warned --dry-run=server", "configmap \"warned\" deleted…(server dry run)")
            .since(30),
        step(
            "kubectl delete cm warned ignored --dry-run=client",
            "configmap \"warned\" deleted…(dry run)\nconfigmap \"ignored\" deleted…(dry run)",
        )
        .since(30),
        step(
            "kubectl delete cm warned ignored",
            "configmap \"warned\" deleted…\nconfigmap \"ignored\" deleted…",
        )
        .since(30),
        step("kubectl delete cm -l made=generated", "configmap \"gen-…\" deleted…"),
        step("kubectl delete -f -", "configmap \"ap\" deleted…")
            .input("{apiVersion: v1, kind: ConfigMap, metadata: {name: ap}}"),
        fails("kubectl delete cm nope", "Error from server (NotFound): configmaps \"nope\" not found"),
        step("kubectl delete cm nope --ignore-not-found", ""),
        step("kubectl delete cm -l none=such", "No resources found"),
        fails("kubectl delete cm", "error: resource(s) were provided, but no name…"),
        step("kubectl delete pod solo --grace-period=0 --force", "pod \"solo\" force deleted…")
            .warns("…mmediate deletion does not wait for confirmation…"),
        fails("kubectl get pod solo", "Error from server (NotFound): pods \"solo\" not found").comes_true(),
        step("kubectl delete deploy web --cascade=orphan", "deployment.apps \"web\" deleted…"),
        step("kubectl get rs -l app=web -o name | wc -l | grep -vx 0 | wc -l", "1"),
        step("kubectl get rs -l app=web -o jsonpath='{.items[*].metadata.ownerReferences}'", "").comes_true(),
        step(
            "kubectl delete rs -l app=web --cascade=foreground --wait=false",
            "replicaset.apps \"web-…\" deleted…",
        ),
        step("kubectl delete deploy roll --cascade=background", "deployment.apps \"roll\" deleted…"),
        step("kubectl get rs -l app=roll -o name", "").comes_true(),
        step("kubectl create -f -", "configmap/held created").input(
            "{apiVersion: v1, kind: ConfigMap, metadata: {name: held, finalizers: [example.org/hold]}}",
        ),
        step("kubectl delete cm held --wait=false", "configmap \"held\" deleted…"),
        step("kubectl get cm held -o jsonpath='{.metadata.deletionTimestamp}' | wc -c", "20"),
        fails(
            "kubectl delete cm held --timeout=1s",
            "error: timed out waiting for the condition on configmaps/held",
        )
        .prints("configmap \"held\" deleted…"),
        step(
            "kubectl patch cm held --type=merge -p '{\"metadata\":{\"finalizers\":null}}'",
            "configmap/held patched",
        ),
        fails("kubectl get cm held", "Error from server (NotFound): configmaps \"held\" not found"),
        step("kubectl delete --raw /api/v1/namespaces/tour/configmaps/server", "{…\"status\":\"Success\"…}"),
        step("kubectl delete secrets,services --all | wc -l", "8"),
        step("kubectl delete deploy,rs,jobs --all --cascade=background -o name | grep -c deployment", "1"),
        // No kubelet is there to end them.
        step(
            "kubectl delete pods --all --grace-period=0 --force >/dev/null 2>&1; kubectl get pods -o name",
            "",
        )
        .comes_true(),
        step("kubectl delete node one", "node \"one\" deleted"),
        step("kubectl delete ns tour --timeout=30s", "namespace \"tour\" deleted"),
        fails("kubectl get ns tour", "Error from server (NotFound): namespaces \"tour\" not found"),
        step(
            "kubectl delete clusterrole/tour-nodes clusterrolebinding/tour-nodes priorityclass/tour-high",
            "clusterrole.rbac.authorization.k8s.io \"tour-nodes\" deleted\nclusterrolebinding.rbac.authorization.k8s.io \"tour-nodes\" deleted\npriorityclass.scheduling.k8s.io \"tour-high\" deleted",
        ),
    ]
}
